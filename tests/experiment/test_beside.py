"""Trainings of a run side by side: the same results, and what fails, is stopped or left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from ftft import load_experiment, run
from ftft.config.methods import BASELINES
from ftft.errors import ConfigError, FtftError
from ftft.experiment.chains import Chain, chains, makespan
from ftft.utils.process_pool import ProcessPool
from ftft.workspace.lock import held
from study_tools import content

ASKED = ("baselines=[erm, erm_budget, random]",)
FTFT, RANDOM = Chain(0, ("ftft", "erm_budget")), Chain(0, ("random",))
# ERM alone takes so long that it can be stopped.
LONG = (*ASKED, "main.epochs=300", "main.budget=0.01")


@pytest.fixture
def undone(finished, tmp_path, preloaded, monkeypatch):
    """The finished run without ERM and the random subset, which do not depend on each other."""
    monkeypatch.setattr(sys, "executable", preloaded)
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    for name in ("erm/seed-0", "random/seed-0", "scores/erm/seed-0", "scores/random/seed-0"):
        shutil.rmtree(folder / name)
    (folder / "results.json").unlink()
    return folder


def again(home, folder, asked=ASKED, **ways):
    said = []
    run(load_experiment(home / "experiment.yaml", asked), str(folder), said.append, **ways)
    return said


class TestChains:
    def test_methods_that_share_stages_are_one_chain(self):
        found = chains(BASELINES, [3])
        together = ("ftft", "erm_budget", "random", "random_budget", "random_lengths")
        assert [one.methods for one in found] == [together, ("erm", "dm"), ("erm_es",)]
        assert {one.seed for one in found} == {3}

    def test_what_shares_nothing_is_apart(self):
        found = chains(["erm", "erm_budget", "random"], [0, 1])
        apart = [("ftft", "erm_budget"), ("erm",), ("random",)]
        assert found == [Chain(seed, methods) for seed in (0, 1) for methods in apart]
        assert found[0].stages == {
            *("reference/seed-0", "map/seed-0", "selection/seed-0", "main/seed-0"),
            "erm_budget/seed-0",
        }
        assert [one.methods for one in chains([], [0])] == [("ftft",)]

    def test_the_time_is_that_of_the_longest_chain_or_of_all_shared(self):
        seconds = {"main/seed-0": 30.0, "erm_budget/seed-0": 10.0, "random/seed-0": 20.0}
        assert makespan(seconds, [FTFT, RANDOM], 2) == 40
        assert makespan(seconds | {"random/seed-0": 50.0}, [FTFT, RANDOM], 2) == 50
        assert makespan(seconds, [FTFT, RANDOM], 1) == 60
        # A chain is not divided: of three that are alike, two follow each other.
        alike = [Chain(seed, ("random",)) for seed in range(3)]
        assert makespan({f"random/seed-{seed}": 20.0 for seed in range(3)}, alike, 2) == 40


def test_the_same_as_one_after_the_other(finished, undone):
    said = again(finished, undone, jobs=2)
    assert content(undone / "results.json") == content(finished / "run/results.json")
    for method in ("erm", "random"):
        weights = f"{method}/seed-0/model/model.safetensors"
        assert (undone / weights).read_bytes() == (finished / "run" / weights).read_bytes()
    values = json.loads((undone / "results.json").read_text())
    jobs = {one["method"]: one["environment"]["jobs"] for one in values["runs"]}
    assert jobs == {"ftft": 1, "erm_budget": 1, "erm": 2, "random": 2}
    assert values["environment"]["jobs"] == 2
    assert "ran side by side, up to 2." in (undone / "report.html").read_text()
    assert any(line.startswith("to do: 2 trainings, at most ") for line in said)
    assert sum(line.startswith("reference/") for line in said) == 0, "finished before"
    # What belongs to the line before names its stage, since another process speaks in between.
    assert any(line.startswith("erm/seed-0: 12 of at most 12 steps") for line in said)
    assert [line for line in said if line.startswith("5 of 5 trainings done")]
    assert said.index("scores/ftft/seed-0: done before") > said.index("5 of 5 trainings done")


def test_one_chain_has_its_share_of_the_cores_too(finished, undone, monkeypatch):
    pools = []

    class Noted(ProcessPool):
        def __init__(self, count, *rest, **ways):
            pools.append(count)
            super().__init__(count, *rest, **ways)

    monkeypatch.setattr("ftft.experiment.beside.ProcessPool", Noted)
    shutil.copytree(finished / "run/erm/seed-0", undone / "erm/seed-0")
    said = again(finished, undone, jobs=2)
    assert pools == [2]
    assert any(line.startswith("random/seed-0: done in ") for line in said)
    assert any(line.startswith("5 of 5 trainings done") for line in said)


def test_nothing_to_do_needs_no_process(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "nothing")
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    assert "main/seed-0: done before" in again(finished, folder, jobs=2)


def test_more_chains_than_jobs_and_two_seeds(finished, undone):
    asked = ("baselines=[erm, erm_budget, random]", "seeds=[0, 1]", "main.epochs=1")
    said = again(finished, undone, asked, jobs=2)
    assert any(line.startswith("10 of 10 trainings done") for line in said)
    values = json.loads((undone / "results.json").read_text())
    assert len(values["runs"]) == 8
    # Each is said once, though five processes see it.
    assert len({line for line in said if line.startswith("note: ")}) == sum(
        line.startswith("note: ") for line in said
    )


def test_what_fails_ends_the_run(finished, tmp_path, preloaded, monkeypatch):
    monkeypatch.setattr(sys, "executable", preloaded)
    # Untrained, so that preflight calls the reference bad.
    asked = (*LONG, "reference.learning_rate=1e-9", "reference.if_bad=stop")
    with pytest.raises(FtftError) as caught:
        again(finished, tmp_path / "run", asked, jobs=2)
    message = str(caught.value)
    assert message.startswith("FTFT, ERM at FTFT's cost: map/seed-0: the preflight check finds ")
    record = tmp_path / "run/erm/seed-0/stage.json"
    if record.exists():  # the others may still be starting
        assert json.loads(record.read_text())["status"] == "running", "it was stopped"


def test_a_killed_process_is_named(finished, undone, monkeypatch):
    class Killing(ProcessPool):
        def _started(self, process):
            super()._started(process)
            process.kill()

    monkeypatch.setattr("ftft.experiment.beside.ProcessPool", Killing)
    with pytest.raises(FtftError, match="its process was killed, perhaps for want of memory"):
        again(finished, undone, jobs=2)
    monkeypatch.undo()
    again(finished, undone)
    assert content(undone / "results.json") == content(finished / "run/results.json")


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["KILL", "INT"])
def test_a_stopped_run_goes_on(finished, undone, tmp_path, signum, preloaded):
    shutil.rmtree(undone / "main/seed-0")
    log = tmp_path / "log"
    settings = [part for one in LONG for part in ("--set", one)]
    command = ("ftft", "run", str(finished / "experiment.yaml"), "-o", str(undone), "--jobs", "2")
    command += ("--force-stage", "main")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [preloaded, "-m", *command, *settings],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        end = time.monotonic() + 120
        while "erm/seed-0: training, at most 1,200 steps" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        process.send_signal(signum)
        status = process.wait(120)
    with held(undone, 60.0, print):
        pass  # the preloaded Python's own process ends a moment later
    if signum == signal.SIGINT:
        assert status == 130
        text = log.read_text()
        assert "ERM: stopped; erm/seed-0 " in text
        assert "interrupted: nothing that was finished is lost" in text
        if "erm/seed-0 starts over" not in text:  # it came as far as a step
            assert "; resume with: ftft run" in text
            assert "--force-stage" not in text.partition("resume with")[2], "it would start anew"
    # Of a run that was killed the processes notice it, and the next run waits for them.
    again(finished, undone)
    assert content(undone / "results.json") == content(finished / "run/results.json")


def test_what_was_left_behind_is_waited_for(finished, undone):
    chain = undone / ".locks/erm-seed-0"
    chain.mkdir(parents=True)
    unfinished = undone / "erm/.model.tmp"
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.touch()
    seen, begun = [], threading.Event()

    def left_behind():
        with held(chain):
            begun.set()
            time.sleep(0.6)
            seen.append(unfinished.exists())

    other = threading.Thread(target=left_behind)
    other.start()
    begun.wait()
    said = again(finished, undone)
    other.join()
    assert any(line.startswith("waiting for process ") for line in said)
    assert seen == [True], "it may still be writing"


def test_it_is_not_waited_for_without_end(finished, undone, monkeypatch):
    monkeypatch.setattr("ftft.workspace.lock.ORPHAN_SECONDS", 0.3)
    chain = undone / ".locks/erm-seed-0"
    chain.mkdir(parents=True)
    with held(chain), pytest.raises(FtftError, match="another run is using this folder"):
        again(finished, undone)


def test_beside_several_processes(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="--jobs starts its own processes"):
        again(finished, tmp_path / "run", jobs=2)
    assert not (tmp_path / "run").exists()
