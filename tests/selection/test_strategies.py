from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftft.cartography import (
    AMBIGUOUS,
    DataMap,
    loss_trajectories,
    read_coordinates,
    write_coordinates,
)
from ftft.config.selecting import Selection as Section
from ftft.config.selecting import Strategy
from ftft.dynamics import TrainingDynamics, write_dynamics
from ftft.errors import DynamicsError
from ftft.selection import STRATEGIES, Selection, select
from ftft.selection.names import SCORED


def make_dynamics(examples=200, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(4, examples, 3)) * 2
    logits = np.round(logits / 3) * 3 if ties else logits
    labels = generator.choice(3, examples, p=[0.6, 0.3, 0.1])
    ids = [f"id-{i}" for i in generator.permutation(examples)]
    return TrainingDynamics.from_arrays(logits, labels, ids, ["a", "b", "c"])


def permuted(dynamics, order):
    return TrainingDynamics.from_arrays(
        dynamics.logits()[:, order],
        dynamics.labels[order],
        dynamics.example_ids.take(pa.array(order)),
        dynamics.class_names,
    )


def expected(datamap, key, count):
    ids = datamap.example_ids.to_pylist()
    return [ids[row] for row in sorted(range(len(ids)), key=lambda row: (key(row), ids[row]))][
        :count
    ]


def label_counts(datamap, selection):
    names = dict(zip(datamap.example_ids.to_pylist(), datamap.labels, strict=True))
    return np.bincount([names[name] for name in selection.example_ids.to_pylist()], minlength=3)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("fraction", [0.005, 0.1, 0.33, 0.9, 1])
def test_the_strategies_of_the_papers_are_sorts(ties, fraction):
    datamap = DataMap.from_dynamics(make_dynamics(ties=ties), burn_in=0)
    count = round(fraction * 200)
    not_first = {AMBIGUOUS: 1}
    for strategy, key, scores in [
        ("ambiguous", lambda row: -datamap.variability[row], datamap.variability),
        ("hard-to-learn", lambda row: datamap.confidence[row], datamap.confidence),
        (
            "easy-to-learn",
            lambda row: (not_first.get(datamap.region[row], 0), -datamap.confidence[row]),
            datamap.confidence,
        ),
    ]:
        selection = select(datamap, strategy, fraction)
        ids = selection.example_ids.to_pylist()
        assert ids == expected(datamap, key, count)
        rows = [datamap.example_ids.index(name).as_py() for name in ids[:3]]
        np.testing.assert_array_equal(selection.scores[:3], scores[rows])
    assert (selection.total, selection.fraction, selection.options) == (200, fraction, {})


def test_by_hand():
    # Label 0 with p = (.5, .5), (.9, .9), (.1, .9), (.2, .2), (.6, .8) over two epochs.
    p = np.array([[0.5, 0.9, 0.1, 0.2, 0.6], [0.5, 0.9, 0.9, 0.2, 0.8]])
    logits = np.stack([np.log(p / (1 - p)), np.zeros_like(p)], axis=2)
    datamap = DataMap.from_dynamics(
        TrainingDynamics.from_arrays(logits, [0] * 5, list("vwxyz")), region_fraction=0.4, burn_in=0
    )
    picks = {
        name: "".join(select(datamap, name, 0.6).example_ids.to_pylist()) for name in STRATEGIES[:3]
    }
    # Of equal variability (v, w, y), the first id is taken; of equal confidence (v, x), too.
    assert picks == {"ambiguous": "xzv", "hard-to-learn": "yvx", "easy-to-learn": "wvy"}
    mixed = select(datamap, "ambiguous+easy", 0.6, easy_share=0.3)
    assert "".join(mixed.example_ids.to_pylist()) == "xzw"
    np.testing.assert_allclose(mixed.scores, [0.4, 0.1, 0.9], rtol=1e-6)


def test_what_is_never_learnt_comes_last():
    # Label 0 over two epochs; v and y are wrong at the last one, z and y vary the most.
    p = np.array([[0.6, 0.9, 0.4, 0.9, 0.2], [0.4, 0.8, 0.6, 0.2, 0.9]])
    logits = np.stack([np.log(p / (1 - p)), np.zeros_like(p)], axis=2)
    datamap = DataMap.from_dynamics(
        TrainingDynamics.from_arrays(logits, [0] * 5, list("vwxyz")), region_fraction=0.4, burn_in=0
    )
    assert datamap.learnt.tolist() == [0, 1, 1, 0, 1]
    taken = {
        count: "".join(select(datamap, "late-learnt", count / 5).example_ids.to_pylist())
        for count in (2, 4, 5)
    }
    assert taken == {2: "zx", 4: "zxwy", 5: "zxwyv"}
    assert "".join(select(datamap, "ambiguous", 0.4).example_ids.to_pylist()) == "yz"


