"""A map built a point at a time is the map of all points, to the last bit, and reads each once."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from ftft.cartography import statistics
from ftft.cartography.builder import MapBuilder
from ftft.cartography.datamap import DataMap
from ftft.cartography.statistics import statistics_of
from ftft.config.schema import Map
from ftft.dynamics import TrainingDynamics
from ftft.experiment.logged_metrics import dynamics_figures
from ftft.transfer import signals
from ftft.transfer.early_stopping import StopWhenStable
from ftft.transfer.preflight import signals_of
from ftft.transfer.stability import FollowedMap

EXAMPLES = 120


def recorded(epochs=6, seed=0, missing=False):
    """Values of a training whose transient lasts longer the more is recorded."""
    generator = np.random.default_rng(seed)
    rise = np.linspace(-1.5, 2.5, epochs)[:, None] + generator.normal(size=(epochs, EXAMPLES))
    probability = (1 / (1 + np.exp(-rise))).astype(np.float32)
    loss = -np.log(probability)
    values = np.stack([probability, loss, rise, 1 - probability, probability > 0.5], axis=2)
    if missing:
        values[:, ::9] = np.nan
        values[generator.random((epochs, EXAMPLES)) < 0.1] = np.nan
    return TrainingDynamics.from_arrays(
        values, np.arange(EXAMPLES) % 2, class_names=["a", "b"], encoding="values", chance=0.1
    )


def first(dynamics, count):
    return replace(dynamics, epochs=dynamics.epochs[:count], points=dynamics.points[:count])


def counted(dynamics):
    """The same dynamics, and how often each of its points is read."""
    reads = Counter()

    def read(epoch, start, stop):
        reads[epoch] += 1
        return dynamics.reader(epoch, start, stop)

    return replace(dynamics, reader=read), reads


def same(one, other):
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize("burn_in", ["auto", 0, 2])
@pytest.mark.parametrize("missing", [False, True])
def test_points_added_one_by_one_give_what_all_points_give(burn_in, missing):
    whole, growing = recorded(missing=missing), FollowedMap(burn_in)
    left_out = set()
    for count in range(1, 7):
        part = first(whole, count)
        growing.update(part)
        left_out.add(growing.left_out)
        if len(growing.used) >= 2:
            same(statistics_of(growing), statistics(part, burn_in))
            assert asdict(signals_of(growing, 0.3)) == asdict(signals(part, 0.3, burn_in))
    # Else the sums have never been begun again.
    assert len(left_out) > 2 or burn_in != "auto"


@pytest.mark.parametrize("burn_in", ["auto", 0, 2])
def test_map_and_preflight_read_each_point_once(burn_in):
    dynamics, reads = counted(recorded())
    built = FollowedMap(burn_in).update(dynamics)
    DataMap.from_builder(built)
    signals_of(built, 0.3)
    StopWhenStable(0.5, 0.3, burn_in).is_reached(built)
    dynamics_figures(built, Map(burn_in=burn_in))
    assert set(reads.values()) == {1}


def test_a_point_left_out_by_number_is_not_read():
    dynamics, reads = counted(recorded())
    MapBuilder(2).update(dynamics)
    assert reads == {2: 1, 3: 1, 4: 1, 5: 1}


def test_a_new_point_is_all_that_is_read_where_burn_in_stays():
    dynamics, reads = counted(recorded())
    growing = FollowedMap(1)
    for count in range(1, 7):
        dynamics_figures(growing.update(first(dynamics, count)), Map(burn_in=1))
    assert set(reads.values()) == {1}
