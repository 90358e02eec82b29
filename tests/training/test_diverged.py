"""A training that diverges ends with a message, and leaves no model of NaN behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from ftft.config.schema import Recording
from ftft.errors import DynamicsError, ModelError
from ftft.training.scoring import score_sets
from tiny_task import plan

WHAT_TO_DO = "lower the learning rate, or use bfloat16 or float32 instead of float16"


class Spoil(TrainerCallback):
    """Makes some weights NaN or infinite after a step."""

    def __init__(self, step: int, value: float, rows: slice = slice(None)) -> None:
        self.step, self.value, self.rows = step, value, rows

    def on_step_end(self, args: Any, state: Any, control: Any, model=None, **kwargs: Any) -> None:
        if state.global_step == self.step:
            with torch.no_grad():
                model.get_input_embeddings().weight[self.rows] = self.value


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [({}, r"run: the training loss is nan at step 2\."), ({"logging_steps": 99}, "run, scored on")],
    ids=["seen at a log", "seen at a scoring"],
)
def test_a_learning_rate_that_is_too_high(tune, settings, tmp_path, keep, arguments, message):
    chosen = settings(learning_rate=1e30, warmup=0.0, training_arguments=arguments)
    with pytest.raises(DynamicsError, match=message) as caught:
        tune("run", plan(6, 3, keep=keep), settings=chosen)
    assert WHAT_TO_DO in str(caught.value)
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("recording", [None, Recording(), Recording(mode="evaluation")])
def test_weights_that_are_spoilt_late(tune, tmp_path, value, recording):
    """The last step is not followed by a training loss that would show it."""
    with pytest.raises(DynamicsError, match=WHAT_TO_DO):
        tune("run", plan(6, 3), recording=recording, spies=(Spoil(6, value),))
    assert not (tmp_path / "run" / "model").exists()


def test_weights_that_no_development_set_needs(tune, tokenizer):
    unused = tokenizer.mask_token_id
    spoil = Spoil(6, float("nan"), slice(unused, unused + 1))
    with pytest.raises(ModelError, match=r"run: the weight \S+word_embeddings.*lower the learning"):
        tune("run", plan(6, 3), spies=(spoil,))


def test_a_finished_model_of_nan_is_not_scored(tune, settings, dev_set):
    tuned = tune("run", plan(3))
    assert score_sets(tuned.model_folder, settings(), {"dev": dev_set})
    file = tuned.model_folder / "model.safetensors"
    values = {name: torch.full_like(value, torch.nan) for name, value in load_file(file).items()}
    save_file(values, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"run/model: the weight .* holds NaN"):
        score_sets(tuned.model_folder, settings(), {"dev": dev_set})
