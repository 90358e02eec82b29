"""Which points a map leaves out, against probabilities given by hand."""

import numpy as np
import pytest

from ftft.cartography.burn_in import epochs_needed, mean_probability, points_left_out, transient
from ftft.cartography.datamap import DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.errors import DynamicsError


def recorded(*means, classes=2, examples=40):
    """Dynamics whose every example has these probabilities of the right answer, one a point."""
    labels = np.arange(examples) % classes
    right = np.log(np.array(means) * (classes - 1) / (1 - np.array(means)))
    logits = np.zeros((len(means), examples, classes))
    logits[:, np.arange(examples), labels] = right[:, None]
    return TrainingDynamics.from_arrays(logits, labels)


def test_mean_probability_is_that_of_the_right_answer():
    assert mean_probability(recorded(0.6, 0.9), 1) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("means", "classes", "expected"),
    [
        # From 0.5 to 0.9 six tenths of the rise are made at 0.74.
        ((0.6, 0.73, 0.87, 0.9), 2, 2),
        ((0.6, 0.75, 0.87, 0.9), 2, 1),
        ((0.8, 0.9, 0.9), 2, 0),
        # From a third to 0.9 they are made at 0.673.
        ((0.67, 0.68, 0.87, 0.9), 3, 1),
        # A fall at the end: what comes before is settled all the same.
        ((0.6, 0.9, 0.88), 2, 1),
        # Still rising: only the last point is after the transient.
        ((0.55, 0.6, 0.9), 2, 2),
        # What has hardly learnt has no transient.
        ((0.5, 0.51, 0.54), 2, 0),
        ((0.6,), 2, 0),
    ],
)
def test_the_transient_ends_at_six_tenths_of_the_rise(means, classes, expected):
    assert transient(recorded(*means, classes=classes)) == expected


def test_two_points_are_always_left():
    rising = recorded(0.55, 0.6, 0.9)
    assert points_left_out(rising, "auto") == 1
    assert points_left_out(rising, 0) == 0
    assert DataMap.from_dynamics(rising).epochs == (1, 2)
    assert epochs_needed(3, transient(rising)) == 5
    assert epochs_needed(4, 2) is None


def test_the_map_says_what_was_left_out():
    datamap = DataMap.from_dynamics(recorded(0.6, 0.88, 0.9))
    assert (datamap.burn_in, datamap.epochs) == (1, (1, 2))
    said = "drawn from recording points 2, 3, the first left out as burn-in"
    assert datamap.drawn_from == said
    # The jump of the first epoch is in no example's variability.
    assert datamap.variability.max() == pytest.approx(0.01, abs=1e-6)


@pytest.mark.parametrize("burn_in", [-1, True, 1.5, "all", None])
def test_what_is_no_burn_in(burn_in):
    with pytest.raises(DynamicsError, match="an integer of at least 0, or auto"):
        points_left_out(recorded(0.6, 0.9), burn_in)
