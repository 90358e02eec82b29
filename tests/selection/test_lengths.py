"""Lengths of a selection, and the random subset that is as long."""

import itertools

import numpy as np
import pytest

from ftft import DataMap, select
from ftft.cartography.lengths import length_bins, lengths_in_words
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import DynamicsError
from ftft.selection.lengths import BINS, length_matched, selection_lengths

COUNT = 2_000


@pytest.fixture
def drawn(tmp_path):
    """A map on which long examples are learnt late, and hence hard and ambiguous."""
    chance = np.random.default_rng(0)
    lengths = np.minimum(chance.geometric(0.08, COUNT) + 3, 60)
    ids = [f"e{row}" for row in range(COUNT)]
    recorder = DynamicsRecorder(
        tmp_path / "dynamics", example_ids=ids, labels=[0, 1] * (COUNT // 2), lengths=lengths
    )
    for epoch in range(4):
        margin = epoch - lengths / 15 + chance.normal(size=COUNT)
        logits = np.zeros((COUNT, 2))
        logits[np.arange(COUNT), np.arange(COUNT) % 2] = margin
        recorder.record(epoch, ids, logits)
    datamap = DataMap.from_dynamics(recorder.read(), burn_in=0)
    np.testing.assert_array_equal(datamap.lengths, lengths)
    return datamap


def test_lengths_travel_with_dynamics_and_map(drawn, tmp_path):
    drawn.write(tmp_path / "map.parquet")
    np.testing.assert_array_equal(DataMap.read(tmp_path / "map.parquet").lengths, drawn.lengths)
    recorded = DynamicsRecorder(
        tmp_path / "dynamics", example_ids=drawn.example_ids, labels=drawn.labels
    ).read()
    some = drawn.example_ids[::7]
    np.testing.assert_array_equal(recorded.take(some).lengths, drawn.lengths[::7])
    np.testing.assert_array_equal(recorded.rows(3, 9).lengths, drawn.lengths[3:9])


def test_what_does_not_know_lengths_stays_as_it_was(tmp_path):
    logits = np.random.default_rng(0).normal(size=(3, 20, 2))
    datamap = DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0, 1] * 10), burn_in=0)
    datamap.write(tmp_path / "map.parquet")
    assert "length" not in datamap.to_table().column_names
    assert DataMap.read(tmp_path / "map.parquet").lengths is None
    selection = select(datamap, "ambiguous", 0.5)
    assert selection_lengths(datamap, selection) is None
    with pytest.raises(DynamicsError, match=r"not know how long its examples are.*Record again"):
        length_matched(datamap, selection, 0)


@pytest.mark.parametrize("lengths", [[1, 2], [1.5] * 20, [-1] * 20, [2**31] * 20])
def test_lengths_that_are_none_are_refused(tmp_path, lengths):
    with pytest.raises(DynamicsError, match=r"numbers? of tokens"):
        DynamicsRecorder(
            tmp_path / "new", example_ids=range(20), labels=[0, 1] * 10, lengths=lengths
        )


def test_the_lengths_of_a_selection_against_those_of_all(drawn):
    selection = select(drawn, "hard-to-learn", 0.25)
    found = selection_lengths(drawn, selection)
    chosen = [drawn.lengths[int(one[1:])] for one in selection.example_ids.to_pylist()]
    assert found["selected"]["mean"] == pytest.approx(np.mean(chosen))
    assert found["selected"]["median"] == np.median(chosen)
    assert (found["all"]["lower"], found["all"]["upper"]) == tuple(
        np.quantile(drawn.lengths, [0.25, 0.75])
    )
    assert lengths_in_words(found).startswith(f"selected mean {np.mean(chosen):.1f}, quartiles ")


def test_a_random_subset_of_like_lengths(drawn):
    selection = select(drawn, "hard-to-learn", 0.25)
    like = length_matched(drawn, selection, seed=1)
    assert len(like) == len(selection)
    assert len(set(like.example_ids.to_pylist())) == len(like)
    codes, _ = length_bins(drawn.lengths, BINS)

    def held(one):
        rows = [int(name[1:]) for name in one.example_ids.to_pylist()]
        return np.bincount(codes[rows], minlength=codes.max() + 1).tolist()

    assert held(like) == held(selection)
    usual = select(drawn, "random", 0.25, seed=1)
    mean = {
        name: selection_lengths(drawn, one)["selected"]["mean"]
        for name, one in {"like": like, "random": usual, "hard": selection}.items()
    }
    assert abs(mean["like"] - mean["hard"]) < 1.0 < mean["hard"] - mean["random"] - 5
    shared = set(like.example_ids.to_pylist()) & set(selection.example_ids.to_pylist())
    assert len(shared) < 0.8 * len(like), "it is drawn by chance"
    other = length_matched(drawn, selection, seed=2)
    assert set(other.example_ids.to_pylist()) != set(like.example_ids.to_pylist())
    again = length_matched(drawn, selection, seed=1)
    assert again.example_ids.to_pylist() == like.example_ids.to_pylist()


@pytest.mark.parametrize("lengths", [[7] * 9, [1, 1, 1, 1, 9], list(range(100)), [5]])
def test_bins_hold_all_and_keep_equal_lengths_together(lengths):
    given = np.array(lengths, dtype=np.int32)
    codes, ranges = length_bins(given, 4)
    assert len(ranges) == codes.max() + 1 <= min(4, len(set(lengths)))
    for code, (low, high) in enumerate(ranges):
        inside = given[codes == code]
        assert (inside.min(), inside.max()) == (low, high)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(ranges))
    if len(lengths) == 100:
        assert np.bincount(codes).tolist() == [25, 25, 25, 25]
