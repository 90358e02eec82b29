"""Trainings that are killed in a test, and that what follows is the same as without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformers import TrainerCallback

from ftft.config.schema import Recording
from ftft.dynamics.store import read_dynamics
from ftft.dynamics.values import COLUMNS
from ftft.training.finetune import FineTuned
from ftft.training.trainer import FineTuner
from tiny_task import same_weights

EVALUATION = Recording(mode="evaluation", points_per_epoch=2)


class KilledError(BaseException):
    """What a test raises in the place of a SIGKILL."""


class Killer(TrainerCallback):
    """Raises at the end of one step, before the step's evaluation and checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise KilledError


def check_same(again: FineTuned, whole: FineTuned) -> None:
    """Everything but seconds and memory is the same."""
    assert same_weights(again.model_folder, whole.model_folder)
    assert (again.steps, again.kept_step) == (whole.steps, whole.kept_step)
    assert again.history == whole.history
    assert again.dev_scores == whole.dev_scores
    for part in ("training", "evaluation"):
        found, expected = getattr(again.cost, part), getattr(whole.cost, part)
        assert (found.flops, found.tokens) == (expected.flops, expected.tokens)
    if whole.dynamics_folder is None:
        assert again.dynamics_folder is None
        return
    found, expected = read_dynamics(again.dynamics_folder), read_dynamics(whole.dynamics_folder)
    assert found.epochs == expected.epochs
    assert found.incomplete == expected.incomplete
    for epoch in found.epochs if expected.encoding == "values" else ():
        one, other = (each.point_values(epoch) for each in (found, expected))
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    if expected.encoding == "logits":
        np.testing.assert_array_equal(found.logits(), expected.logits())


def scores(monkeypatch: pytest.MonkeyPatch, by_step: dict[int, float]) -> None:
    from ftft.evaluation.metrics import SetScores

    def score(trainer: FineTuner, dataset: Any) -> SetScores:
        value = by_step[trainer.state.global_step]
        return SetScores({"accuracy": value, "macro_f1": value, "examples": 12.0}, {})

    monkeypatch.setattr(FineTuner, "score", score)
