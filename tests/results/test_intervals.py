"""Means, intervals and paired differences, against figures worked out by hand."""

import math

import pytest

from ftft.errors import FtftError
from ftft.results.intervals import AMOUNT, SHARE, Interval, paired

# The 97.5% point of Student's t with 3 and 1 degrees of freedom, as printed in tables.
T3, T1 = 3.182446, 12.706205


def test_four_seeds():
    found = Interval.of([0.70, 0.74, 0.72, 0.76])
    deviation = math.sqrt((0.0009 + 0.0001 + 0.0001 + 0.0009) / 3)
    assert found.mean == pytest.approx(0.73)
    assert found.deviation == pytest.approx(deviation)
    assert found.low == pytest.approx(0.73 - T3 * deviation / 2, abs=1e-7)
    assert found.high == pytest.approx(0.73 + T3 * deviation / 2, abs=1e-7)
    assert found.count == 4


def test_two_seeds():
    found = Interval.of([0.1, 0.3])
    assert found.deviation == pytest.approx(math.sqrt(0.02))
    assert found.high == pytest.approx(0.2 + T1 * 0.1, abs=1e-6)


def test_no_end_lies_where_no_score_can():
    """Two seeds of 0.85 and 1: Student's t alone says -0.03 to 1.88."""
    assert Interval.of([0.85, 1.0]).high == pytest.approx(0.925 + T1 * 0.075)
    found = Interval.of([0.85, 1.0], SHARE)
    assert (found.low, found.high) == (0.0, 1.0)
    assert Interval.of([0.01, 3.0], AMOUNT).low == 0.0
    assert Interval.of([0.01, 3.0], AMOUNT).high > 3
    apart = paired({0: 1.0, 1: 0.9}, {0: 0.0, 1: 0.3}).interval
    assert (apart.low, apart.high) == (-1.0, 1.0)


def test_one_seed_has_no_interval():
    assert Interval.of([0.4]) == Interval(0.4, None, None, None, 1)


def test_no_seed():
    with pytest.raises(FtftError, match="no figure"):
        Interval.of([])


def test_paired_differences():
    first = {0: 0.72, 1: 0.78, 2: 0.72, 3: 0.82, 9: 1.0}
    second = {0: 0.70, 1: 0.74, 2: 0.72, 3: 0.76, 8: 0.0}
    found = paired(first, second)
    # 0.02, 0.04, 0 and 0.06; seeds that only one of them has are left out.
    deviation = math.sqrt(0.002 / 3)
    assert found.interval.mean == pytest.approx(0.03)
    assert found.interval.count == 4
    assert found.interval.low == pytest.approx(0.03 - T3 * deviation / 2, abs=1e-7)
    # Student's t with 3 degrees of freedom has a closed distribution function.
    ratio = 0.03 / (deviation / 2) / math.sqrt(3)
    below = 0.5 + (ratio / (1 + ratio**2) + math.atan(ratio)) / math.pi
    assert found.p_value == pytest.approx(2 * (1 - below))
    assert found.p_value == pytest.approx(0.1027, abs=1e-4)
    assert found.wins == 3
    assert not found.is_clear


def test_too_few_to_say():
    assert paired({0: 1.0}, {1: 1.0}) is None
    one = paired({0: 0.6}, {0: 0.5})
    assert (one.p_value, one.wins, one.is_clear) == (None, 1, False)
    two = paired({0: 0.6, 1: 0.7}, {0: 0.5, 1: 0.5})
    assert two.p_value is not None


def test_the_same_difference_everywhere():
    found = paired(dict.fromkeys(range(3), 0.75), dict.fromkeys(range(3), 0.5))
    assert found.p_value is None
    # How much it would spread is not known, so nothing is claimed.
    assert (found.interval.low, found.interval.high) == (None, None)
    assert not found.is_clear


def test_the_same_difference_but_for_rounding():
    """0.81 - 0.80 and 0.82 - 0.81 differ in the last bit."""
    found = paired({0: 0.81, 1: 0.82}, {0: 0.80, 1: 0.81})
    assert found.interval.deviation > 0
    assert found.p_value is None
    assert not found.is_clear
