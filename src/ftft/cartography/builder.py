"""Builds a map a recording point at a time; each point is read once, whoever asks for what."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ftft.cartography.burn_in import AUTO, BurnIn, points_left_out, transient
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.values import Floats, PointValues


class Spread:
    """Running means and squared deviations of N examples, by the recurrence of Welford (1962).

    The plain sum of squares cancels for confident examples.
    """

    def __init__(self, num_examples: int) -> None:
        self.points = np.zeros(num_examples, dtype=np.int32)
        self.mean: Floats = np.zeros(num_examples)
        self.squares: Floats = np.zeros(num_examples)

    def add(self, rows: Any, probability: npt.NDArray[np.floating]) -> None:
        """Add the probabilities of some examples."""
        self.points[rows] += 1
        difference = probability - self.mean[rows]
        self.mean[rows] += difference / self.points[rows]
        self.squares[rows] += difference * (probability - self.mean[rows])


class Sums:
    """Running sums over recording points, each of shape (N,)."""

    def __init__(self, num_examples: int) -> None:
        self.probability = Spread(num_examples)
        self.margin: Floats = np.zeros(num_examples)
        self.loss: Floats = np.zeros(num_examples)
        self.error_norm: Floats = np.zeros(num_examples)
        self.correct = np.zeros(num_examples, dtype=np.int32)
        self.forgetting = np.zeros(num_examples, dtype=np.int32)
        self.was_correct = np.zeros(num_examples, dtype=np.bool_)

    def add(self, values: PointValues) -> None:
        """Add the values of the next recording point; examples without one are passed over."""
        rows: Any = slice(None)
        if not values.present.all():
            rows = np.flatnonzero(values.present)
            values = values.take(rows)
        self.probability.add(rows, values.probability)
        self.margin[rows] += values.margin
        self.loss[rows] += values.loss
        self.error_norm[rows] += values.error_norm
        self.correct[rows] += values.correct
        self.forgetting[rows] += self.was_correct[rows] & ~values.correct
        self.was_correct[rows] = values.correct


class MapBuilder:
    """Sums of the recording points after burn-in, to which new points are added as they come.

    While a training records, its last point moves the end of the transient now and then. Only
    then are points read again; what comes out is always what reading all of them afresh gives.

    Args:
        burn_in: First recording points left out, or ``auto``.

    Attributes:
        dynamics: What was recorded, as of the last :meth:`update`.
        left_out: How many of the first complete points are left out.
        used: The recording points that are in the sums.
        sums: The sums.
    """

    dynamics: TrainingDynamics
    left_out: int
    sums: Sums

    def __init__(self, burn_in: BurnIn = AUTO) -> None:
        self.burn_in = burn_in
        self.used: tuple[int, ...] = ()
        self._means: dict[int, float] = {}
        self._held: dict[int, PointValues] = {}

    def update(self, dynamics: TrainingDynamics) -> Self:
        """Add the points of a training that are not in the sums yet.

        Args:
            dynamics: Those of the last call, with or without further points.

        Raises:
            DynamicsError: A point cannot be read, or ``burn_in`` is out of range.
        """
        self.dynamics = dynamics
        self.left_out = points_left_out(dynamics, self.burn_in, self.mean)
        used = dynamics.epochs[self.left_out :]
        if not self.used or self.used != used[: len(self.used)]:
            self.begin()
        for epoch in used[len(self.used) :]:
            self.add(self.values(epoch))
            self.used += (epoch,)
        return self

    def begin(self) -> None:
        """Forget the sums."""
        self.used, self.sums = (), Sums(len(self.dynamics))

    def add(self, values: PointValues) -> None:
        """Add the next recording point after burn-in."""
        self.sums.add(values)

    def values(self, epoch: int) -> PointValues:
        """The values of a recording point; those that are asked for again are held."""
        if epoch not in self._held:
            values = self.dynamics.point_values(epoch)
            self._means[epoch] = values.mean_probability
            kept = self.held_points()
            self._held = {one: held for one, held in self._held.items() if one in kept}
            self._held[epoch] = values
        return self._held[epoch]

    def held_points(self) -> set[int]:
        """Points that are held beside the one that was read last: the end, which rules burn-in."""
        return {self.dynamics.epochs[-1]}

    def mean(self, epoch: int) -> float:
        """The mean probability of the right answer at a recording point."""
        return self._means[epoch] if epoch in self._means else self.values(epoch).mean_probability

    @property
    def transient(self) -> int:
        """Recording points at which everything was still being learnt, left out or not."""
        return transient(self.dynamics, self.mean)
