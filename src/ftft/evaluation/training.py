"""What a training came to, as plain values: its length, its scores and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Amount:
    """One part of a cost.

    Attributes:
        flops: Floating-point operations, padding included.
        tokens: Tokens processed, padding included.
        seconds: Wall-clock seconds.
    """

    flops: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.flops + other.flops, self.tokens + other.tokens, self.seconds + other.seconds
        )


@dataclass(frozen=True)
class TrainingCost:
    """The cost of one training.

    Attributes:
        training: Forward and backward passes over training batches, with batch assembly.
        evaluation: Forward passes over development sets while training, and over the training
            set where dynamics are recorded in evaluation mode.
        overhead_seconds: Seconds in the loop that are neither (checkpoints, logging).
        preparation_seconds: Seconds of tokenising before it, as far as no earlier training of the
            same run had done it.
        peak_memory_bytes: Highest memory use of one process: of the accelerator where there is
            one, else of the whole process, which includes what ran before.
        estimated: True where the training was not run and the figures are computed.
    """

    training: Amount
    evaluation: Amount
    overhead_seconds: float = 0.0
    preparation_seconds: float = 0.0
    peak_memory_bytes: int = 0
    estimated: bool = False

    @property
    def total(self) -> Amount:
        """Training and evaluation together."""
        return self.training + self.evaluation

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(
            training=Amount(**values["training"]),
            evaluation=Amount(**values["evaluation"]),
            overhead_seconds=values["overhead_seconds"],
            preparation_seconds=values["preparation_seconds"],
            peak_memory_bytes=values["peak_memory_bytes"],
            estimated=values["estimated"],
        )


@dataclass(frozen=True)
class Training:
    """A finished training.

    Attributes:
        steps: Optimiser steps taken.
        kept_step: Step whose weights were kept.
        precision: What matrix products were computed in: ``fp32``, ``bf16`` or ``fp16``.
        cost: What it cost.
        dev_scores: Set to metric to value, of the kept weights.
        history: Development scores at every evaluation, oldest first: the step and
            ``SET_METRIC`` to value.
        trained_parameters: Numbers of the model that were trained; 0 where it is not known.
        parameters: All numbers of the model, those of an adapter included; likewise.
    """

    steps: int
    kept_step: int
    precision: str
    cost: TrainingCost
    dev_scores: dict[str, dict[str, float]]
    history: list[dict[str, float]]
    trained_parameters: int = 0
    parameters: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "steps": self.steps,
            "kept_step": self.kept_step,
            "precision": self.precision,
            "cost": self.cost.to_dict(),
            "dev_scores": self.dev_scores,
            "history": self.history,
            "trained_parameters": self.trained_parameters,
            "parameters": self.parameters,
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Training:
        """The inverse of :meth:`to_dict`; other keys are left out."""
        # Older records do not say how many parameters there were.
        own = {one.name: values[one.name] for one in fields(Training) if one.name in values}
        return Training(**own | {"cost": TrainingCost.from_dict(values["cost"])})
