"""How much a selection still changes from one recording point to the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ftft.cartography.burn_in import AUTO, BurnIn, points_left_out
from ftft.cartography.datamap import checked_fraction
from ftft.cartography.ranking import Rows, top_set
from ftft.cartography.trajectories import confidence_by_epoch
from ftft.dynamics.container import TrainingDynamics
from ftft.transfer.agreement import overlap_of


def selections_by_point(
    dynamics: TrainingDynamics, fraction: float = 0.33, burn_in: BurnIn = AUTO
) -> list[Rows]:
    """The most ambiguous examples, had recording stopped at each point.

    Args:
        dynamics: E complete recording points of N examples.
        fraction: Share of the examples selected, in (0, 1].
        burn_in: First recording points left out, or ``auto``, of all points that there are.

    Returns:
        For the second point after burn-in to point E (variability needs two) the rows of the
        ``round(fraction * N)`` examples of highest variability, in ascending order.

    Raises:
        DynamicsError: The fraction is out of range, or a recording point cannot be read.
    """
    count = max(1, round(checked_fraction(fraction, "The selected fraction") * len(dynamics)))
    by_epoch = confidence_by_epoch(dynamics)[points_left_out(dynamics, burn_in) :]
    # The running variance of Welford (1962): every point is read once.
    mean: npt.NDArray[np.float64] = np.zeros(len(dynamics))
    squares: npt.NDArray[np.float64] = np.zeros(len(dynamics))
    counts = np.zeros(len(dynamics), dtype=np.int64)
    selections = []
    for number, probability in enumerate(by_epoch.astype(np.float64), start=1):
        present = ~np.isnan(probability)
        counts += present
        delta = np.where(present, probability - mean, 0.0)
        mean += delta / np.maximum(counts, 1)
        squares += np.where(present, delta * (probability - mean), 0.0)
        if number > 1:
            # As the map does, so that ties are the same ones. Missing examples are never ambiguous.
            variability = np.sqrt(squares / np.maximum(counts, 1)).astype(np.float32)
            rows = top_set(variability, dynamics.example_ids, count, largest=True)
            selections.append(np.sort(rows))
    return selections


def stability(
    dynamics: TrainingDynamics, fraction: float = 0.33, burn_in: BurnIn = AUTO
) -> tuple[float, ...]:
    """Share of the ambiguous selection that each further recording point left as it was.

    Args:
        dynamics: As for :func:`selections_by_point`.
        fraction: Likewise.
        burn_in: Likewise.

    Returns:
        For each point from the third after burn-in, the overlap of its selection with that of
        the point before, in [0, 1]; higher is more stable. Empty with fewer points.
    """
    selections = selections_by_point(dynamics, fraction, burn_in)
    return tuple(
        overlap_of(one, other, len(dynamics)).shared for one, other in pairwise(selections)
    )
