"""How much a selection still changes from one recording point to the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ftft.cartography.builder import MapBuilder, Spread
from ftft.cartography.burn_in import AUTO, BurnIn, points_left_out
from ftft.cartography.datamap import checked_fraction
from ftft.cartography.ranking import Rows, top_set
from ftft.cartography.statistics import Values
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.values import PointValues
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
    checked_fraction(fraction, "The selected fraction")
    spread = Spread(len(dynamics))
    selections = []
    for epoch in dynamics.epochs[points_left_out(dynamics, burn_in) :]:
        _add(spread, dynamics.point_values(epoch))
        selections.append(_most_ambiguous(_variability(spread), dynamics, fraction))
    return selections[1:]


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


class FollowedMap(MapBuilder):
    """A map builder that also follows the ambiguous selection, for the preflight check."""

    def begin(self) -> None:
        """Forget the sums."""
        super().begin()
        self._spread = Spread(len(self.dynamics))
        self._before = self._variability = _variability(self._spread)

    def add(self, values: PointValues) -> None:
        """Add the next recording point after burn-in."""
        super().add(values)
        _add(self._spread, values)
        self._before, self._variability = self._variability, _variability(self._spread)

    def held_points(self) -> set[int]:
        """The very first point too, whatever burn-in is: what was learnt before it counts."""
        return {self.dynamics.epochs[0], *super().held_points()}

    def steady(self, fraction: float) -> float | None:
        """Share of the ambiguous selection that the last point left as it was, in [0, 1].

        None where there are fewer than three points after burn-in.
        """
        if len(self.used) < 3:
            return None
        one, other = (
            _most_ambiguous(variability, self.dynamics, fraction)
            for variability in (self._before, self._variability)
        )
        return overlap_of(one, other, len(self.dynamics)).shared


def _add(spread: Spread, values: PointValues) -> None:
    # Rounded as ``confidence_by_epoch`` is, and not as the map's are: earlier versions' figures.
    rows = np.flatnonzero(values.present)
    spread.add(rows, values.probability[rows].astype(np.float32).astype(np.float64))


def _variability(spread: Spread) -> Values:
    # Examples without a value are never ambiguous.
    return np.sqrt(spread.squares / np.maximum(spread.points, 1)).astype(np.float32)


def _most_ambiguous(variability: Values, dynamics: TrainingDynamics, fraction: float) -> Rows:
    count = max(1, round(fraction * len(dynamics)))
    return np.sort(top_set(variability, dynamics.example_ids, count, largest=True))
