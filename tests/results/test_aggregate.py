"""Rows over seeds: what belongs together, what is compared to what."""

import csv
import io
import json
from dataclasses import replace

import pytest

from fake_runs import result
from ftft.results.aggregate import aggregate
from ftft.results.documents import table_text
from ftft.results.read import read_run


def grid():
    """Two references and two budgets with every baseline, two seeds."""
    runs = []
    for seed in (0, 1):
        runs += [
            result("ftft", seed, ood=0.80 + seed / 50, budget=0.5),
            result("ftft", seed, ood=0.70, budget=0.25),
            result("ftft", seed, ood=0.60, reference="tiny", budget=0.5),
            result("erm", seed, ood=0.75, flops=(0.0, 80.0, 20.0)),
            result("random", seed, ood=0.65, budget=0.5),
            result("random", seed, ood=0.55, budget=0.25),
            result("dm", seed, ood=0.72, reference="large"),
            result("erm_budget", seed, ood=0.66, reference="small", budget=0.5),
            result("erm_budget", seed, ood=0.64, reference="tiny", budget=0.5),
            result("ftft", seed, ood=0.1, experiment="other"),
        ]
    return runs


def from_csv(runs):
    return list(csv.DictReader(io.StringIO(table_text(aggregate(runs), "csv"))))


def row(rows, method, reference=None, variant=""):
    wanted = (method, reference, variant)
    return next(
        one
        for one in rows
        if (one.cell.method, one.cell.reference, one.cell.variant) == wanted
        and one.cell.experiment == "task"
    )


def test_order_and_seeds():
    rows = aggregate(grid())
    assert [one.cell.method for one in rows] == [
        *("erm", "erm_budget", "erm_budget", "random", "random", "dm"),
        *["ftft"] * 4,
    ]
    assert [one.cell.experiment for one in rows] == [*["task"] * 9, "other"]
    assert {one.seeds for one in rows} == {(0, 1)}


def test_each_is_compared_to_its_own_baselines():
    rows = aggregate(grid())
    one = row(rows, "ftft", "small", "budget 0.5")
    assert one.versus["erm"].ood.interval.mean == pytest.approx(0.06)
    assert one.versus["random"].ood.interval.mean == pytest.approx(0.16)
    assert one.versus["dm"].ood.interval.mean == pytest.approx(0.09)
    assert one.versus["erm"].ood.wins == 2
    small = row(rows, "ftft", "small", "budget 0.25")
    assert small.versus["random"].ood.interval.mean == pytest.approx(0.15)
    tiny = row(rows, "ftft", "tiny", "budget 0.5")
    assert tiny.versus["random"].ood.interval.mean == pytest.approx(-0.05)
    # At equal cost each reference's FTFT has an ERM of its own, and the other budget has none.
    assert one.versus["erm_budget"].ood.interval.mean == pytest.approx(0.15)
    assert tiny.versus["erm_budget"].ood.interval.mean == pytest.approx(-0.04)
    assert "erm_budget" not in small.versus


def test_baselines_are_compared_to_erm_alone():
    rows = aggregate(grid())
    for method, reference, variant in (("random", None, "budget 0.5"), ("dm", "large", "")):
        one = row(rows, method, reference, variant)
        assert list(one.versus) == ["erm"]
    erm = row(rows, "erm")
    assert erm.versus == {}
    assert erm.time_to_target.reached == 2


def test_another_data_set_is_no_baseline():
    other = next(one for one in aggregate(grid()) if one.cell.experiment == "other")
    assert (other.versus, other.time_to_target) == ({}, None)


def test_no_out_of_distribution_set():
    (one,) = aggregate([result(ood=None)])
    assert one.ood_score is None
    assert one.ood_scores == {}


def test_csv_has_a_column_for_each_figure():
    rows = from_csv([*grid(), result("erm", experiment="third", ood=None)])
    one = next(one for one in rows if one["budget"] == "0.5" and one["method"] == "ftft")
    assert float(one["ood_mean"]) == pytest.approx(0.81)
    assert float(one["ood_versus_erm_mean"]) == pytest.approx(0.06)
    assert one["ood_versus_erm_pairs"] == "2"
    assert rows[-1]["ood_mean"] == ""
    assert "ood_versus_erm_bootstrap_low" not in one


def test_a_set_that_is_called_like_the_end_of_an_interval():
    sets = {"low": 0.25, "high": 0.5, "deviation": 0.75}
    (one,) = from_csv([replace(result(seed=n), ood_scores=sets) for n in (0, 1)])
    assert [float(one[f"ood_set_{name}_mean"]) for name in sets] == list(sets.values())
    # The two seeds are alike, which gives no interval.
    assert (one["ood_low"], float(one["ood_deviation"])) == ("", pytest.approx(0.0))


RECORD = {
    "method": "ftft",
    "seed": 3,
    "reference": "small",
    "main": "large",
    "strategy": "ambiguous",
    "fraction": 0.5,
    "selected": 5,
    "budget": 0.5,
    "cost": {"relative_to_erm": {"flops": 0.5, "seconds": 0.6}, "erm_estimated": True},
    "scores": {
        "dev": {name: {"accuracy": x} for name, x in (("in", 0.9), ("far1", 0.4), ("far2", 0.6))},
        "test": {name: {"accuracy": x} for name, x in (("t", 0.8), ("o1", 0.2), ("o2", 0.4))},
    },
    "history": [
        {"step": 4, "in_accuracy": 0.8, "far1_accuracy": 0.2, "far2_accuracy": 0.4, "watched": 0.8},
        {"step": 8, "in_accuracy": 0.9, "far1_accuracy": 0.4, "far2_accuracy": 0.6, "watched": 0.9},
    ],
}
SETS = {
    "dev": {"in": 9},
    "dev_ood": {"far1": 9, "far2": 9},
    "test": {"t": 9},
    "test_ood": {"o1": 9, "o2": 9},
}


@pytest.mark.parametrize(
    ("sets", "curve", "final"),
    [
        (SETS, ((4, 0.3), (8, 0.5)), 0.5),
        (SETS | {"dev_ood": {}}, ((4, 0.8), (8, 0.9)), 0.9),
    ],
    ids=["out of distribution", "in distribution where there is no other"],
)
def test_curves_are_those_of_development_sets(tmp_path, sets, curve, final):
    values = {"schema": 1, "experiment": "x", "metric": "accuracy", "data": {"sets": sets}}
    (tmp_path / "results.json").write_text(json.dumps(values | {"runs": [RECORD]}))
    (one,) = read_run(tmp_path).runs
    assert one.curve == tuple((step, pytest.approx(score)) for step, score in curve)
    assert one.final == pytest.approx(final)
    assert one.ood_score == pytest.approx(0.3)
    assert one.budget == 0.5