@pytest.mark.parametrize("strategy", ["ambiguous", "late-learnt", "hard-to-learn"])
def test_a_share_at_random(strategy):
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    mixed, again, other = (
        select(datamap, strategy, 0.4, random_share=0.25, seed=seed).example_ids.to_pylist()
        for seed in (1, 1, 2)
    )
    alone = select(datamap, strategy, 0.4).example_ids.to_pylist()
    assert mixed == again != other
    assert mixed[:60] == other[:60] == alone[:60]
    # The rest is what a random selection takes first of what is left.
    left = [name for name in select(datamap, "random", 1.0, seed=1).example_ids.to_pylist()]
    assert mixed[60:] == [name for name in left if name not in alone[:60]][:20]
    assert select(datamap, strategy, 0.4, random_share=0.25).options == {"random_share": 0.25}


def test_a_map_that_does_not_know_what_was_learnt():
    drawn = DataMap.from_dynamics(make_dynamics())
    unknown = replace(drawn, learnt=np.full(200, -1, dtype=np.int8))
    with pytest.raises(DynamicsError, match="does not say which examples its last recording"):
        select(unknown, "late-learnt")


def test_halves_round_to_even():
    datamap = DataMap.from_dynamics(make_dynamics(examples=5), burn_in=0)
    assert len(select(datamap, fraction=0.5)) == 2
    assert len(select(datamap, fraction=0.3)) == 2
    assert len(select(datamap, fraction=0.7)) == round(3.5)


cases = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(STRATEGIES),
        "fraction": st.floats(0.02, 1.0),
        "seed": st.integers(0, 3),
        "labels": st.sampled_from(["as they come", "proportions", "balanced", "by column"]),
        "other_end": st.sampled_from([0.0, 0.3, 1.0]),
        "easy_share": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        "random_share": st.sampled_from([0.0, 0.3, 1.0]),
        "ties": st.booleans(),
    }
)


def column(source, wanted):
    """A group for each example, by its id."""
    groups = [f"group {int(name[3:]) % 4}" for name in source.example_ids.to_pylist()]
    return {"balance_by": "column", "groups": groups} if wanted else {}


