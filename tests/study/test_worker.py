"""The process of a task that never comes to do it: a failed cell, not the end of the study."""

import os
import stat
import tempfile

import pytest

from ftft.config.load import load_experiment
from ftft.study.grid import Task
from ftft.study.job import Job
from ftft.study.worker import launch


@pytest.fixture
def job(experiment_file, tmp_path):
    return Job(Task("erm", "tiny", 0, main="main"), load_experiment(experiment_file), tmp_path)


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Puts a shell script in the place of Python."""

    def put(script):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr("sys.executable", str(path))

    return put


def test_a_process_that_dies_before_it_reads_its_task(job, python):
    python("echo no room >&2; exit 3")
    # It is dead before anything is written to it.
    outcome = launch(job, print, 1, lambda process: process.wait())
    assert outcome.task == job.task
    assert outcome.problem == "its process ended with status 3; its last words: no room"


def test_how_many_share_a_machine_that_ray_chose_is_not_known(job, python, monkeypatch):
    monkeypatch.setenv("FTFT_JOBS", "4")  # of the process that Ray started
    python('echo "jobs=<$FTFT_JOBS>" >&2; exit 3')
    assert launch(job, print, 1).problem.endswith("its last words: jobs=<>")


def test_a_process_that_cannot_be_started(job, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    outcome = launch(job, print, 1)
    assert outcome.problem == f"its process cannot be started ({os.strerror(2)})"


def test_no_room_for_what_it_says(job, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert launch(job, print, 1).problem == f"its process cannot be started ({os.strerror(28)})"
