"""Stopping a training whose development score stalls, or whose dynamics have settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from transformers import EarlyStoppingCallback, TrainerCallback

from ftft.data.dataset import LabelledDataset
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.evaluation.metrics import macro_f1
from ftft.tasks import TASKS
from ftft.training.eval_recording import look_at_recorded, points_reached
from ftft.training.trainer import FineTuner

Settled = Callable[[TrainingDynamics], bool]
"""Given what was recorded so far, all recording points of it complete: whether that is enough."""

_COUNTER = "early_stopping_patience_counter"


class StopWhenStalled(EarlyStoppingCallback):
    """Early stopping that waits until a training has begun to learn.

    A model that still gives every example the same answer scores the same each time. That is a
    training that has not begun, not one that has nothing left to gain.

    Args:
        early_stopping_patience: Scorings without improvement before it stops.
        floor: The watched score that needs no learning; none counts before one is above it.
    """

    def __init__(self, early_stopping_patience: int, floor: float) -> None:
        super().__init__(early_stopping_patience)
        self.floor = floor

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take over the count from a checkpoint of before this class, kept under its parent's name.

        The Trainer finds a callback's state by its class's name, and saves only what was found.
        """
        super().on_train_begin(args, state, control, **kwargs)
        kept = state.stateful_callbacks.pop(EarlyStoppingCallback.__name__, None)
        if kept is not None:
            self.early_stopping_patience_counter = kept["attributes"][_COUNTER]
            state.stateful_callbacks[type(self).__name__] = self.state()

    def check_metric_value(self, args: Any, state: Any, control: Any, metric_value: float) -> None:
        """Count a score, once the best one is above the floor."""
        best = metric_value if state.best_metric is None else max(metric_value, state.best_metric)
        if best > self.floor:
            super().check_metric_value(args, state, control, metric_value)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; the Trainer makes the callback anew from it."""
        kept: dict[str, Any] = super().state()
        arguments = {"early_stopping_patience": self.early_stopping_patience, "floor": self.floor}
        return kept | {"args": arguments}


def watched_floor(watched: Iterable[LabelledDataset], metric: str) -> float:
    """The mean score over some sets that needs no learning; 0 where a task or metric has none."""
    return float(np.mean([_floor(one, metric) for one in watched]))


def _floor(dataset: LabelledDataset, metric: str) -> float:
    if metric == "macro_f1":
        always = np.full_like(dataset.labels, np.bincount(dataset.labels).argmax())
        return macro_f1(always, dataset.labels)
    accuracy = TASKS[dataset.task].floor([dataset]) if metric == "accuracy" else None
    return accuracy or 0.0


class StopWhenSettled(TrainerCallback):
    """Stops a training at a recording point from which on more of them change nothing.

    It looks at what is on the disk and at nothing else, so that a training that resumes from a
    checkpoint decides as it would have without the interruption.

    Args:
        trainer: The trainer in which this callback runs.
        recorder: What records; flushed before it is looked at.
        examples: Size of the training set.
        points_per_epoch: Recording points in an epoch, at least 1.
        settled: Decides.
    """

    def __init__(
        self,
        trainer: FineTuner,
        recorder: DynamicsRecorder,
        examples: int,
        points_per_epoch: int,
        settled: Settled,
    ) -> None:
        self._trainer = trainer
        self._recorder = recorder
        self._examples = examples
        self._points_per_epoch = points_per_epoch
        self._settled = settled

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Decide where a recording point has just been reached.

        At the end of a step, not of an epoch: the checkpoint of this step is yet to be written,
        and holds the decision.
        """
        step = state.global_step
        reached = points_reached(args, step, self._examples, self._points_per_epoch)
        if not reached or step >= state.max_steps:
            return
        if look_at_recorded(self._trainer, self._recorder, self._settled):
            control.should_training_stop = True
            control.should_evaluate = True
            control.should_save = True
