"""Studies over several processes: the same results, and what is killed or left alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from study_tools import content

from ftft.config.load_study import load_study
from ftft.execution.engines import Processes
from ftft.execution.job import Job
from ftft.study.grid import experiment_of, tasks

CELLS = [f"main/main/two/ambiguous-{fraction}-0.333333/seed-1" for fraction in (0.25, 0.5)]


@pytest.fixture
def undone(again):
    """The finished study without two cells and the reference that both need."""
    for name in ("reference/two/seed-1", "map/two/seed-1", *CELLS):
        shutil.rmtree(again.folder / "tiny" / name)
    return again


def expected(grid):
    return content(grid[0].folder / "study.json")


def two(opened, say):
    return Processes(2, say)


def test_the_same_as_in_one_process(grid, undone):
    finished = undone.run(engine=two)
    assert (finished.failures, finished.total - finished.reused) == ({}, 9 - 4)
    assert undone.trained == []  # none of it here
    assert content(undone.folder / "study.json") == expected(grid)
    said = "\n".join(undone.said)
    assert f"tiny/{CELLS[0]} | main/seed-1: training, at most 3 steps" in said
    assert "done before" not in said
    weights = f"tiny/{CELLS[0]}/model/model.safetensors"
    assert (undone.folder / weights).read_bytes() == (grid[0].folder / weights).read_bytes()


class Killing(Processes):
    """Kills every process that it starts."""

    def _started(self, process):
        super()._started(process)
        process.kill()


def test_a_killed_process_is_a_failed_cell(grid, again):
    shutil.rmtree(again.folder / "tiny" / CELLS[0])
    finished = again.run(engine=lambda opened, say: Killing(1, say))
    ((task, problem),) = finished.failures.items()
    assert task.id == f"tiny/{CELLS[0]}"
    assert problem.startswith("its process was killed, perhaps for want of memory")
    assert again.run().failures == {}
    assert content(again.folder / "study.json") == expected(grid)


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        text=True,
        **options,
    )


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["KILL", "INT"])
def test_a_stopped_study_goes_on(grid, undone, tmp_path, signum):
    log = tmp_path / "log"
    long = ("--set", "grid.references.two.epochs=500")
    with log.open("w") as errors:
        arguments = ("ftft", "study", str(undone.file), "-o", str(undone.folder), *long)
        process = start(*arguments, "--jobs", "2", stderr=errors)
        wait_for(lambda: ": training, at most 2,000 steps" in log.read_text())
        process.send_signal(signum)
        status = process.wait(120)
    if signum == signal.SIGINT:
        assert status == 130
        assert "interrupted: nothing that was finished is lost" in log.read_text()
    # Its processes end by themselves where it cannot tell them, and let go of their locks.
    finished = None

    def goes_on():
        nonlocal finished
        finished = undone.run()
        return finished.failures == {}

    wait_for(goes_on)
    assert content(undone.folder / "study.json") == expected(grid)


def test_a_process_that_is_left_alone_stops(grid, undone):
    study = load_study(undone.file)
    task = next(one for one in tasks(study) if one.id == "tiny/reference/two/seed-1")
    job = Job(task, experiment_of(study, task), undone.folder)
    assert Job.from_json(job.to_json()) == job
    process = subprocess.run(
        [sys.executable, "-m", "ftft.execution.worker"],
        input=job.to_json() + "\n",  # and then the end of it
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 143, process.stderr
    told = json.loads(process.stdout.splitlines()[-1])
    assert told["problem"].startswith("stopped; it ")
