"""Stopping a training whose dynamics have settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.training.eval_recording import look_at_recorded, points_reached
from ftft.training.trainer import FineTuner

Settled = Callable[[TrainingDynamics], bool]
"""Given what was recorded so far, all recording points of it complete: whether that is enough."""


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
