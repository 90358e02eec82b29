"""Studies over several processes: the same results, and what is killed or left alone."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ftft.config.load_study import load_study
from ftft.study.executors import Processes
from ftft.study.grid import experiment_of, tasks
from ftft.study.job import Job
from ftft.utils.process_pool import ProcessPool
from ftft.workspace.lock import held
from study_tools import content

CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"
# A part of the study: two references, ERM and a cell from each reference.
PART = ("grid.fractions=[0.25]", "grid.strategies=[ambiguous]", "grid.seeds=[1]")


@pytest.fixture
def undone(again):
    """The finished study without a reference and its cell."""
    for name in ("reference/two/seed-1", "map/two/seed-1", CELL):
        shutil.rmtree(again.folder / "tiny" / name)
    return again


@pytest.fixture(scope="module")
def expected(grid, tmp_path_factory):
    """What that part comes to in one process."""
    folder = shutil.copytree(grid[0].folder, tmp_path_factory.mktemp("part") / "done")
    runner = type(grid[0])(grid[0].file, folder)
    assert runner.run(*PART).reused == 5
    return content(folder / "study.json")


def test_the_same_as_in_one_process(grid, undone, expected, preloaded, monkeypatch):
    monkeypatch.setattr(sys, "executable", preloaded)
    finished = undone.run(*PART, engine=lambda opened, say: Processes(2, say))
    assert (finished.failures, finished.total, finished.reused) == ({}, 5, 3)
    assert undone.trained == []  # none of it here
    assert content(undone.folder / "study.json") == expected
    said = "\n".join(undone.said)
    assert f"tiny/{CELL} | main/seed-1: training, at most 3 steps" in said
    assert ": done " not in said  # progress says it of the task
    weights = f"tiny/{CELL}/model/model.safetensors"
    assert (undone.folder / weights).read_bytes() == (grid[0].folder / weights).read_bytes()


class Killing(ProcessPool):
    """Kills every process that it starts."""

    def _started(self, process):
        super()._started(process)
        process.kill()


def test_a_killed_process_is_a_failed_cell(again, expected, monkeypatch):
    monkeypatch.setattr("ftft.study.executors.ProcessPool", Killing)
    shutil.rmtree(again.folder / "tiny" / CELL)
    finished = again.run(*PART, engine=lambda opened, say: Processes(1, say))
    ((task, problem),) = finished.failures.items()
    assert task.id == f"tiny/{CELL}"
    assert problem.startswith("its process was killed, perhaps for want of memory")
    assert again.run(*PART).failures == {}
    assert content(again.folder / "study.json") == expected


def start(python, *arguments, **options):
    return subprocess.Popen(
        [python, "-m", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        text=True,
        **options,
    )


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["KILL", "INT"])
def test_a_stopped_study_goes_on(undone, expected, tmp_path, signum, preloaded):
    log = tmp_path / "log"
    settings = [
        part for one in (*PART, "grid.references.two.epochs=500") for part in ("--set", one)
    ]
    with log.open("w") as errors:
        arguments = ("ftft", "study", str(undone.file), "-o", str(undone.folder), *settings)
        process = start(preloaded, *arguments, "--jobs", "2", stderr=errors)
        wait_for(lambda: ": training, at most 2,000 steps" in log.read_text())
        process.send_signal(signum)
        status = process.wait(300)
    with held(undone.folder, 60.0, print):
        pass  # the preloaded Python's own process ends a moment later
    if signum == signal.SIGINT:
        assert status == 130
        assert "interrupted: nothing that was finished is lost" in log.read_text()
    # A study that was killed cannot stop its processes; they notice, and the next waits for them.
    assert undone.run(*PART).failures == {}
    assert content(undone.folder / "study.json") == expected


def test_a_job_is_one_line(grid):
    study = load_study(grid[0].file)
    task = next(one for one in tasks(study) if one.id == f"tiny/{CELL}")
    job = Job(task, experiment_of(study, task), grid[0].folder)
    assert "\n" not in job.to_json()
    assert Job.from_json(job.to_json()) == job
