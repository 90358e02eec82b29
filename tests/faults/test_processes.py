"""``ftft run`` in two processes: what one writes is whole, and is what one process alone writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ftft.cartography.datamap import DataMap
from ftft.dynamics.store import read_dynamics
from ftft.selection.subset import Selection

pytestmark = pytest.mark.slow

# Without dropout, whose draws differ between processes, and in float32.
EXACT = ["--set", "reference.precision=fp32", "--set", "main.precision=fp32"]
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


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


def run(command: list[str], experiment: Path, output: Path, *more: str) -> Any:
    arguments = ["-m", "ftft", "run", str(experiment), "-o", str(output), *EXACT, *more]
    return subprocess.run(
        [*command, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def runs(experiment: Path) -> dict[str, Any]:
    """The same by one process and by two."""
    folder = experiment.parent
    alone = run([sys.executable], experiment, folder / "one")
    together = run(LAUNCH, experiment, folder / "two")
    for done in (alone, together):
        assert done.returncode == 0, done.stderr[-3000:]
    return {"one": alone, "two": together}


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
    assert runs["two"].stderr.count("reference/seed-0: done in") == 1
    assert runs["two"].stdout.count("results:") == runs["one"].stdout.count("results:") == 1


def test_one_process_goes_on_where_two_were(experiment, runs):
    again = run([sys.executable], experiment, experiment.parent / "two")
    assert again.returncode == 0
    assert "done in" not in again.stderr
    assert again.stdout == runs["two"].stdout


def test_a_mistake_is_told_once(experiment):
    done = run(LAUNCH, experiment, experiment.parent / "bad", "--set", "main.epoch=3")
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert "main.epoch" in done.stderr
    assert not (experiment.parent / "bad").exists()


def test_killed_together_they_go_on_together(experiment, runs):
    """All processes are killed while the main model or ERM is trained; the end is the same."""
    output = experiment.parent / "killed"
    command = [*LAUNCH, "-m", "ftft", "run", str(experiment), "-o", str(output), *EXACT]
    process = subprocess.Popen(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    checkpoints = output / "erm" / "seed-0" / "checkpoints"
    deadline = time.monotonic() + 200
    while not list(checkpoints.glob("*/checksums.json")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # The launcher starts each process in a session of its own.
    subprocess.run(["pkill", "-KILL", "-f", f"ftft run {experiment} -o {output}"], check=False)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (output / "results.json").exists()
    done = run(LAUNCH, experiment, output)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "reference/seed-0: done before" in done.stderr
    whole, again = (results(experiment, name) for name in ("two", "killed"))
    for one, other in zip(whole["runs"], again["runs"], strict=True):
        assert other["scores"] == one["scores"]
        assert other["cost"]["flops"] == one["cost"]["flops"]
        assert other["history"] == one["history"]
