"""The same training on a GPU: its map, its number format, resuming, and no waiting for the record.

Skipped where there is no GPU; ``benchmarks/gpu.sh`` runs them on one.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel
from transformers.utils import is_flash_attn_2_available

from ftft.cartography.datamap import DataMap
from ftft.config.load import load_experiment
from ftft.config.schema import Recording
from ftft.dynamics.store import read_dynamics
from ftft.experiment.pipeline import run
from ftft.training.trainer import FineTuner
from killing import KilledError, Killer
from tiny_task import plan

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")


@pytest.fixture(scope="module")
def without_dropout(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model; processor and GPU draw different dropout masks."""
    folder = tmp_path_factory.mktemp("model") / "plain"
    shutil.copytree(tiny_model, folder)
    config = AutoConfig.from_pretrained(folder)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    AutoModel.from_pretrained(tiny_model, config=config, dtype=torch.float32).save_pretrained(
        folder
    )
    return folder


def _map(dynamics_folder: Path) -> np.ndarray:
    found = DataMap.from_dynamics(read_dynamics(dynamics_folder), burn_in=0)
    return np.stack([found.confidence, found.variability])


def test_the_map_is_that_of_the_processor(tune, settings, without_dropout, monkeypatch):
    chosen = settings(model=str(without_dropout))
    on_gpu = tune("gpu", plan(8, 2), settings=chosen, recording=Recording())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_cpu = tune(
        "cpu",
        plan(8, 2),
        settings=chosen.model_copy(update={"training_arguments": {"use_cpu": True}}),
        recording=Recording(),
    )
    difference = np.abs(_map(on_gpu.dynamics_folder) - _map(on_cpu.dynamics_folder))
    assert difference.max() < 1e-3


def test_flash_attention_has_the_map_of_pytorchs(tune, settings, without_dropout):
    if not is_flash_attn_2_available():
        pytest.skip("needs the package flash-attn, and a GPU that it works on")
    maps = []
    for name in ("sdpa", "flash_attention_2"):
        given = {"model": str(without_dropout), "attn_implementation": name, "precision": "bf16"}
        tuned = tune(name, plan(8, 2), settings=settings(**given), recording=Recording())
        maps.append(_map(tuned.dynamics_folder))
    # Of bf16 a step is 0.004 around 1.
    assert np.abs(maps[0] - maps[1]).max() < 0.02


@pytest.mark.parametrize("step", [5, 7])
def test_killed_and_run_again(tune, step):
    whole = tune("whole", plan(8, 2), recording=Recording())
    with pytest.raises(KilledError):
        tune("again", plan(8, 2), recording=Recording(), spies=(Killer(step),))
    again = tune("again", plan(8, 2), recording=Recording())
    # Sums on a GPU are in no fixed order.
    difference = np.abs(_map(whole.dynamics_folder) - _map(again.dynamics_folder))
    assert difference.max() < 1e-4


def _waits(tune: Any, to: str, recording: Recording | None, monkeypatch: Any) -> list[int]:
    """How often each step of a training but the first makes the processor wait for the GPU.

    The first batch is looked at at once, so that what cannot be recorded is said early.
    """
    given = FineTuner.training_step
    counts: list[int] = []

    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                loss = given(self, *args, **kwargs)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchroniz" in str(one.message) for one in seen))
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(FineTuner, "training_step", step)
        tune(to, plan(6, 6), recording=recording)
    assert len(counts) == 6
    return counts[1:]


def test_recording_waits_for_nothing_in_a_step(tune, monkeypatch):
    without = _waits(tune, "without", None, monkeypatch)
    assert _waits(tune, "with", Recording(), monkeypatch) == without


def test_a_whole_run(make_experiment, tmp_path):
    experiment = load_experiment(make_experiment(tmp_path / "task"))
    folder, said = tmp_path / "run", []
    run(experiment, str(folder), say=said.append)
    assert torch.cuda.get_device_name() in (folder / "results.json").read_text()
    assert any(", bf16;" in line for line in said)


def test_a_compiled_model(tune, settings):
    chosen = settings(training_arguments={"torch_compile": True})
    tuned = tune("compiled", plan(6, 3), settings=chosen, recording=Recording())
    assert read_dynamics(tuned.dynamics_folder).incomplete == {}
