"""Signals, a full disk, damaged files: said in a line, and nothing wrong comes of them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal

import pytest

from fault_tools import leftovers, outcome

ALONE = ("--set", "baselines=[]")


@pytest.fixture(scope="module")
def whole(commands):
    """A run that nothing happened to."""
    ended = commands("run", "whole", *ALONE)
    assert ended.status == 0, ended.said
    return ended


@pytest.fixture
def run(commands, whole, tmp_path):
    """A copy of it, and its name for the command."""
    folder = shutil.copytree(commands.home / "whole", tmp_path / "run")
    return folder


def check_same(commands, run):
    assert outcome(run) == outcome(commands.home / "whole")
    assert leftovers(run) == []


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_told_to_stop_it_stops_cleanly_and_goes_on(commands, whole, tmp_path, signum, status):
    chance = random.Random(signum)
    stops, runs, saved = 0, 0, 0
    while stops < 3:
        run = tmp_path / f"run-{runs}"
        runs += 1
        for _ in range(3):
            after = chance.uniform(0.3, 0.9) * whole.seconds
            ended = commands("run", str(run), *ALONE, after=after, signum=signum)
            # Asked after its last line, it has no handler any more, and nothing to lose.
            if ended.status == 0 or (ended.status == -signum and "main models: " in ended.said):
                break
            stops += 1
            assert ended.status == status, ended.said
            line = ended.said.strip().splitlines()[-2]  # the last one counts the changes
            assert line.startswith("interrupted: nothing that was finished is lost")
            command = f"ftft run experiment.yaml --output {run} --set 'baselines=[]'"
            assert line.endswith(f": {command}")
            assert "Traceback" not in ended.said
            saved += "is saved at step" in line
        # Stopped or not, it goes on to its end.
        ended = commands("run", str(run), *ALONE)
        assert ended.status == 0
        check_same(commands, run)
    print(f"{stops} stops, {saved} of them with a checkpoint of their own")


def test_a_full_disk_is_named_and_nothing_is_lost(commands, whole, tmp_path):
    """Room runs out at one change of the run folder, as counted, and there is none later."""
    for full_at in range(10, whole.changes, whole.changes // 5):
        run = tmp_path / f"run-{full_at}"
        ended = commands("run", str(run), *ALONE, full_at=full_at)
        assert ended.status == 2, ended.said
        assert "Traceback" not in ended.said
        error = ended.said[ended.said.index("error: ") :]
        assert str(run) in error
        assert "No space left on device" in error
        again = commands("run", str(run), *ALONE)
        assert again.status == 0, again.said
        check_same(commands, run)


@pytest.mark.parametrize("limit", [3_000, 20_000, 60_000])
def test_what_cannot_be_written_whole_is_named(commands, whole, tmp_path, limit):
    """Every library that writes meets its limit: safetensors, torch, Arrow, JSON, tokenizers."""
    run = tmp_path / "run"
    ended = commands("run", str(run), *ALONE, file_limit=limit)
    assert ended.status == 2, ended.said
    assert "Traceback" not in ended.said
    error = ended.said[ended.said.index("error: ") :]
    assert str(run) in error
    assert "cannot be written" in error
    again = commands("run", str(run), *ALONE)
    assert again.status == 0, again.said
    check_same(commands, run)


def flip(path):
    """Change one bit in the middle, and neither size nor time."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("damage", [flip, cut])
def test_every_damaged_file_is_named_and_built_again(commands, run, damage):
    files = [
        path
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.parent != run and path.name != "config.json"
    ]
    kinds = {}
    for path in files:
        kinds.setdefault((path.relative_to(run).parts[0], path.name.partition("-")[0]), path)
    assert len(kinds) >= 12
    for path in kinds.values():
        whole = path.read_bytes()
        damage(path)
        ended = commands("run", str(run), *ALONE)
        assert ended.status == 2, path
        error = ended.said[ended.said.index("error: ") :]
        assert error.startswith(f"error: {path}: ")
        kind, seed = path.relative_to(run).parts[:2]
        stage = f"{kind}/{seed}" if kind != "scores" else f"{kind}/{seed}/seed-0"
        assert f"--force-stage {stage} " in error
        path.write_bytes(whole)
    model = run / "reference/seed-0/model/model.safetensors"
    damage(model)
    again = commands("run", str(run), *ALONE, "--force-stage", "reference/seed-0")
    assert again.status == 0, again.said
    # It came out the same, so what was made from it stands.
    assert "map/seed-0: done before" in again.said
    check_same(commands, run)


def test_results_that_were_damaged_are_written_again(commands, run):
    (run / "results.json").write_text("x")
    assert commands("run", str(run), *ALONE).status == 0
    check_same(commands, run)


def test_an_experiment_file_that_is_not_the_runs_own_is_named(commands, run):
    given = (run / "experiment.yaml").read_bytes()
    (run / "experiment.yaml").write_text("x")
    ended = commands("run", str(run), *ALONE)
    assert ended.status == 2
    assert f"{run / 'experiment.yaml'} already exists and was not written by a run" in ended.said
    (run / "experiment.yaml").write_bytes(given)
    check_same(commands, run)


def test_a_damaged_model_is_not_scored(commands, run):
    model = run / "main/seed-0/model"
    assert commands_evaluate(commands, model).status == 0
    flip(model / "model.safetensors")
    ended = commands_evaluate(commands, model)
    assert ended.status == 2
    assert f"error: {model / 'model.safetensors'}: this file of the finished stage" in ended.said


def commands_evaluate(commands, model):
    return commands("evaluate", str(model.parent / "scores.json"), str(model), "--overwrite")


def test_a_forced_stage_for_all_seeds(commands, run):
    ended = commands("run", str(run), *ALONE, "--force-stage", "main", "--force-stage=map")
    assert ended.status == 0, ended.said
    done = [line.partition(":")[0] for line in ended.said.splitlines() if ": done in" in line]
    assert done == ["map/seed-0", "main/seed-0"]
    check_same(commands, run)


def test_an_unknown_stage(commands, run):
    ended = commands("run", str(run), *ALONE, "--force-stage", "mian")
    assert ended.status == 2
    assert "--force-stage mian: there is no such stage here; the stages are reference/seed-0" in (
        ended.said
    )
    assert "scores/ftft/seed-0" in ended.said
    check_same(commands, run)


def test_the_record_holds_environment_and_seeds(commands, run):
    results = json.loads((run / "results.json").read_text())
    assert results["data"]["holdout_seed"] is None  # a development set is given
    (ftft,) = results["runs"]
    seeds = dict.fromkeys(("head_weights", "data_order", "dropout", "selection"), 0)
    assert ftft["seeds"] == seeds
    for record in run.rglob("stage.json"):
        packages = json.loads(record.read_text())["environment"]["packages"]
        assert packages["torch"], record
    main = json.loads((run / "main/seed-0/stage.json").read_text())
    assert main["made_from"]["plan"]["seed"] == 0


def test_a_main_model_that_diverges_is_no_result(commands, run):
    results = (run / "results.json").read_bytes()
    for _ in range(2):  # the same command again does not make it a result
        ended = commands("run", str(run), *ALONE, "--set", "main.learning_rate=1e30")
        assert ended.status == 2, ended.said
        assert "main/seed-0" in ended.said
        assert "diverged: lower the learning rate" in " ".join(ended.said.split())
        assert "Traceback" not in ended.said
        assert (run / "results.json").read_bytes() == results
    assert commands("run", str(run), *ALONE).status == 0
    check_same(commands, run)
