"""Signals of a reference against counts by hand, and the verdicts they lead to."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from ftft.cartography import DataMap
from ftft.config.selecting import Selection
from ftft.dynamics import TrainingDynamics
from ftft.errors import DynamicsError
from ftft.selection import select
from ftft.transfer import DevScore, Signals, preflight, signals

# A reference that has learnt its data.
FINE = Signals(
    examples=1000,
    points=5,
    burn_in=1,
    transient=1,
    fraction=0.33,
    majority=0.5,
    train_accuracy=0.95,
    easy=0.6,
    ambiguous_and_hard=0.7,
    chance=0.33,
    ambiguous_confidence=0.8,
    ambiguous_unlearnt=0.03,
    hard_learnt=0.5,
    hard_right=0.85,
    steady=0.9,
)


def dynamics(epochs=4, examples=120):
    generator = np.random.default_rng(5)
    labels = np.array([0, 1, 2, 2] * (examples // 4))
    logits = generator.normal(size=(epochs, examples, 3))
    logits[:, np.arange(examples), labels] += np.linspace(0, 3, epochs)[:, None]
    return TrainingDynamics.from_arrays(logits, labels)


def probabilities(recorded):
    raw = np.exp(recorded.logits().astype(float))
    return raw / raw.sum(axis=2, keepdims=True)


def test_signals_are_counts_of_the_map():
    recorded = dynamics()
    found = signals(recorded, 0.25, burn_in=1)
    datamap = DataMap.from_dynamics(recorded, burn_in=1, region_fraction=0.25)
    hard = set(select(datamap, "hard-to-learn", 0.25).example_ids.to_pylist())
    ambiguous = set(select(datamap, "ambiguous", 0.25).example_ids.to_pylist())
    assert (found.examples, found.points, found.fraction) == (120, 3, 0.25)
    assert (found.majority, found.chance, found.burn_in) == (0.5, 0.25, 1)
    assert found.ambiguous_and_hard == pytest.approx(len(hard & ambiguous) / 30)
    assert found.easy == pytest.approx((datamap.region == "easy-to-learn").mean())
    rows = [int(one) for one in hard]
    gold = probabilities(recorded)[:, np.arange(120), recorded.labels]
    # From the very first point, though the map leaves it out.
    assert found.hard_learnt == pytest.approx((gold[-1, rows] - gold[0, rows]).mean(), abs=1e-5)
    confidence = gold[1:].mean(axis=0)[[int(one) for one in ambiguous]]
    assert found.ambiguous_confidence == pytest.approx(confidence.mean(), abs=1e-5)
    assert found.ambiguous_unlearnt == pytest.approx((confidence < 0.5).mean())
    right = recorded.logits()[-1].argmax(axis=1) == recorded.labels
    assert found.train_accuracy == pytest.approx(right.mean())
    assert found.hard_right == pytest.approx(right[rows].mean())


def test_with_two_points_steadiness_is_unknown():
    assert signals(dynamics(2), burn_in=0).steady is None
    assert 0 <= signals(dynamics(3), burn_in=0).steady <= 1


def test_one_point_is_too_few():
    with pytest.raises(DynamicsError, match="recording point"):
        signals(dynamics(1), burn_in=0)


def test_a_reference_that_learnt_is_good():
    found = preflight(FINE, DevScore(0.9, 0.5, expected=0.93))
    assert (found.verdict, found.advice) == ("good", ())
    assert found.reasons == ()
    assert [one.verdict for one in found.findings] == ["good"] * 8


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ({"train_accuracy": 0.52}, "bad", "predicts 52% of its training examples"),
        ({"train_accuracy": 0.7}, "doubtful", "predicts 70% of its training examples"),
        ({"easy": 0.1}, "bad", "10% of the examples are easy"),
        ({"easy": 0.3}, "doubtful", "30% of the examples are easy"),
        ({"ambiguous_and_hard": 0.1}, "doubtful", "10% of the ambiguous are among the hardest"),
        ({"hard_learnt": 0.02}, "doubtful", "of the hardest 85% are right"),
        (
            {"ambiguous_unlearnt": 0.12},
            "doubtful",
            "12% of the ambiguous were mostly answered wrong",
        ),
        ({"steady": None, "points": 2}, "doubtful", "with 2 recording points nobody can tell"),
        ({"steady": 0.5}, "doubtful", "left 50% of the ambiguous as they were"),
    ],
)
def test_each_signal_can_spoil_it(change, verdict, reason):
    found = preflight(replace(FINE, **change))
    assert found.verdict == verdict
    assert reason in found.reasons[0]
    assert found.advice


@pytest.mark.parametrize(
    ("dev", "verdict"),
    [
        (DevScore(0.52, 0.5), "bad"),
        (DevScore(0.6, 0.5), "doubtful"),
        (DevScore(0.7, 0.5), "good"),
        (DevScore(0.7, 0.5, expected=0.95), "doubtful"),
        (DevScore(0.7, 0.5, expected=0.75), "good"),
        (DevScore(1.0, 1.0), "good"),
    ],
)
def test_so_can_the_development_score(dev, verdict):
    assert preflight(replace(FINE, train_accuracy=0.78), dev).verdict == verdict


def test_memorised_training_examples_are_doubtful():
    known = preflight(FINE, DevScore(0.84, 0.5))
    assert known.verdict == "doubtful"
    assert known.reasons == (
        "its accuracy is 95.0% on the examples it was trained on and 84.0% on development data: "
        "it has memorised them, and what it finds ambiguous may be noise",
    )
    assert known.advice == ("take more training examples, or train the main model on all of them",)
    # Better on development data than in training, where dropout is on, is no gap.
    assert preflight(FINE, DevScore(0.99, 0.5)).verdict == "good"
    assert preflight(FINE, DevScore(0.86, 0.5)).verdict == "good"


def test_who_has_learnt_nothing_has_memorised_nothing():
    found = preflight(replace(FINE, train_accuracy=0.55), DevScore(0.08, 0.5))
    assert found.verdict == "bad"
    assert not any("memorised" in one for one in found.reasons)
    assert not any("more training examples" in one for one in found.advice)


def test_the_worst_comes_first():
    found = preflight(replace(FINE, steady=0.5, easy=0.0), DevScore(0.9, 0.5))
    assert found.verdict == "bad"
    assert "easy" in found.reasons[0]
    assert "last recording point" in found.reasons[1]


def test_what_is_never_learnt_can_be_left_out():
    """Where the ambiguous were not learnt, the advice names the selection that leaves them out."""
    (advice,) = preflight(replace(FINE, ambiguous_unlearnt=0.25)).advice
    named = dict(one.split("=") for one in re.findall(r"selection\.(\w+=[\w.-]+)", advice))
    assert named == {"strategy": "late-learnt", "random_share": "0.3"}
    Selection.model_validate(named)
    # A bad reference has hardly anything right in the end.
    bad = preflight(replace(FINE, ambiguous_unlearnt=0.25, train_accuracy=0.5, easy=0.0))
    assert bad.verdict == "bad"
    assert not any("late-learnt" in one for one in bad.advice)


def test_what_is_said_more_exactly_is_not_said_again():
    early = replace(FINE, transient=2, points=3, burn_in=0, steady=0.5, ambiguous_unlearnt=0.25)
    assert preflight(early).advice == (
        "train it for at least 5 epochs, or with a higher learning rate, or take a larger or "
        "better pretrained reference",
        "leave out what it never learns: selection.strategy=late-learnt, "
        "selection.random_share=0.3",
    )
    few = preflight(replace(early, steady=None, points=2, transient=1))
    assert sum("epochs" in one for one in few.advice) == 1


def test_no_advice_is_given_twice():
    weak = replace(FINE, train_accuracy=0.5, easy=0.0, hard_learnt=0.0, steady=0.5)
    found = preflight(weak, DevScore(0.5, 0.5))
    assert found.advice == (
        "train it longer, or with a higher learning rate, or take a larger or better pretrained "
        "reference",
    )
