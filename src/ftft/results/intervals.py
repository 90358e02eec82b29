"""Figures over seeds: mean, deviation, 95% interval, and paired differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ftft.errors import FtftError

LEVEL = 0.95
# Scores are shares of a few hundred examples, so that seeds often differ by the very same amount,
# rounding apart.
_SAME = 1e-9
# The range of a score, and of all that is counted.
SHARE = (0.0, 1.0)
AMOUNT = (0.0, math.inf)


@dataclass(frozen=True)
class Interval:
    """A figure over seeds.

    Attributes:
        mean: Its mean.
        deviation: Its sample standard deviation (ddof 1); None for one seed.
        low: Lower end of the 95% interval of the mean, from Student's t, cut off where no such
            figure can be; None for one seed, and where all seeds give the same figure, which
            says nothing about how others would differ.
        high: Upper end.
        count: Number of seeds.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    count: int

    @classmethod
    def of(
        cls, values: Sequence[float], within: tuple[float, float] = (-math.inf, math.inf)
    ) -> Interval:
        """The interval of at least one value.

        Args:
            values: The values.
            within: Lowest and highest value that such a figure can have.

        Raises:
            FtftError: There is no value.
        """
        if not values:
            raise FtftError("there is no figure to take a mean of.")
        mean, count = statistics.fmean(values), len(values)
        if count == 1:
            return cls(mean, None, None, None, 1)
        deviation = statistics.stdev(values)
        if max(values) - min(values) <= _SAME:
            return cls(mean, deviation, None, None, count)
        from scipy import stats  # which takes long to import

        ends = stats.t.interval(LEVEL, count - 1, mean, deviation / count**0.5)
        low, high = max(within[0], float(ends[0])), min(within[1], float(ends[1]))
        return cls(mean, deviation, low, high, count)


@dataclass(frozen=True)
class Difference:
    """One method less another, paired by seed.

    Attributes:
        interval: The mean difference with its t interval; positive where the first is higher.
        p_value: Of a paired two-sided t test; None for one pair, or where all differences are
            the same, which says nothing about how they would spread.
        wins: Pairs in which the first is higher.
    """

    interval: Interval
    p_value: float | None
    wins: int

    @property
    def is_clear(self) -> bool:
        """Whether the t interval leaves out zero, the differences not being all the same."""
        low, high = self.interval.low, self.interval.high
        if self.p_value is None or low is None or high is None:
            return False
        return low > 0 or high < 0


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """Compare two methods on the seeds that both have.

    Args:
        first: Seed to score, in [0, 1].
        second: Seed to score.

    Returns:
        The difference ``first - second``; None where they share no seed.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    differences = np.array([first[seed] - second[seed] for seed in seeds])
    spread = len(seeds) > 1 and float(np.ptp(differences)) > _SAME
    from scipy import stats  # which takes long to import

    p_value = float(stats.ttest_1samp(differences, 0.0).pvalue) if spread else None
    return Difference(
        interval=Interval.of(differences.tolist(), (-1.0, 1.0)),
        p_value=p_value,
        wins=int((differences > 0).sum()),
    )
