"""Recording dynamics by separate passes over the training set, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from transformers import TrainerCallback

from ftft.data.encode import EncodedDataset
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.training.trainer import FineTuner
from ftft.utils import distributed

T = TypeVar("T")


class RecordingPasses(TrainerCallback):
    """Scores the whole training set at every recording point and records it.

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
        points = points_reached(args, state.global_step, len(self._train), self._points_per_epoch)
        if points:
            self._record(points)

    def _record(self, points: range) -> None:
        self._trainer.meter.add_time("training")
        recorded, words = self._trainer.record_all(self._train)
        if self._trainer.is_world_process_zero():
            every = np.arange(len(self._train))
            for point in points:
                self._recorder.record(point, every, recorded)
                if words:
                    self._recorder.record_words(point, every, *words)
                self._recorder.finish_epoch(point)
        self._trainer.meter.add_time("evaluation")


def look_at_recorded(
    trainer: FineTuner, recorder: DynamicsRecorder, look: Callable[[TrainingDynamics], T]
) -> T:
    """What the first process makes of all that was recorded so far; all get its answer."""
    trainer.meter.add_time("training")
    recorder.flush()
    # All processes' recordings count, and all must decide alike.
    distributed.wait()
    found = distributed.from_first(lambda: look(recorder.read()))
    trainer.meter.add_time("overhead")
    return found


def points_reached(args: Any, step: int, examples: int, points_per_epoch: int) -> range:
    """The recording points that the end of a step, counted from 1, has just reached."""
    batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
    steps_per_epoch = -(-examples // batch)
    before = (step - 1) * points_per_epoch // steps_per_epoch
    return range(before, step * points_per_epoch // steps_per_epoch)