@settings(max_examples=80, deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_any_selection_is_exact_and_independent_of_the_order_of_rows(case, random):
    dynamics = make_dynamics(examples=60, ties=case["ties"])
    order = list(range(60))
    random.shuffle(order)
    results = [
        select(
            DataMap.from_dynamics(source, burn_in=0),
            case["strategy"],
            case["fraction"],
            seed=case["seed"],
            keep_label_proportions=case["labels"] == "proportions",
            balance_labels=case["labels"] == "balanced",
            easy_share=case["easy_share"],
            random_share=case["random_share"],
            other_end=case["other_end"] if case["strategy"] in SCORED else 0.0,
            **column(source, case["labels"] == "by column"),
            trajectories=loss_trajectories(source),
            num_clusters=7,
        )
        for source in (dynamics, permuted(dynamics, order))
    ]
    ids = results[0].example_ids.to_pylist()
    assert len(ids) == len(set(ids)) == round(case["fraction"] * 60)
    assert ids == results[1].example_ids.to_pylist()
    np.testing.assert_array_equal(results[0].scores, results[1].scores)


def test_random_depends_on_seed_and_id_only_and_is_nested():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    small, large = (
        select(datamap, "random", f, seed=1).example_ids.to_pylist() for f in (0.1, 0.4)
    )
    assert large[: len(small)] == small
    assert set(small) != set(select(datamap, "random", 0.1, seed=2).example_ids.to_pylist())
    part = DataMap.from_dynamics(make_dynamics().rows(0, 100), burn_in=0)
    whole = select(datamap, "random", 1.0, seed=1).example_ids.to_pylist()
    kept = set(part.example_ids.to_pylist())
    assert select(part, "random", 1.0, seed=1).example_ids.to_pylist() == [
        n for n in whole if n in kept
    ]


def test_random_is_fair():
    datamap = DataMap.from_dynamics(make_dynamics(examples=50), burn_in=0)
    counts: dict[str, int] = {}
    for seed in range(400):
        for name in select(datamap, "random", 0.2, seed=seed).example_ids.to_pylist():
            counts[name] = counts.get(name, 0) + 1
    # Binomial(400, 0.2): mean 80, standard deviation 8.
    assert len(counts) == 50
    assert min(counts.values()) > 48
    assert max(counts.values()) < 112


def test_label_proportions_are_kept_by_largest_remainders():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    sizes = np.bincount(datamap.labels)
    for strategy in STRATEGIES[:5]:
        for fraction in (0.1, 0.33, 0.5, 1.0):
            selection = select(datamap, strategy, fraction, keep_label_proportions=True)
            count = round(fraction * 200)
            shares = count * sizes / 200
            counts = label_counts(datamap, selection)
            assert counts.sum() == count
            assert (np.abs(counts - shares) < 1).all()
            if strategy in ("ambiguous", "random"):
                sign = -1 if strategy == "ambiguous" else 1
                assert (np.diff(sign * selection.scores) >= 0).all()
    assert selection.options == {"keep_label_proportions": True, "easy_share": 0.1}


def test_within_a_label_the_best_are_taken():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    selection = select(datamap, "ambiguous", 0.3, balance_labels=True)
    chosen = np.isin(datamap.example_ids.to_pylist(), selection.example_ids.to_pylist())
    for label in range(3):
        of_label = datamap.labels == label
        taken, left = (
            datamap.variability[of_label & chosen],
            datamap.variability[of_label & ~chosen],
        )
        assert len(left) == 0 or taken.min() >= left.max()


def test_balanced_labels():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    sizes = np.bincount(datamap.labels)
    assert sizes[2] < 30
    assert (
        label_counts(datamap, select(datamap, fraction=0.15, balance_labels=True)).tolist()
        == [10] * 3
    )
    counts = label_counts(datamap, select(datamap, fraction=0.5, balance_labels=True))
    assert counts[2] == sizes[2]
    assert abs(counts[0] - counts[1]) <= 1
    assert counts.sum() == 100


def test_suspected_label_errors_are_left_out():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    lowest = set(expected(datamap, lambda row: datamap.aum[row], 20))
    selection = select(datamap, "hard-to-learn", 0.5, exclude_label_errors=0.1)
    assert not lowest & set(selection.example_ids.to_pylist())
    assert len(selection) == 100
    assert selection.options == {"exclude_label_errors": 0.1}
    with pytest.raises(DynamicsError, match="190 can be"):
        select(datamap, "random", 0.96, exclude_label_errors=0.05)
    full = select(datamap, "random", 0.95, exclude_label_errors=0.05, keep_label_proportions=True)
    assert len(full) == 190


def test_a_mix_has_its_share_of_easy_examples():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    ambiguous = set(datamap.example_ids.filter(pa.array(datamap.region == AMBIGUOUS)).to_pylist())
    for share in (0.0, 0.1, 0.5, 1.0):
        selection = select(datamap, "ambiguous+easy", 0.2, easy_share=share)
        easy = [name for name in selection.example_ids.to_pylist() if name not in ambiguous]
        assert len(easy) == round(share * 40)
        assert selection.options == {"easy_share": share}


def test_examples_that_were_learnt_alike_are_sampled_equally():
    # Three kinds of trajectories of very different frequency.
    kinds = np.repeat([0, 1, 2], [150, 40, 10])
    base = np.array([[3.0, 3, 3, 3], [0.1, 0.1, 0.1, 0.1], [3, 2, 1, 0.1]])
    noise = np.random.default_rng(0).normal(size=(200, 4)) * 0.01
    selection = select(
        DataMap.from_dynamics(make_dynamics(), burn_in=0),
        "loss-clusters",
        0.2,
        trajectories=base[kinds] + noise,
        num_clusters=3,
    )
    ids = make_dynamics().example_ids.to_pylist()
    counts = np.bincount([kinds[ids.index(name)] for name in selection.example_ids.to_pylist()])
    assert counts.tolist() == [15, 15, 10]
    assert (np.diff(selection.scores) >= 0).all()


def learnt(trend):
    """Dynamics of two classes that are right at the points where the trend has a 1."""
    right = np.array([[int(one) for one in example] for example in trend]).T
    logits = np.stack([np.where(right, 2.0, -1.0), np.zeros(right.shape)], axis=2)
    ids = [f"id-{i}" for i in range(len(trend))]
    return DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0] * len(trend), ids))


