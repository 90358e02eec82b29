"""The statistics of training dynamics, in one pass over the recording points.

With E recording points after burn-in, p[e] the probability of the gold label y and
z[e] the logits at point e, each example gets

    confidence   mean_e p[e]                          Swayamdipta et al. 2020, section 2
    variability  sqrt(sum_e (p[e] - confidence)² / (E - ddof))               the same
    correctness  mean_e 1[argmax z[e] = y]                                   the same
    forgetting   times that right is followed by wrong  Toneva et al. 2019, section 3
    aum          mean_e (z[e, y] - max_{c ≠ y} z[e, c])  Pleiss et al. 2020, section 3
    mean_loss    mean_e -log p[e]
    el2n         mean_e ‖softmax(z[e]) - onehot(y)‖₂     Paul et al. 2021, section 2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ftft.cartography.builder import MapBuilder
from ftft.cartography.burn_in import AUTO, BurnIn, check_enough, checked_count
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.values import Floats
from ftft.errors import DynamicsError

Values: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of N examples; every array has shape (N,).

    Attributes:
        confidence: float32 in [0, 1]; higher is easier.
        variability: float32 in [0, 0.5] with ddof 0; higher is more ambiguous.
        correctness: float32 in [0, 1]; higher is easier.
        forgetting: int32, at least 0; higher is harder. An example that is never
            predicted right has 0 (its correctness is 0 too), not infinity as in the paper.
        aum: float32, any value; low and negative point to label errors.
        mean_loss: float32, at least 0; higher is harder.
        el2n: float32 in [0, √2]; higher is harder.
        epochs: The recording points that took part.
        burn_in: How many of the first complete points were left out.
        ddof: What variability divides by: the number of points less this.
        points: int32, how many of ``epochs`` an example has values of. One with fewer than two
            has no statistics: NaN, and 0 where they are integers.
        learnt: int8, 1 where the last of these points predicts the example right, else 0.
    """

    confidence: Values
    variability: Values
    correctness: Values
    forgetting: npt.NDArray[np.int32]
    aum: Values
    mean_loss: Values
    el2n: Values
    epochs: tuple[int, ...]
    burn_in: int
    ddof: int
    points: npt.NDArray[np.int32]
    learnt: npt.NDArray[np.int8]


def statistics(dynamics: TrainingDynamics, burn_in: BurnIn = AUTO, ddof: int = 0) -> Statistics:
    """Compute all statistics, reading one recording point at a time.

    Args:
        dynamics: What was recorded; incomplete recording points do not take part.
        burn_in: How many of the first complete recording points to leave out; ``auto``
            leaves out those of the transient (``ftft.cartography.burn_in``). Forgetting
            counts only between points that take part.
        ddof: 0 for the population standard deviation, as in the figures of the data-map
            paper; 1 for the sample one, as in the FTFT code. The ranking is the same.

    Raises:
        DynamicsError: Fewer than two recording points are left, the settings are out of
            range, or a point cannot be read.
    """
    return statistics_of(MapBuilder(burn_in).update(dynamics), ddof)


def statistics_of(built: MapBuilder, ddof: int = 0) -> Statistics:
    """The statistics of the recording points that a builder has taken in.

    Args:
        built: The builder.
        ddof: As for :func:`statistics`.

    Raises:
        DynamicsError: It has fewer than two points, or ``ddof`` is out of range.
    """
    if checked_count("ddof", ddof) > 1:
        raise DynamicsError(f"ddof is {ddof}; it must be 0 or 1.")
    check_enough(built.dynamics, built.left_out, least=2)
    sums, spread = built.sums, built.sums.probability
    points: Floats = np.where(spread.points < 2, np.nan, spread.points)
    return Statistics(
        confidence=np.where(spread.points < 2, np.nan, spread.mean).astype(np.float32),
        variability=np.sqrt(spread.squares / (points - ddof)).astype(np.float32),
        correctness=(sums.correct / points).astype(np.float32),
        forgetting=sums.forgetting.copy(),
        aum=(sums.margin / points).astype(np.float32),
        mean_loss=(sums.loss / points).astype(np.float32),
        el2n=(sums.error_norm / points).astype(np.float32),
        epochs=built.used,
        burn_in=built.left_out,
        ddof=ddof,
        points=spread.points.copy(),
        learnt=sums.was_correct.astype(np.int8),
    )
