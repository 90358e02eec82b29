"""What one recording point says about each example: five numbers, whatever the task.

All values are computed in float64 and rounded to float32 once: the exponential of
different processors differs in its last bit, and the rounding hides that, so a map and
a selection come out the same everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.int64]
# Tokens of each example.
Lengths: TypeAlias = npt.NDArray[np.int32]
Logits: TypeAlias = npt.NDArray[np.float32]
# What a row of a dynamics folder is: the C logits of an example, or its `COLUMNS`.
Encoding: TypeAlias = Literal["logits", "values"]
Recorded: TypeAlias = npt.NDArray[np.float32]

# Numbers in one block: small enough for the cache, large enough to amortise the calls.
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class PointValues:
    """Values of N examples at one recording point, each an array of shape (N,).

    The numbers are float64 where they are computed from logits, since they are summed
    before they are rounded, and float32 where they were recorded. An example without an
    answer has no value: NaN in all numbers, and ``correct`` is False. A margin or an error
    norm that a task does not have is NaN too.

    Attributes:
        probability: Probability of the right answer, in [0, 1].
        loss: Cross-entropy of the right answer, at least 0.
        margin: Logit of the right answer less the highest other logit.
        error_norm: Euclidean norm of softmax minus one-hot answer, in [0, √2].
        correct: Bool, whether the right answer has the highest logit (of equal ones, the
            first counts).
    """

    probability: npt.NDArray[np.floating]
    loss: npt.NDArray[np.floating]
    margin: npt.NDArray[np.floating]
    error_norm: npt.NDArray[np.floating]
    correct: npt.NDArray[np.bool_]

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Which examples have a value, (N,)."""
        return np.asarray(~np.isnan(self.probability))

    @property
    def accuracy(self) -> float:
        """Share of the examples with a value whose answer is right, in [0, 1]."""
        return float(self.correct[self.present].mean())

    @property
    def mean_probability(self) -> float:
        """Mean probability of the right answer of the examples with a value, in [0, 1]."""
        found = self.probability[self.present]
        return float(found.mean()) if len(found) else math.nan

    def take(self, rows: npt.NDArray[Any]) -> PointValues:
        """The values of some examples, by position or as a mask."""
        return PointValues(*(getattr(self, name)[rows] for name in COLUMNS))


COLUMNS = tuple(field.name for field in fields(PointValues))
FIRST_MEASURE = "inverse-perplexity"
"""What the first column is of a completion, where another probability is recorded beside it."""

# The numbers that every example with an answer has.
_NEEDED = [COLUMNS.index(name) for name in ("probability", "loss", "correct")]
# What rounding may add to a probability.
_SLACK = 1e-3


def values_of_columns(recorded: Recorded, probability: int = 0) -> PointValues:
    """The values of one recording point as they were recorded.

    Args:
        recorded: (N, W) rows: ``COLUMNS``, and after them other probabilities of the right answer.
        probability: The column to take for the probability.
    """
    columns = np.ascontiguousarray(recorded.T)
    loss, margin, error_norm, correct = columns[1 : len(COLUMNS)]
    return PointValues(columns[probability], loss, margin, error_norm, correct > 0.5)


def unusable(recorded: Recorded, encoding: Encoding) -> npt.NDArray[np.bool_]:
    """Which rows cannot be used: bool array (N,).

    Logits must be finite. Of values, all may be missing (NaN); else probabilities, loss
    and correct must be there and in range, and no number may be infinite.

    Args:
        recorded: (N, W) rows.
        encoding: What they are.
    """
    if encoding == "logits":
        return np.asarray(~np.isfinite(recorded).all(axis=1))
    probability, loss, correct = recorded[:, _NEEDED].T
    # The comparisons are written so that NaN fails them.
    fine = (probability >= 0) & (probability <= 1 + _SLACK) & (loss >= -_SLACK)
    fine &= ((correct == 0) | (correct == 1)) & ~np.isinf(recorded).any(axis=1)
    others = recorded[:, len(COLUMNS) :]
    fine &= ((others >= 0) & (others <= 1 + _SLACK)).all(axis=1)
    return np.asarray(~(fine | np.isnan(recorded).all(axis=1)))


def values_of_logits(logits: Logits, labels: Labels) -> PointValues:
    """All values of one recording point.

    Args:
        logits: (N, C) finite logits.
        labels: (N,) gold class indices.
    """
    count = len(logits)
    arrays = [np.empty(count, bool if name == "correct" else float) for name in COLUMNS]
    size = max(1, _BLOCK // logits.shape[1])
    for start in range(0, count, size):
        rows = slice(start, start + size)
        block = np.array(logits[rows].T, dtype=np.float64, order="C")
        for array, part in zip(arrays, _of_block(block, labels[rows]), strict=True):
            array[rows] = part
    return PointValues(*arrays)


def softmax(logits: Logits) -> Floats:
    """Softmax over the last axis of (n, C) logits, shifted so that nothing overflows."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _of_block(by_class: Floats, labels: Labels) -> tuple[Any, ...]:
    """The fields of ``PointValues``, in their order, from (C, n) logits that may be overwritten."""
    # Classes first: with few classes, operations along the long axis are several times
    # faster than reductions over a short last axis. The gold entries are addressed in
    # the flat array, which is faster than by row and column.
    size = by_class.shape[1]
    at_gold = labels * size + np.arange(size)
    gold = by_class.ravel().take(at_gold)
    others = by_class.copy()
    others.ravel()[at_gold] = -np.inf
    highest_other = others.max(axis=0)
    margin = gold - highest_other
    correct = margin > 0
    tied = np.flatnonzero(margin == 0)
    correct[tied] = by_class[:, tied].argmax(axis=0) == labels[tied]

    shift = np.maximum(gold, highest_other)
    probabilities = np.subtract(by_class, shift, out=by_class)
    loss = shift - gold
    np.exp(probabilities, out=probabilities)
    total = probabilities.sum(axis=0)
    loss += np.log(total)
    probabilities /= total
    probability = probabilities.ravel().take(at_gold)
    # 1 - p would lose all digits of a confident example; the sum of the others does not.
    probabilities.ravel()[at_gold] = 0.0
    missing = probabilities.sum(axis=0)
    error_norm = np.sqrt(np.einsum("cn,cn->n", probabilities, probabilities) + missing * missing)
    return probability, loss, margin, error_norm, correct