def test_the_filters_of_cartography():
    """Worked out by hand: points right 2, 0, 3, 4, 1; forgotten 2, never right, 1, 0, 1."""
    datamap = learnt(["1010", "0000", "1101", "1111", "0100"])
    by_correctness = select(datamap, "correctness", 1.0)
    assert by_correctness.example_ids.to_pylist() == ["id-1", "id-4", "id-0", "id-2", "id-3"]
    assert by_correctness.scores.tolist() == [0, 1, 2, 3, 4]
    by_forgetting = select(datamap, "forgetting", 0.4)
    assert by_forgetting.example_ids.to_pylist() == ["id-1", "id-0"]
    assert by_forgetting.scores.tolist() == [4, 2]
    # Confidences .88, .27 and between: right twice lies closest to a half.
    closest = select(datamap, "threshold-closeness", 0.2)
    assert closest.example_ids.to_pylist() == ["id-0"]
    mean = (1 / (1 + np.exp(-2)) + 1 / (1 + np.e)) / 2
    assert closest.scores[0] == pytest.approx(mean * (1 - mean))


def test_equal_counts_are_not_taken_in_the_order_of_ids():
    datamap = learnt(["11"] * 100)
    for strategy in ("correctness", "forgetting"):
        first, second = (select(datamap, strategy, 0.2, seed=seed) for seed in (0, 1))
        assert first.example_ids != second.example_ids
        assert set(first.example_ids.to_pylist()) != {f"id-{i}" for i in range(20)}


def test_both_ends_of_a_score():
    datamap = DataMap.from_dynamics(make_dynamics())
    hardest = expected(datamap, lambda row: datamap.confidence[row], 200)
    mixed = select(datamap, "hard-to-learn", 0.1, other_end=0.3)
    # As --both_ends of allenai/cartography: 70% from the end that is wanted.
    assert mixed.example_ids.to_pylist() == [*hardest[:14], *hardest[:-7:-1]]
    assert mixed.options == {"other_end": 0.3}
    worst = select(datamap, "hard-to-learn", 0.1, other_end=1.0)
    assert worst.example_ids.to_pylist() == hardest[:-21:-1]
    whole = select(datamap, "correctness", 1.0, other_end=0.3)
    assert sorted(whole.example_ids.to_pylist()) == sorted(hardest)


def test_a_column_is_balanced():
    """1 example of one source, 19 of another and 180 of a third."""
    datamap = DataMap.from_dynamics(make_dynamics())
    sources = dict(
        zip(datamap.example_ids.to_pylist(), ["web"] + ["print"] * 19 + ["talk"] * 180, strict=True)
    )
    groups = list(sources.values())
    chosen = select(datamap, fraction=0.25, balance_by="source", groups=groups)
    counts = {name: 0 for name in sources.values()}
    for name in chosen.example_ids.to_pylist():
        counts[sources[name]] += 1
    assert counts == {"web": 1, "print": 19, "talk": 30}
    assert chosen.options == {"balance_by": "source"}
    assert (np.diff(chosen.scores) <= 0).all()
    without = select(datamap, fraction=0.02, balance_by="source", groups=groups)
    assert {sources[name] for name in without.example_ids.to_pylist()} == set(counts)


def test_forgetting_that_is_not_known():
    unknown = replace(
        DataMap.from_dynamics(make_dynamics()), forgetting=np.full(200, -1, dtype=np.int32)
    )
    with pytest.raises(DynamicsError, match="does not say how often its examples were forgotten"):
        select(unknown, "forgetting")


def test_the_experiment_file_knows_the_same_strategies():
    assert set(get_args(Strategy)) == set(STRATEGIES)
    for strategy in STRATEGIES:
        if strategy in SCORED:
            assert Section(strategy=strategy, other_end=0.5).other_end == 0.5
        else:
            with pytest.raises(ValueError, match="has no other end"):
                Section(strategy=strategy, other_end=0.5)


