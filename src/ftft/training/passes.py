"""Recording dynamics by separate passes over the training set, in evaluation mode."""

from __future__ import annotations

from typing import Any

import numpy as np
from transformers import TrainerCallback

from ftft.data.encode import EncodedDataset
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.training.trainer import FineTuner


class RecordingPasses(TrainerCallback):
    """Scores the whole training set at every recording point and records the logits.

    A recording point may lie within an epoch. The passes are counted as evaluation cost.

    Args:
        trainer: The trainer in which this callback runs.
        recorder: Where the logits go; recording point k is its epoch k.
        train: The training set.
        points_per_epoch: Recording points in an epoch, at least 1.
    """

    def __init__(
        self,
        trainer: FineTuner,
        recorder: DynamicsRecorder,
        train: EncodedDataset,
        points_per_epoch: int,
    ) -> None:
        self._trainer = trainer
        self._recorder = recorder
        self._train = train
        self._points_per_epoch = points_per_epoch

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Record where a recording point, or several, have just been reached."""
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        steps_per_epoch = -(-len(self._train) // batch)
        reached = state.global_step * self._points_per_epoch // steps_per_epoch
        before = (state.global_step - 1) * self._points_per_epoch // steps_per_epoch
        if reached > before:
            self._record(range(before, reached))

    def _record(self, points: range) -> None:
        self._trainer.meter.lap_training()
        logits = self._trainer.logits(self._train)
        if self._trainer.is_world_process_zero():
            for point in points:
                self._recorder.record(point, np.arange(len(self._train)), logits)
                self._recorder.finish_epoch(point)
        self._trainer.meter.lap_evaluation()
