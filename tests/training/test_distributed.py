"""Two processes on one machine train and record as one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_in_two_processes import train
from tiny_task import weights
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ftft.dynamics.flushes import list_flushes
from ftft.dynamics.store import read_dynamics


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
def two(plain_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes wrote."""
    folder = tmp_path_factory.mktemp("two")
    here = Path(__file__).parent
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(here / "run_in_two_processes.py"), str(plain_model), str(folder)]
    path = [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *launcher, *script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def result(folder: Path, rank: int) -> dict[str, Any]:
    return json.loads((folder / f"rank-{rank}.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("examples", [48, 37])  # the last batch of an epoch is full, or is not
def test_each_example_is_recorded_once_an_epoch(two, examples):
    dynamics = read_dynamics(two / f"{examples}" / "dynamics")
    assert dynamics.epochs == (0, 1)
    assert dynamics.incomplete == {}
    assert len(dynamics) == examples
    assert {flush.rank for flush in list_flushes(two / f"{examples}" / "dynamics")} == {0, 1}


@pytest.mark.slow
def test_two_processes_train_as_one_does(two, plain_model, tmp_path):
    alone = train(str(plain_model), tmp_path, 48)
    together = result(two, 0)["48"]
    assert (together["steps"], together["kept_step"]) == (alone.steps, alone.kept_step)
    assert together["history"] == alone.history
    found, expected = weights(two / "48" / "model"), weights(alone.model_folder)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=1e-4, rtol=0, msg=name)
    np.testing.assert_allclose(
        read_dynamics(two / "48" / "dynamics").logits(),
        read_dynamics(alone.dynamics_folder).logits(),
        atol=1e-4,
    )


@pytest.mark.slow
def test_all_processes_say_the_same(two):
    for examples in ("48", "37"):
        one, other = (result(two, rank)[examples] for rank in (0, 1))
        assert one["history"] == other["history"]
        assert one["dev_scores"] == other["dev_scores"]
        assert (one["steps"], one["kept_step"]) == (other["steps"], other["kept_step"])
    assert sorted(path.name for path in (two / "48").iterdir()) == [
        "checkpoints",
        "dynamics",
        "model",
    ]