@pytest.mark.parametrize("fraction", [0, 1.5, -0.1, float("nan"), "0.33", None, True])
def test_a_fraction_out_of_range(fraction):
    with pytest.raises(DynamicsError, match="above 0 and at most 1"):
        select(DataMap.from_dynamics(make_dynamics(), burn_in=0), "ambiguous", fraction)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "best"}, "no selection strategy 'best'.*ambiguous"),
        ({"fraction": 0.001}, "selects none"),
        ({"seed": 0.5}, "seed"),
        (
            {"strategy": "loss-clusters", "trajectories": np.zeros((200, 2)), "seed": -1},
            "at least 0",
        ),
        ({"keep_label_proportions": True, "balance_labels": True}, "exclude each other"),
        ({"balance_by": "x", "groups": ["a"] * 200, "balance_labels": True}, "exclude each other"),
        ({"balance_by": "x"}, "belong together"),
        ({"groups": ["a"] * 200}, "belong together"),
        ({"balance_by": "x", "groups": ["a"] * 9}, "9 groups by x for the 200 examples"),
        ({"other_end": 1.5}, "other_end"),
        ({"other_end": 0.5, "strategy": "random"}, "random has no other end"),
        ({"strategy": "ambiguous+easy", "easy_share": 1.1}, "easy_share"),
        ({"easy_share": float("nan")}, "easy_share"),
        ({"random_share": 1.1}, "random_share"),
        ({"exclude_label_errors": 1.0}, "exclude_label_errors"),
        ({"exclude_label_errors": -0.1}, "exclude_label_errors"),
        ({"strategy": "loss-clusters"}, "none were given"),
        ({"strategy": "loss-clusters", "trajectories": np.zeros((9, 2))}, "those of 9"),
        ({"strategy": "loss-clusters", "trajectories": np.full((200, 2), np.nan)}, "not finite"),
        ({"strategy": "loss-clusters", "trajectories": np.zeros(200)}, "shape"),
        (
            {"strategy": "loss-clusters", "trajectories": np.zeros((200, 2)), "num_clusters": 0},
            "num_clusters",
        ),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(DynamicsError, match=message):
        select(DataMap.from_dynamics(make_dynamics(), burn_in=0), **settings)


def test_imported_coordinates_have_no_margin_to_exclude_by(tmp_path):
    write_coordinates(tmp_path / "c.jsonl", DataMap.from_dynamics(make_dynamics(), burn_in=0))
    imported = read_coordinates(tmp_path / "c.jsonl")
    original = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    assert select(imported).example_ids == select(original).example_ids
    with pytest.raises(DynamicsError, match="imported from coordinates"):
        select(imported, exclude_label_errors=0.1)


@pytest.mark.parametrize("option", ["balance_labels", "keep_label_proportions"])
def test_a_map_without_labels_has_none_to_go_by(tmp_path, option):
    original = DataMap.from_dynamics(make_dynamics())
    write_coordinates(tmp_path / "c.jsonl", original)
    with pytest.raises(DynamicsError, match=f"have the label '0'.*so {option} has no effect"):
        select(read_coordinates(tmp_path / "c.jsonl"), **{option: True})
    labels = dict(zip(original.example_ids.to_pylist(), original.labels.tolist(), strict=True))
    imported = read_coordinates(tmp_path / "c.jsonl", labels=labels)
    chosen = select(imported, **{option: True}).example_ids
    assert chosen == select(original, **{option: True}).example_ids


def test_files_to_selection_load_no_heavy_library(tmp_path):
    write_dynamics(tmp_path / "dynamics", make_dynamics())
    code = f"""
import sys
from ftft.cartography import DataMap
from ftft.dynamics import read_dynamics
from ftft.selection import Selection, select
DataMap.from_dynamics(read_dynamics({str(tmp_path / "dynamics")!r}), burn_in=0).write("map.parquet")
select(DataMap.read("map.parquet")).write("selection.parquet")
assert len(Selection.read("selection.parquet")) == 66
print(*{{"torch", "jax", "datasets"}} & {{*sys.modules}})
"""
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == ""


def test_writing_and_reading_keeps_everything(tmp_path):
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    selection = select(datamap, "ambiguous+easy", 0.25, seed=3, balance_labels=True)
    path = tmp_path / "a" / "selection.parquet"
    selection.write(path)
    table = pq.read_table(path)
    assert table.column_names == ["example_id", "score", "rank"]
    assert table["rank"].to_pylist() == list(range(50))
    found = Selection.read(path)
    assert found.example_ids == selection.example_ids
    np.testing.assert_array_equal(found.scores, selection.scores)
    for name in ("strategy", "fraction", "seed", "total", "options"):
        assert getattr(found, name) == getattr(selection, name)
    assert len(found) == 50
    pq.write_table(table.take([2, 0, 1, *range(3, 50)]), path)
    assert Selection.read(path).example_ids == selection.example_ids
    pq.write_table(table.slice(1), path)
    with pytest.raises(DynamicsError, match="ranks"):
        Selection.read(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DynamicsError, match="not a readable selection"):
        Selection.read(path)
