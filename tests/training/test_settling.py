"""A training stops where what it recorded is enough, and when resumed it stops there too."""

from __future__ import annotations

import shutil

import pytest

from ftft.config.schema import Recording
from ftft.dynamics.store import read_dynamics
from killing import EVALUATION, KilledError, Killer, check_same
from tiny_task import plan

# 40 examples in batches of 16: an epoch is 3 steps.
SCHEDULE = plan(12, 3)


def enough(points):
    """Settled from that many points on; what it was shown is checked on the way."""

    def settled(dynamics):
        assert dynamics.incomplete == {}
        assert dynamics.epochs == tuple(range(len(dynamics.epochs)))
        return len(dynamics.epochs) >= points

    return settled


@pytest.mark.parametrize(
    ("recording", "points", "steps"),
    [(Recording(), 1, 3), (Recording(), 2, 6), (Recording(), 4, 12), (EVALUATION, 3, 5)],
)
def test_it_stops_at_the_recording_point(tune, recording, points, steps):
    tuned = tune("stopped", SCHEDULE, recording=recording, settled=enough(points))
    assert (tuned.steps, tuned.kept_step) == (steps, steps)
    dynamics = read_dynamics(tuned.dynamics_folder)
    assert len(dynamics.epochs) == points
    assert tuned.history[-1]["step"] == steps


def test_up_to_there_it_is_the_training_that_does_not_stop(tune):
    stopped = tune("stopped", SCHEDULE, recording=Recording(), settled=enough(2))
    whole = tune("whole", SCHEDULE, recording=Recording(), settled=enough(99))
    assert whole.steps == 12
    found, expected = read_dynamics(stopped.dynamics_folder), read_dynamics(whole.dynamics_folder)
    assert (found.logits() == expected.logits()[:2]).all()
    assert stopped.cost.training.flops < 0.6 * whole.cost.training.flops


@pytest.mark.parametrize("recording", [Recording(), EVALUATION])
@pytest.mark.parametrize("step", [2, 4, 5, 6])
def test_killed_and_resumed_it_stops_there_too(tune, tmp_path, recording, step):
    points = 2 if recording.mode == "training" else 4
    options = {"recording": recording, "settled": enough(points)}
    whole = tune("whole", SCHEDULE, **options)
    assert whole.steps == 6
    with pytest.raises(KilledError):
        tune("again", SCHEDULE, spies=(Killer(step),), **options)
    check_same(tune("again", SCHEDULE, **options), whole)
    shutil.rmtree(tmp_path / "again", ignore_errors=True)


def test_killed_after_its_last_checkpoint_it_takes_no_further_step(tune):
    options = {"recording": Recording(), "settled": enough(2)}
    whole = tune("whole", SCHEDULE, **options)
    done = tune("again", SCHEDULE, **options)
    # The checkpoint of its last step is still there: as if killed before its model was recorded.
    again = tune("again", SCHEDULE, **options)
    check_same(done, whole)
    check_same(again, whole)
