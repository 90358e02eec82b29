"""Measures what a training costs, training and evaluation apart, or works it out."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Literal

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from ftft.evaluation.training import Amount, TrainingCost
from ftft.training.flops import FlopCounter, Shape, ShapeCounts, token_count


class CostMeter(TrainerCallback, ExportableState):
    """Counts batch shapes and seconds while a Trainer runs; survives a resume.

    A step costs one dictionary update; operations are worked out from the shapes at the end.
    Batches are those of all processes together, once they are gathered; seconds are those of the
    clock, not summed over processes.
    """

    def __init__(self) -> None:
        self.training_shapes: dict[str, int] = {}
        self.evaluation_shapes: dict[str, int] = {}
        # Counted by this process and not gathered yet.
        self._new: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self.training_seconds = 0.0
        self.evaluation_seconds = 0.0
        self.overhead_seconds = 0.0
        self._mark = time.perf_counter()

    def count_training(self, shape: Shape) -> None:
        """Count one training batch of (examples, padded length)."""
        _count(self._new[0], shape)

    def count_evaluation(self, shape: Shape) -> None:
        """Count one scored batch of (examples, padded length)."""
        _count(self._new[1], shape)

    def gather(self) -> None:
        """Add up what all processes have counted; all of them must call this together."""
        for training, evaluation in gather_object([self._new]):
            _add(self.training_shapes, training)
            _add(self.evaluation_shapes, evaluation)
        self._new = ({}, {})

    def add_time(self, kind: Literal["training", "evaluation", "overhead"]) -> None:
        """Count the time since the last call. Waits for the device: call it outside the steps."""
        before, name = self._mark, f"{kind}_seconds"
        self._mark = _now()
        setattr(self, name, getattr(self, name) + self._mark - before)

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Start the clock, and forget the memory of what ran before."""
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._mark = _now()

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """Stop the clock."""
        self.add_time("overhead")

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        kept = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {"args": {}, "attributes": kept}

    def cost(self, flops: FlopCounter) -> TrainingCost:
        """Work out the cost of what was counted; all processes must call this together."""
        self.gather()
        training, evaluation = _shapes(self.training_shapes), _shapes(self.evaluation_shapes)
        return TrainingCost(
            training=Amount(
                flops.training(training), float(token_count(training)), self.training_seconds
            ),
            evaluation=Amount(
                flops.inference(evaluation),
                float(token_count(evaluation)),
                self.evaluation_seconds,
            ),
            overhead_seconds=self.overhead_seconds,
            peak_memory_bytes=max(gather_object([_peak_memory()])),
        )


def planned_cost(
    flops: FlopCounter,
    training: ShapeCounts,
    evaluation: ShapeCounts,
    *,
    measured: TrainingCost,
) -> TrainingCost:
    """The cost of a training that is not run.

    Args:
        flops: Counter of the model in question.
        training: Its training batches.
        evaluation: Its scored batches.
        measured: A training of the same model that was run; its seconds per operation carry
            over.

    Returns:
        Operations and tokens computed, seconds estimated from ``measured``.
    """
    return TrainingCost(
        training=_planned(
            flops.training(training), float(token_count(training)), measured.training
        ),
        evaluation=_planned(
            flops.inference(evaluation), float(token_count(evaluation)), measured.evaluation
        ),
        peak_memory_bytes=measured.peak_memory_bytes,
        estimated=True,
    )


def _planned(flops: float, tokens: float, measured: Amount) -> Amount:
    rate = measured.seconds / measured.flops if measured.flops else 0.0
    return Amount(flops, tokens, flops * rate)


def _count(counts: dict[str, int], shape: Shape) -> None:
    # Text keys, since a checkpoint keeps the counts as JSON.
    key = f"{shape[0]}x{shape[1]}"
    counts[key] = counts.get(key, 0) + 1


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        counts[key] = counts.get(key, 0) + count


def _shapes(counts: Mapping[str, int]) -> dict[Shape, int]:
    parsed: dict[Shape, int] = {}
    for key, count in counts.items():
        examples, length = key.split("x")
        parsed[int(examples), int(length)] = count
    return parsed


def _now() -> float:
    """The clock, once the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak_memory() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if sys.platform == "win32":
        return 0  # Python does not say
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
