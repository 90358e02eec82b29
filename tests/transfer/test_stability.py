"""The selection by recording point, against maps drawn of the first points only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ftft.cartography import DataMap
from ftft.dynamics import TrainingDynamics
from ftft.selection import select
from ftft.transfer import selections_by_point, stability


def dynamics(logits):
    return TrainingDynamics.from_arrays(logits, np.arange(logits.shape[1]) % 2)


def noise(epochs=6, examples=200):
    return np.random.default_rng(3).normal(size=(epochs, examples, 2)) * 2


@pytest.mark.parametrize("burn_in", [0, 2])
@pytest.mark.parametrize("fraction", [0.1, 0.33])
def test_a_point_selects_what_a_map_of_the_points_so_far_does(burn_in, fraction):
    logits = noise()
    found = selections_by_point(dynamics(logits), fraction, burn_in)
    assert len(found) == 6 - burn_in - 1
    for number, rows in enumerate(found, start=burn_in + 2):
        datamap = DataMap.from_dynamics(dynamics(logits[:number]), burn_in=burn_in)
        expected = select(datamap, "ambiguous", fraction).example_ids.to_pylist()
        assert sorted(map(str, rows)) == sorted(expected)


def test_stability_is_the_overlap_with_the_point_before():
    found = selections_by_point(dynamics(noise()), burn_in=0)
    expected = [len(set(one) & set(other)) / len(one) for one, other in pairwise(found)]
    assert stability(dynamics(noise()), burn_in=0) == tuple(map(pytest.approx, expected))
    assert stability(dynamics(noise(2)), burn_in=0) == ()


def test_it_grows_where_nothing_new_comes():
    found = stability(dynamics(np.tile(noise(4), (20, 1, 1))), burn_in=0)
    assert found[-1] > 0.97 > 0.9 > found[0]
