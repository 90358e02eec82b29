"""Labels that a selection all but leaves out, and where that is said."""

from pathlib import Path

import numpy as np
import pytest

from fake_runs import record, values_of
from ftft.cartography.datamap import DataMap
from ftft.cartography.left_out import labels_left_out, left_out_in_words
from ftft.dynamics import TrainingDynamics, write_dynamics
from ftft.results.read import results_of
from ftft.results.verdict import verdict
from ftft.selection.strategies import select
from ftft.selection.words import left_out_by
from ftft.transfer.preflight import signals

NAMES = ("billing", "delivery", "other")


def found(every, chosen):
    """What is left out, given how many examples of each label there are and are chosen."""
    labels = np.repeat(np.arange(len(every)), every)
    starts = np.cumsum([0, *every[:-1]])
    rows = np.concatenate([s + np.arange(n) for s, n in zip(starts, chosen, strict=True)])
    return labels_left_out(NAMES, labels, rows)


def test_a_label_that_is_all_but_left_out_is_named():
    said = left_out_in_words(found((134, 180, 186), (1, 82, 82)))
    assert said == ("'billing' (1 of its 134 examples; a random selection would have about 44)")


@pytest.mark.parametrize(
    ("every", "chosen"),
    [
        ((134, 180, 186), (44, 60, 61)),
        ((134, 180, 186), (12, 73, 80)),  # fewer, as ambiguity has it
        ((10, 240, 250), (0, 80, 85)),  # so few that chance can leave them out
    ],
)
def test_others_are_not(every, chosen):
    assert found(every, chosen) == ()


@pytest.fixture
def dynamics():
    """120 examples of three labels; those of the last one are certain from the start."""
    labels = np.repeat([0, 1, 2], 40)
    logits = np.random.default_rng(0).normal(size=(4, 120, 3))
    logits[:, labels == 2] = [-9, -9, 9]
    logits[-1, np.arange(120), labels] += 9
    return TrainingDynamics.from_arrays(logits, labels, class_names=NAMES)


def test_a_selection_and_the_preflight_check_say_the_same(dynamics):
    datamap = DataMap.from_dynamics(dynamics, burn_in=0)
    (label,) = left_out_by(datamap, select(datamap, "ambiguous", 0.33))
    assert (label.label, label.selected, label.examples) == ("other", 0, 40)
    assert label.expected == pytest.approx(40 / 3)
    assert signals(dynamics, 0.33, burn_in=0).left_out == (label,)
    assert left_out_by(datamap, select(datamap, "ambiguous", 0.33, balance_labels=True)) == ()


def test_the_commands_say_it(ftft, dynamics, tmp_path):
    write_dynamics(tmp_path / "dynamics", dynamics)
    outcome = ftft("preflight", "dynamics", "--burn-in", 0)
    assert "the most ambiguous 33% all but leave out 'other' (0 of its 40 examples" in outcome.err
    DataMap.from_dynamics(dynamics, burn_in=0).write(tmp_path / "map.parquet")
    outcome = ftft("select", "map.parquet")
    assert "all but leaves out 'other' (0 of its 40 examples" in outcome.err
    assert "--keep-label-proportions" in outcome.err
    assert (
        "leaves out"
        not in ftft("select", "map.parquet", "--keep-label-proportions", "--overwrite").err
    )


def test_the_verdict_says_it_and_in_how_many_seeds():
    lacking = {"label": "other", "selected": 2, "examples": 90, "expected": 30.0}
    runs = [
        record(seed=seed, ood={"far": 0.8}, labels_left_out=[lacking] * (seed < 2))
        for seed in range(4)
    ]
    of_all = verdict(results_of(values_of(runs), Path("run")))
    (sentence,) = of_all.selection
    assert sentence.startswith(
        "In 2 of 4 seeds the selection all but leaves out 'other' (2 of its 90 examples; a random"
    )
    assert sentence in of_all.remarks
    of_one = verdict(results_of(values_of(runs[:1]), Path("run")))
    assert of_one.selection[0].startswith("The selection all but leaves out 'other' (2 of")
    assert verdict(results_of(values_of(runs[2:]), Path("run"))).selection == ()
