"""Two and four processes on one machine train and record as one does."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ftft.data.encode import encode
from ftft.dynamics.shards import list_flushes
from ftft.dynamics.store import read_dynamics
from ftft.training.finetune import FineTuned
from run_in_processes import SIZES, train
from tiny_task import reviews, weights

COUNTS = (2, 4)


@pytest.fixture(scope="module")
def plain_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model without dropout, whose draws differ between processes."""
    folder = tmp_path_factory.mktemp("plain")
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def by_count(plain_model: Path, tmp_path_factory: pytest.TempPathFactory, preloaded: str) -> Path:
    """What each number of processes wrote, by that number."""
    folder = tmp_path_factory.mktemp("processes")
    here = Path(__file__).parents[1] / "support"
    path = [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    script = here / "run_in_processes.py"
    done = subprocess.run(
        [preloaded, str(script), str(plain_model), str(folder), *map(str, COUNTS)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module", params=COUNTS)
def many(request: pytest.FixtureRequest, by_count: Path) -> tuple[int, Path]:
    """A number of processes, and the folder that they wrote."""
    return request.param, by_count / str(request.param)


@pytest.fixture(scope="module")
def alone(plain_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, FineTuned]:
    """What one process makes of the same."""
    folder = tmp_path_factory.mktemp("alone")
    return {size: train(str(plain_model), folder / str(size), size) for size in SIZES}


def result(folder: Path, rank: int) -> dict[str, Any]:
    return json.loads((folder / f"rank-{rank}.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("examples", SIZES)
def test_each_example_is_recorded_once_an_epoch(many, examples):
    processes, folder = many
    dynamics = read_dynamics(folder / f"{examples}" / "dynamics")
    assert dynamics.epochs == (0, 1)
    assert dynamics.incomplete == {}
    assert len(dynamics) == examples
    flushes = list_flushes(folder / f"{examples}" / "dynamics")
    assert {flush.rank for flush in flushes} == set(range(processes))


@pytest.mark.slow
@pytest.mark.parametrize("examples", SIZES)
def test_they_train_as_one_does(many, alone, examples):
    """The same batches in the same order; a batch that does not go round is not filled with old."""
    _, folder = many
    one, together = alone[examples], result(folder, 0)[str(examples)]
    assert (together["steps"], together["kept_step"]) == (one.steps, one.kept_step)
    assert together["history"] == one.history
    found, expected = weights(folder / f"{examples}" / "model"), weights(one.model_folder)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=1e-4, rtol=0, msg=name)
    np.testing.assert_allclose(
        read_dynamics(folder / f"{examples}" / "dynamics").logits(),
        read_dynamics(one.dynamics_folder).logits(),
        atol=1e-4,
    )


@pytest.mark.slow
def test_their_cost_is_that_of_all_of_them(many, alone, tokenizer):
    """Every token of two epochs, and no more padding than the larger batches of one process."""
    _, folder = many
    lengths = encode(reviews("train", 48), tokenizer, max_length=16).lengths
    one, together = alone[48].cost.training, result(folder, 0)["48"]["cost"]["training"]
    assert 2 * lengths.sum() <= together["tokens"] <= one.tokens
    assert together["flops"] == pytest.approx(one.flops * together["tokens"] / one.tokens, rel=0.1)


@pytest.mark.slow
def test_all_processes_say_the_same(many):
    processes, folder = many
    for examples in map(str, SIZES):
        one, *others = (result(folder, rank)[examples] for rank in range(processes))
        for other in others:
            assert one["history"] == other["history"]
            assert one["dev_scores"] == other["dev_scores"]
            assert (one["steps"], one["kept_step"]) == (other["steps"], other["kept_step"])
            assert one["cost"]["training"]["flops"] == other["cost"]["training"]["flops"]
    left = sorted(path.name for path in (folder / "48").iterdir())
    assert left == ["checkpoints", "dynamics", "model"]
