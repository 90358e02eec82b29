"""A run whose models are sharded is that of one process: FSDP on the CPU, DeepSpeed where it is.

On a GPU one process shards, since NCCL wants a GPU for each.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from ftft.cartography.datamap import DataMap
from ftft.dynamics.store import read_dynamics
from ftft.training.sharding import (
    loaded_whole,
    name_units,
    save_whole,
    switches_kept,
    unsharded,
)
from tiny_task import weights

HERE = Path(__file__).parents[1] / "support"
EXACT = ("--set", "reference.precision=fp32", "--set", "main.precision=fp32")
BATCHES = dict.fromkeys(
    ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "train_batch_size"), "auto"
)
needs_deepspeed = pytest.mark.skipif(
    find_spec("deepspeed") is None, reason="DeepSpeed is not installed"
)
# What `accelerate launch` sets for FSDP, as it does by itself: weights in the first process only,
# checkpoints in shards.
LAUNCHED = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
}
KINDS = [
    pytest.param({"fsdp": True}, {}, id="fsdp"),
    pytest.param({}, LAUNCHED, id="launched"),
    *(
        pytest.param(
            {"deepspeed": {"zero_optimization": {"stage": stage}, **BATCHES}},
            {},
            id=f"zero-{stage}",
            marks=needs_deepspeed,
        )
        for stage in (2, 3)
    ),
]
Run = Callable[..., Path]


@pytest.fixture(scope="module")
def experiment(tiny_model: Path, make_experiment: Any, tmp_path_factory: Any) -> Path:
    """The review task with a model without dropout, whose draws differ between processes."""
    folder = tmp_path_factory.mktemp("sharding")
    plain = folder / "model"
    model = AutoModel.from_pretrained(tiny_model)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(plain)
    for file in tiny_model.glob("tokenizer*"):
        (plain / file.name).write_bytes(file.read_bytes())
    written: Path = make_experiment(folder)
    written.write_text(written.read_text().replace(str(tiny_model), str(plain)))
    return written


@pytest.fixture(scope="module")
def run(experiment: Path, preloaded: str) -> Run:
    """Run the experiment in so many processes, which are killed after a step where one is named."""

    def start(
        name: str, count: int, *options: str, killed: int = 0, status: int = 0, **launcher: str
    ) -> Path:
        path = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
        surroundings = {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1", **launcher}
        if not torch.cuda.is_available():
            surroundings["DS_ACCELERATOR"] = "cpu"
        folder = experiment.parent / name
        arguments = [str(experiment), "-o", str(folder), *EXACT, *options]
        done = subprocess.run(
            [preloaded, str(HERE / "run_sharded.py"), str(count), str(killed), *arguments],
            env=os.environ | surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == status, done.stdout[-3000:]
        return folder

    return start


@pytest.fixture(scope="module")
def alone(run: Run) -> Path:
    """What one process makes of it, nothing sharded."""
    return run("alone", 1)


def _map(folder: Path) -> np.ndarray[Any, Any]:
    found = DataMap.from_dynamics(
        read_dynamics(folder / "reference" / "seed-0" / "dynamics"), burn_in=0
    )
    return np.stack([found.confidence, found.variability])


def _runs(folder: Path) -> Any:
    return json.loads((folder / "results.json").read_text())["runs"]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "launcher"), KINDS)
def test_killed_and_resumed_it_is_the_run_of_one_process(run, alone, request, arguments, launcher):
    """The reference is killed, and the models that come after it are scored and trained."""
    count = 1 if torch.cuda.is_available() else 2
    name, given = request.node.callspec.id, json.dumps(arguments)
    options = [f"--set={part}.training_arguments={given}" for part in ("reference", "main")]
    folder = run(name, count, *options, killed=5, status=137, **launcher)
    (checkpoint,) = (folder / "reference" / "seed-0" / "checkpoints").iterdir()
    assert checkpoint.name == "checkpoint-4"
    shards = "global_step4" if "deepspeed" in arguments else "pytorch_model_fsdp.bin"
    assert (checkpoint / shards).exists()

    run(name, count, *options, **launcher)
    np.testing.assert_allclose(_map(folder), _map(alone), atol=1e-3)
    for one, other in zip(_runs(folder), _runs(alone), strict=True):
        assert one["method"] == other["method"]
        assert one["steps"] == other["steps"]
        assert one["scores"] == other["scores"]
    for part in ("reference", "main", "erm"):
        found, expected = (weights(one / part / "seed-0" / "model") for one in (folder, alone))
        assert found.keys() == expected.keys()
        for key, weight in expected.items():
            torch.testing.assert_close(found[key], weight, atol=2e-3, rtol=0, msg=key)


@pytest.mark.parametrize(
    ("kind", "units"),
    [
        ("bert", ["BertLayer"]),
        ("roberta", ["RobertaLayer"]),
        ("modernbert", ["ModernBertEncoderLayer"]),
    ],
)
def test_units_leave_the_embeddings_apart(model_maker, tmp_path, kind, units):
    """Accelerate shards those by themselves, and fails where they are a part of another unit."""
    model = AutoModel.from_pretrained(model_maker(tmp_path, kind=kind))
    name_units(model)
    assert model._no_split_modules == units


def test_networks_without_single_embeddings_have_no_units():
    network = SimpleNamespace(modules=list, get_input_embeddings=_none, _no_split_modules=["A"])
    name_units(network)
    assert network._no_split_modules == []


def _none() -> None:
    raise NotImplementedError


def test_what_a_training_switches_on_ends_with_it(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.delenv("ACCELERATE_USE_DEEPSPEED", raising=False)
    with unsharded():
        assert "ACCELERATE_USE_FSDP" not in os.environ
        os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    assert os.environ["ACCELERATE_USE_FSDP"] == "true"
    assert "ACCELERATE_USE_DEEPSPEED" not in os.environ
    with switches_kept():
        os.environ["ACCELERATE_USE_FSDP"] = "false"
    assert os.environ["ACCELERATE_USE_FSDP"] == "true"


class _ThirdStage:
    """What transformers keeps of a DeepSpeed configuration."""

    def __init__(self) -> None:
        self.config: dict[str, dict[str, Any]] = {"zero_optimization": {"stage": 3}}

    def is_zero3(self) -> bool:
        return True


def test_models_are_loaded_whole_and_those_after_a_training_too():
    third = _ThirdStage()
    arguments: Any = SimpleNamespace(deepspeed_plugin=SimpleNamespace(hf_ds_config=third))
    with switches_kept():
        with loaded_whole(arguments):
            assert not is_deepspeed_zero3_enabled()
        assert is_deepspeed_zero3_enabled()
        assert third.config["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"]
    assert not is_deepspeed_zero3_enabled()


def test_whole_weights_are_saved_whatever_a_launcher_asks_for():
    asked = []
    plugin = SimpleNamespace(set_state_dict_type=asked.append)
    for given in (plugin, None):
        state = SimpleNamespace(fsdp_plugin=given)
        save_whole(SimpleNamespace(accelerator=SimpleNamespace(state=state)))
    assert asked == ["FULL_STATE_DICT"]
