"""Quotas and clusters on their own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftft.errors import DynamicsError
from ftft.selection.clusters import balanced_sample, cluster
from ftft.selection.quotas import quotas


@pytest.mark.parametrize(
    ("weights", "capacities", "total", "expected"),
    [
        ([50, 30, 20], [50, 30, 20], 10, [5, 3, 2]),
        ([1, 1, 1], [9, 9, 9], 8, [3, 3, 2]),
        ([47, 33, 20], [47, 33, 20], 33, [15, 11, 7]),  # shares 15.51, 10.89, 6.60
        ([1, 1, 1], [2, 9, 9], 12, [2, 5, 5]),
        ([1, 1, 1], [0, 1, 9], 6, [0, 1, 5]),
        ([0, 1, 1], [9, 9, 9], 4, [0, 2, 2]),
        ([3, 2], [3, 2], 5, [3, 2]),
        ([1], [4], 0, [0]),
    ],
)
def test_quotas_by_hand(weights, capacities, total, expected):
    assert quotas(weights, capacities, total) == expected


groups = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(groups, st.data())
def test_quotas_are_exact_and_within_capacity(pairs, data):
    weights, capacities = map(list, zip(*pairs, strict=True))
    available = sum(c for w, c in pairs if w)
    total = data.draw(st.integers(0, available))
    result = quotas(weights, capacities, total)
    assert sum(result) == total
    assert all(0 <= part <= most for part, most in zip(result, capacities, strict=True))
    # A group below its capacity has its fair share of what the full ones leave.
    rest = [g for g, part in enumerate(result) if weights[g] and part < capacities[g]]
    if rest:
        left, whole = sum(result[g] for g in rest), sum(weights[g] for g in rest)
        for g in rest:
            assert abs(result[g] - left * weights[g] / whole) < 1 + 1e-9
    with pytest.raises(DynamicsError, match="only"):
        quotas(weights, capacities, available + 1)


def test_clear_groups_are_found():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 500)
    points = np.array([[0, 0, 0], [5, 5, 5], [5, 0, 0], [0, 0, 5]])[truth]
    points = points + generator.normal(size=(500, 3)) * 0.1
    members = cluster(points, generator.permutation(500), 4, 0)
    pairs = set(zip(truth.tolist(), members.tolist(), strict=True))
    assert len(pairs) == 4


def test_a_fit_on_a_part_and_blocks_assign_all(monkeypatch):
    generator = np.random.default_rng(0)
    points = generator.normal(size=(1000, 3))
    order = generator.permutation(1000)
    whole = cluster(points, order, 5, 1)
    monkeypatch.setattr("ftft.selection.clusters._BLOCK", 37)
    np.testing.assert_array_equal(cluster(points, order, 5, 1), whole)
    monkeypatch.setattr("ftft.selection.clusters._FIT_EXAMPLES", 50)
    assert set(cluster(points, order, 5, 1)) == set(range(5))


def test_fewer_different_trajectories_than_clusters():
    points = np.repeat([[0.0, 1.0], [1.0, 0.0]], 5, axis=0)
    assert len(set(cluster(points, np.arange(10), 6, 0).tolist())) == 2
    assert set(cluster(points[:1], np.arange(1), 6, 0)) == {0}


def test_small_groups_give_all_and_large_ones_make_up_for_them():
    members = np.repeat([0, 1, 2], [10, 1, 4]).astype(np.int32)
    ids = pa.array([f"{i:02d}" for i in range(15)])
    uniform = np.linspace(0, 1, 15)[::-1]
    rows = np.arange(15)
    for count, sizes in [(3, [1, 1, 1]), (9, [4, 1, 4]), (12, [7, 1, 4]), (2, [1, 0, 1])]:
        chosen = balanced_sample(members, rows, uniform, ids, count)
        assert np.bincount(members[chosen], minlength=3).tolist() == sizes
        assert (np.diff(uniform[chosen]) >= 0).all()
    assert len(balanced_sample(members[:0], rows[:0], uniform, ids, 0)) == 0
