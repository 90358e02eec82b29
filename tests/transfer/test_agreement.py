"""Two maps side by side, against counts and correlations done another way."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

from ftft.cartography import DataMap
from ftft.dynamics import TrainingDynamics, write_dynamics
from ftft.errors import DynamicsError
from ftft.selection import select
from ftft.transfer import agreement
from ftft.transfer.agreement import spearman
from ftft.transfer.reading import read_map
from ftft.utils.names import names_apart

CLASSES = ("no", "maybe", "yes")
IDS = [f"id-{row:03d}" for row in range(120)]


def dynamics(seed=0, ids=IDS, labels=None, epochs=4):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(epochs, len(ids), 3)) * 2
    labels = np.arange(len(ids)) % 3 if labels is None else labels
    return TrainingDynamics.from_arrays(logits, labels, ids, CLASSES)


def datamap(seed=0, **given):
    return DataMap.from_dynamics(dynamics(seed, **given), burn_in=0)


def shuffled(drawn, seed=9):
    """The same examples in another order."""
    order = np.random.default_rng(seed).permutation(len(drawn))
    columns = {
        name: getattr(drawn, name)[order]
        for name in ("labels", "confidence", "variability", "correctness", "forgetting", "learnt")
    }
    columns |= {name: getattr(drawn, name)[order] for name in ("aum", "mean_loss", "el2n")}
    from dataclasses import replace

    return replace(
        drawn,
        example_ids=drawn.example_ids.take(pa.array(order)),
        region_code=drawn.region_code[order],
        **columns,
    )


def test_a_map_agrees_with_itself_in_another_order():
    one = datamap()
    found = agreement(one, shuffled(one))
    assert {overlap.shared for overlap in found.overlaps.values()} == {1.0}
    assert (found.confidence, found.variability) == (pytest.approx(1), pytest.approx(1))
    assert {one.ranks[0] - one.ranks[1] for one in found.differences} == {0.0}
    assert found.only_in == (0, 0)


@pytest.mark.parametrize("fraction", [0.1, 0.33, 0.8, 1.0])
@pytest.mark.parametrize("kind", ["ambiguous", "hard-to-learn", "easy-to-learn"])
def test_overlaps_are_those_of_the_selections(fraction, kind):
    one, other = datamap(0), datamap(1)
    found = agreement(one, other, fraction).overlaps[kind]
    if kind == "easy-to-learn":
        # The strategy leaves the ambiguous out; here the easiest are meant.
        count = round(fraction * len(IDS))
        chosen = [
            {IDS[row] for row in np.argsort(-drawn.confidence)[:count]} for drawn in (one, other)
        ]
    else:
        chosen = [
            set(select(drawn, kind, fraction).example_ids.to_pylist()) for drawn in (one, other)
        ]
    assert found.shared == pytest.approx(len(chosen[0] & chosen[1]) / len(chosen[0]))
    assert found.chance == pytest.approx(len(chosen[0]) / len(IDS))


def test_chance_is_what_unrelated_maps_share():
    pairs = permutations(range(8), 2)
    shared = [agreement(datamap(a), datamap(b)).overlaps["ambiguous"].shared for a, b in pairs]
    assert np.mean(shared) == pytest.approx(0.33, abs=0.03)


def test_rank_correlation_with_ties():
    one, other = np.array([1.0, 2, 2, 3, 9]), np.array([10.0, 20, 30, 40, 35])
    # Ranks 1, 2.5, 2.5, 4, 5 and 1, 2, 3, 5, 4; Pearson's correlation of them by hand.
    assert spearman(one, other) == pytest.approx(8.5 / math.sqrt(9.5 * 10))
    assert math.isnan(spearman(one, np.ones(5)))


def test_groups_are_counted_apart():
    one, other = datamap(0), datamap(1)
    slices = {"length": {example: "short" for example in IDS[:40]}}
    found = agreement(one, other, slices=slices).groups
    assert list(found) == ["label", "length"]
    assert list(found["label"]) == sorted(CLASSES)
    assert list(found["length"]) == ["short"]
    group = found["length"]["short"]
    assert group.examples == 40
    parts = [set(select(drawn).example_ids.to_pylist()) & set(IDS[:40]) for drawn in (one, other)]
    assert group.selected == tuple(pytest.approx(len(part) / 40) for part in parts)
    smaller = min(map(len, parts))
    assert group.ambiguous.shared == pytest.approx(len(parts[0] & parts[1]) / smaller)
    total = sum(group.selected[0] * group.examples for group in found["label"].values())
    assert total == pytest.approx(round(0.33 * len(IDS)))


def test_the_examples_that_differ_most_come_first():
    one, other = datamap(0), datamap(1)
    found = agreement(one, other, differences=len(IDS)).differences
    apart = [abs(difference.ranks[0] - difference.ranks[1]) for difference in found]
    assert apart == sorted(apart, reverse=True)
    assert {difference.example_id for difference in found} == set(IDS)
    first = found[0]
    row = IDS.index(first.example_id)
    assert first.variability == (
        pytest.approx(one.variability[row]),
        pytest.approx(other.variability[row]),
    )
    assert first.label == CLASSES[row % 3]


def test_examples_of_one_map_only_take_no_part():
    one, other = datamap(0), datamap(0, ids=IDS[:90])
    found = agreement(one, other)
    assert (found.examples, found.only_in) == (90, (30, 0))


def test_maps_of_different_data_are_refused():
    with pytest.raises(DynamicsError, match="0 example ids in common, of 120 and 5"):
        agreement(datamap(), datamap(ids=list("abcde")))


def test_labels_that_differ_are_refused():
    labels = np.arange(len(IDS)) % 3
    labels[7] = 2
    with pytest.raises(DynamicsError, match=r"label 1 of 120 examples differently.*'id-007'"):
        agreement(datamap(), datamap(labels=labels))


@pytest.mark.parametrize("fraction", [0, -1, 1.5, float("nan"), 0.001])
def test_fractions_that_select_nothing_are_refused(fraction):
    with pytest.raises(DynamicsError, match="fraction"):
        agreement(datamap(0), datamap(1), fraction)


def test_maps_are_read_from_files_and_folders(tmp_path):
    recorded = dynamics()
    write_dynamics(tmp_path / "seed-0" / "dynamics", recorded)
    drawn = DataMap.from_dynamics(recorded, burn_in=1)
    drawn.write(tmp_path / "map.parquet")
    for path in ("seed-0", "seed-0/dynamics"):
        found = read_map(tmp_path / path, burn_in=1)
        np.testing.assert_array_equal(found.variability, drawn.variability)
    np.testing.assert_array_equal(read_map(tmp_path / "map.parquet").confidence, drawn.confidence)


def test_names_leave_out_what_is_common(tmp_path):
    paths = [tmp_path / name / "reference/seed-0" for name in ("small", "large")]
    assert names_apart(paths) == ["small", "large"]
    assert names_apart([tmp_path / "a", tmp_path / "a"]) == [str(tmp_path / "a")] * 2
