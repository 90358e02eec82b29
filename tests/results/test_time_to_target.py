"""Steps and operations until ERM's final score, by hand."""

import pytest

from fake_runs import result
from ftft.results.time_to_target import time_to_target


def erm(seed=0, **more):
    curve = ((10, 0.4), (20, 0.7), (30, 0.6), (40, 0.6))
    values = {"curve": curve, "final": 0.6, "flops": (0.0, 180.0, 20.0), "steps": 40}
    return result("erm", seed, **(values | more))


def ftft(seed=0, **more):
    return result("ftft", seed, **({"flops": (30.0, 60.0, 10.0), "steps": 12} | more))


def test_the_first_step_at_which_it_is_reached():
    found = time_to_target({0: ftft(curve=((4, 0.5), (8, 0.6), (12, 0.5)))}, {0: erm()})
    assert (found.seeds, found.reached) == (1, 1)
    assert found.steps.mean == 8
    assert found.share.mean == 8 / 40
    # The reference and all scoring, and two thirds of the main model's training.
    assert found.flops.mean == pytest.approx((30 + 10 + 60 * 8 / 12) / 200)


def test_the_target_is_the_score_of_the_weights_that_were_kept():
    """Not the last and not the best of the curve."""
    found = time_to_target({0: ftft(curve=((4, 0.65),))}, {0: erm(final=0.7)})
    assert found.reached == 0
    assert found.steps is found.share is found.flops is None


def test_erm_reaches_its_own_score_before_its_end():
    found = time_to_target({0: erm()}, {0: erm()})
    assert found.steps.mean == 20
    assert found.flops.mean == pytest.approx((20 + 180 / 2) / 200)


def test_seeds_that_do_not_reach_it_are_counted_but_give_no_steps():
    runs = {
        0: ftft(0, curve=((4, 0.6), (8, 0.6))),
        1: ftft(1, curve=((4, 0.1), (8, 0.6))),
        2: ftft(2, curve=((4, 0.1), (8, 0.2))),
        7: ftft(7),
    }
    found = time_to_target(runs, {seed: erm(seed) for seed in range(3)})
    assert (found.seeds, found.reached) == (3, 2)
    assert found.steps.mean == 6
    assert found.steps.count == 2


def test_a_target_that_needs_no_learning_is_none():
    """Both at the majority's share: who reaches it first is chance."""
    runs = {seed: ftft(seed, curve=((4, 0.6),)) for seed in range(2)}
    weak = {0: erm(0, floor=0.6), 1: erm(1, floor=0.5)}
    assert time_to_target(runs, weak).seeds == 1
    assert time_to_target(runs, {0: erm(0, floor=0.6)}) is None


def test_no_seed_in_common():
    assert time_to_target({0: ftft()}, {1: erm(1)}) is None
