"""What one recording point says about each example, computed in blocks of rows.

All values are computed in float64 and rounded to float32 once: the exponential of
different processors differs in its last bit, and the rounding hides that, so a map and
a selection come out the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ftft.dynamics.container import Logits, TrainingDynamics
from ftft.dynamics.examples import Labels

Floats: TypeAlias = npt.NDArray[np.float64]

# Numbers in one block: small enough for the cache, large enough to amortise the calls.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class PointValues:
    """Values of n examples at one recording point, each an array of shape (n,).

    Attributes:
        probability: float64 softmax probability of the gold label, in [0, 1].
        correct: bool, whether the gold label has the highest logit (the class with the
            lowest index where several do).
        margin: float64 logit of the gold label less the highest other logit.
        loss: float64 cross-entropy, at least 0.
        error_norm: float64 Euclidean norm of softmax minus one-hot label, in [0, √2].
    """

    probability: Floats
    correct: npt.NDArray[np.bool_]
    margin: Floats
    loss: Floats
    error_norm: Floats


def point_values(logits: Logits, labels: Labels) -> PointValues:
    """All values of one recording point, for arrays that fit into memory.

    Args:
        logits: (n, C) finite logits.
        labels: (n,) gold class indices.
    """
    return _values(np.array(logits.T, dtype=np.float64, order="C"), labels)


def value_blocks(logits: Logits, labels: Labels) -> Iterator[tuple[slice, PointValues]]:
    """The values of one recording point, some rows at a time.

    Args:
        logits: (N, C) finite logits.
        labels: (N,) gold class indices.

    Yields:
        The rows of a block and their values; the blocks cover all rows.
    """
    size = max(1, _BLOCK // logits.shape[1])
    for start in range(0, len(logits), size):
        rows = slice(start, min(start + size, len(logits)))
        yield rows, point_values(logits[rows], labels[rows])


def softmax(logits: Logits) -> Floats:
    """Softmax over the last axis of (n, C) logits, shifted so that nothing overflows."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def confidence_by_epoch(dynamics: TrainingDynamics) -> npt.NDArray[np.float32]:
    """Probability of the gold label at each recording point.

    Returns:
        float32 array of shape (E, N), in [0, 1]; higher is learnt better.

    Raises:
        DynamicsError: a recording point cannot be read.
    """
    return _by_epoch(dynamics, dynamics.epochs, "probability")


def loss_trajectories(
    dynamics: TrainingDynamics, epochs: Sequence[int] | None = None
) -> npt.NDArray[np.float32]:
    """Cross-entropy of the gold label at each recording point.

    Args:
        dynamics: what was recorded.
        epochs: E of its complete points, such as those of a map; all where None.

    Returns:
        float32 array of shape (N, E), at least 0; lower is learnt better. One row is the
        trajectory that SmallToLarge clusters (Yang et al. 2024, section 4).

    Raises:
        DynamicsError: a recording point cannot be read.
    """
    taken = dynamics.epochs if epochs is None else epochs
    return np.ascontiguousarray(_by_epoch(dynamics, taken, "loss").T)


def _by_epoch(
    dynamics: TrainingDynamics, epochs: Sequence[int], name: str
) -> npt.NDArray[np.float32]:
    result = np.empty((len(epochs), len(dynamics)), dtype=np.float32)
    for position, epoch in enumerate(epochs):
        for rows, values in value_blocks(dynamics.epoch_logits(epoch), dynamics.labels):
            result[position, rows] = getattr(values, name)
    return result


def _values(by_class: Floats, labels: Labels) -> PointValues:
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
    return PointValues(probability, correct, margin, loss, error_norm)
