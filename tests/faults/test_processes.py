"""``ftft run`` in two processes: what they write is whole, and is what one process alone writes.

One run is started by torchrun itself; the others are forked with the environment it gives.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from fault_tools import Commands, Ended
from ftft.cartography.datamap import DataMap
from ftft.dynamics.store import read_dynamics
from ftft.selection.selection import Selection
from ftft.workspace.lock import held

pytestmark = pytest.mark.slow

# Without dropout, whose draws differ between processes, and in float32.
EXACT = ["--set", "reference.precision=fp32", "--set", "main.precision=fp32"]
LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def experiment(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, make_experiment: Any
) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    plain = folder / "model"
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(plain)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(plain)
    file: Path = make_experiment(folder)
    file.write_text(file.read_text().replace(str(tiny_model), str(plain)))
    return file


@pytest.fixture(scope="module")
def commands(experiment: Path, preloaded: str) -> Iterator[Commands]:
    commands = Commands(experiment, preloaded)
    yield commands
    commands.close()


@pytest.fixture(scope="module")
def runs(commands: Commands, preloaded: str) -> dict[str, str]:
    """What the same says by one process and by two, which torchrun starts."""
    alone = commands("run", "one", *EXACT)
    assert alone.status == 0, alone.said
    together = subprocess.run(
        [preloaded, *LAUNCH, "-m", "ftft", "run", "experiment.yaml", "-o", "two", *EXACT],
        cwd=commands.home,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert together.returncode == 0, together.stdout[-3000:]
    return {"one": alone.said, "two": together.stdout}


def results(experiment: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((experiment.parent / name / "results.json").read_text())
    return found


def test_each_example_is_recorded_once_an_epoch(experiment, runs):
    for stage in ("reference", "erm"):
        dynamics = read_dynamics(experiment.parent / "two" / stage / "seed-0" / "dynamics")
        assert dynamics.epochs == (0, 1, 2)
        assert not dynamics.incomplete
        assert len(dynamics) == 64


def test_the_map_and_the_selection_are_the_same(experiment, runs):
    one, two = (
        DataMap.read(experiment.parent / name / "map" / "seed-0" / "map.parquet")
        for name in ("one", "two")
    )
    np.testing.assert_allclose(two.confidence, one.confidence, atol=1e-3)
    np.testing.assert_allclose(two.variability, one.variability, atol=1e-3)
    chosen = [
        set(
            Selection.read(
                experiment.parent / name / "selection" / "seed-0" / "selection.parquet"
            ).example_ids.to_pylist()
        )
        for name in ("one", "two")
    ]
    assert len(chosen[0] & chosen[1]) >= len(chosen[0]) - 1


def test_the_models_are_the_same(experiment, runs):
    one, two = (
        load_file(experiment.parent / name / "erm" / "seed-0" / "model" / "model.safetensors")
        for name in ("one", "two")
    )
    for key in one:
        np.testing.assert_allclose(two[key], one[key], atol=2e-3)


def test_the_record_says_how_many_and_counts_them_all(experiment, runs):
    one, two = (results(experiment, name) for name in ("one", "two"))
    costs = []
    for values, processes in ((one, 1), (two, 2)):
        erm = next(record for record in values["runs"] if record["method"] == "erm")
        assert erm["environment"]["processes"] == processes
        costs.append(erm["cost"]["flops"]["main"])
    # Smaller batches pad less; half of the batches would be half of the cost.
    assert 0.8 * costs[0] < costs[1] <= costs[0]


def test_only_the_first_speaks(runs):
    assert runs["two"].count("reference/seed-0: done in") == 1
    assert runs["two"].count("results:") == runs["one"].count("results:") == 1


def test_one_process_goes_on_where_two_were(commands, runs):
    again = commands("run", "two", *EXACT)
    assert again.status == 0, again.said
    assert "done in" not in again.said
    table = again.said[again.said.index("tiny: ") : again.said.index("results:")]
    assert table in runs["two"]


def test_a_mistake_is_told_once(commands):
    ended = commands("run", "bad", *EXACT, "--set", "main.epoch=3", processes=2)
    assert ended.status == 2
    assert ended.said.count("error: ") == 1
    assert "main.epoch" in ended.said
    assert not (commands.home / "bad").exists()


def test_killed_together_they_go_on_together(commands, runs):
    """All processes are killed while ERM is trained; the end is the same."""
    first = "erm/seed-0/checkpoints/*/checksums.json"
    killed = commands("run", "killed", *EXACT, processes=2, until=first)
    assert killed.killed, killed.said
    with held(commands.home / "killed", 60.0, print):
        pass  # the preloaded Python's own processes end a moment later
    assert not (commands.home / "killed" / "results.json").exists()
    done = commands("run", "killed", *EXACT, processes=2)
    assert done.status == 0, done.said
    assert "reference/seed-0: done before" in done.said
    check_same(commands, "killed", "two")


@pytest.mark.parametrize(("rank", "change"), [(1, 3), (0, 30)])
def test_one_that_is_killed_ends_the_other(commands, runs, rank, change):
    """It says so and does not hang, though no launcher stops it; together they go on."""
    half = f"half-{rank}"
    killed = commands("run", half, *EXACT, processes=2, kill_at=change, killed_rank=rank)
    assert killed.said.count("killed before ") == 1
    assert killed.status == 1, killed.said
    assert killed.said.count("error: another process of this run has ended") == 1
    assert "defect in ftft" not in killed.said
    assert killed.seconds < 60
    with held(commands.home / half, 60.0, print):
        pass
    done = commands("run", half, *EXACT, processes=2)
    assert done.status == 0, done.said
    check_same(commands, half, "two")


def check_same(commands: Commands, name: str, expected: str) -> None:
    """All but seconds and memory is the same in the results of two runs."""
    file = commands.home / "experiment.yaml"
    found, whole = results(file, name), results(file, expected)
    assert [one["method"] for one in found["runs"]] == [one["method"] for one in whole["runs"]]
    for one, other in zip(whole["runs"], found["runs"], strict=True):
        assert other["scores"] == one["scores"]
        assert other["cost"]["flops"] == one["cost"]["flops"]
        assert other["history"] == one["history"]


BUDGET = [*EXACT, "--set", "baselines=[erm_budget]"]


@pytest.fixture(scope="module")
def at_equal_cost(commands: Commands) -> str:
    """Name of a run of two processes with a baseline that spends what FTFT cost."""
    done = commands("run", "budget", *BUDGET, processes=2)
    assert done.status == 0, done.said
    return "budget"


def killed_in(commands: Commands, training: str) -> tuple[str, Ended]:
    """A run that is killed as a training of a few steps has its first checkpoint.

    A busy machine may see that too late, with the run at its end: then another run is tried.
    """
    first = f"{training}/seed-0/checkpoints/*/checksums.json"
    for attempt in range(5):
        name = f"killed-in-{training}-{attempt}"
        killed = commands("run", name, *BUDGET, processes=2, until=first)
        if killed.killed:
            break
    return name, killed


@pytest.mark.parametrize("training", ["main", "erm_budget"])
def test_what_spends_ftfts_cost_goes_on_in_two_processes(commands, at_equal_cost, training):
    """To know that cost again all processes do the same, or they would wait for each other.

    They are killed as each training begins, the reference finished; a command that hangs is ended
    after some minutes, with a status that is not 0.
    """
    name, killed = killed_in(commands, training)
    assert killed.killed, killed.said
    with held(commands.home / name, 60.0, print):
        pass  # the preloaded Python's own processes end a moment later
    assert not (commands.home / name / "results.json").exists()
    done = commands("run", name, *BUDGET, processes=2)
    assert done.status == 0, done.said
    assert "reference/seed-0: done before" in done.said
    assert f"{training}/seed-0: done in" in done.said
    check_same(commands, name, at_equal_cost)
