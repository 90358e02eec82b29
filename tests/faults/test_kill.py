"""SIGKILL at any moment: given again, the command ends as if it had never been killed."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from fault_tools import leftovers, outcome

pytestmark = pytest.mark.slow

# All of them are too many for an ordinary test run.
STRIDE = int(os.environ.get("FTFT_KILL_STRIDE", "24"))
KILLS = 20 if STRIDE == 1 else 5

# Two steps, each with a scoring and a checkpoint.
SHORT = ("--set", "reference.epochs=2", "--set", "reference.batch_size=64")
ALONE = ("--set", "baselines=[]", *SHORT)


@pytest.fixture(scope="module")
def whole(commands):
    """A run that nothing happened to."""
    ended = commands("run", "whole")
    assert ended.status == 0, ended.said
    return ended


def test_the_same_run_twice_is_the_same(commands, whole):
    """Determinism; without it the tests below would show nothing."""
    assert commands("run", "twice").status == 0
    first, second = outcome(commands.home / "whole"), outcome(commands.home / "twice")
    assert first == second
    # What it compares is there, and differs where it should.
    names = ("reference/seed-0/dynamics", "map/seed-0/map.parquet", "main/seed-0", "results.json")
    assert set(names) <= first.keys()
    weights = {name: value for name, value in first.items() if name.endswith(".safetensors")}
    assert len(weights) == len(set(weights.values())) == 5


def test_killed_at_random_moments(commands, whole):
    chance = random.Random(20)
    expected = outcome(commands.home / "whole")
    kills, runs = 0, 0
    while kills < KILLS:
        run = f"random-{runs}"
        runs += 1
        for _ in range(6):
            ended = commands("run", run, after=chance.uniform(0.2, 0.6) * whole.seconds)
            if not ended.killed:
                break
            kills += 1
        else:
            ended = commands("run", run)
        assert ended.status == 0, ended.said
        assert outcome(commands.home / run) == expected
        assert leftovers(commands.home / run) == []
    print(f"{kills} kills at random moments, {runs} runs")


def killed_at_every_change(commands, command, more, stride, base=None):
    """Kill at one change after another, each time from ``base``; return the number of kills."""

    def fresh(run):
        if base is not None:
            shutil.copytree(base, commands.home / run)

    fresh("expected")
    ended = commands(command, "expected", *more)
    assert ended.status == 0, ended.said
    expected = outcome(commands.home / "expected")
    kills = range(1, ended.changes + 1, stride)
    for kill_at in kills:
        fresh("run")
        killed = commands(command, "run", *more, kill_at=kill_at)
        assert killed.killed, killed.said
        again = commands(command, "run", *more)
        where = killed.said.rpartition("killed before ")[2]
        assert again.status == 0, where + again.said
        assert outcome(commands.home / "run") == expected, where
        assert leftovers(commands.home / "run") == [], where
        shutil.rmtree(commands.home / "run")
    shutil.rmtree(commands.home / "expected")
    print(f"{len(kills)} kills at {ended.changes} changes")
    return len(kills)


def test_killed_at_the_changes_of_a_training(commands):
    """Checkpoints, flushes, model and record, tensors torn in the middle of their file."""
    kills = killed_at_every_change(commands, "record", SHORT, STRIDE)
    assert kills * STRIDE > 100


def test_killed_at_the_changes_of_everything_else(commands):
    """Map, selection, scores and results; the trainings are there."""
    base = commands.home / "base"
    assert commands("run", "base", *ALONE).status == 0
    for made in ("map", "selection", "scores"):
        shutil.rmtree(base / made)
    (base / "results.json").unlink()
    kills = killed_at_every_change(commands, "run", ALONE, STRIDE, base)
    assert kills * STRIDE > 60
