"""A reference has recorded enough where its selection stands still and it can transfer."""

from __future__ import annotations

import numpy as np

from ftft.dynamics import TrainingDynamics
from ftft.transfer import preflight, signals, stability
from ftft.transfer.early_stopping import StopWhenStable
from ftft.transfer.stability import FollowedMap

LABELS = np.arange(200) % 2


def test_the_usual_measure_is_no_part_of_what_a_reference_is_made_from():
    """So that references of before there was another one stay valid."""
    known = {"share": 0.8, "fraction": 0.33, "burn_in": "auto"}
    assert StopWhenStable(**known).to_dict() == known
    other = {**known, "measure": "mean-token-probability"}
    assert StopWhenStable(**other).to_dict() == other


def dynamics(epochs=5, learnt=True, seed=3):
    """Examples from easy to hard; the hard are learnt last, or nothing is."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(epochs, 200, 2)) * 0.1
    for epoch in range(epochs):
        margin = 3.0 * (epoch + 1) - 6 * generator.permutation(200) / 200 * 0.1
        margin -= 6 * np.arange(200) / 200
        logits[epoch, np.arange(200), LABELS] += margin if learnt else 0.0
    return TrainingDynamics.from_arrays(logits, LABELS)


def test_the_share_asked_for_decides():
    given = dynamics()
    steady = stability(given, burn_in=0)[-1]
    assert preflight(signals(given, burn_in=0)).verdict == "good"
    assert StopWhenStable(steady, 0.33, 0).is_reached(FollowedMap(0).update(given))
    assert not StopWhenStable(min(1.0, steady + 0.01), 0.33, 0).is_reached(
        FollowedMap(0).update(given)
    )


def test_three_points_are_the_least():
    assert not StopWhenStable(0.01, 0.33, 0).is_reached(FollowedMap(0).update(dynamics(2)))
    assert not StopWhenStable(0.01, 0.33, 3).is_reached(FollowedMap(3).update(dynamics(5)))


def test_a_reference_that_has_learnt_nothing_goes_on():
    given = dynamics(learnt=False)
    assert stability(given, burn_in=0)[-1] > 0.1
    assert not StopWhenStable(0.1, 0.33, 0).is_reached(FollowedMap(0).update(given))
