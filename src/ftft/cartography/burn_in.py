"""Which recording points a map leaves out: those at which everything was still being learnt.

In the first epochs of a training the probability of the right answer rises for nearly all
examples. A standard deviation over that rise says how fast an example took off, not whether it is
ambiguous, and it drowns what the later points say. The data-map paper draws its maps of large data
sets from five or six epochs, most of which lie after the rise; on smaller data sets, or with fewer
epochs, the rise is most of what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from ftft.dynamics.container import TrainingDynamics
from ftft.errors import DynamicsError
from ftft.utils.plural import counted

AUTO: Literal["auto"] = "auto"
BurnIn: TypeAlias = int | Literal["auto"]

SETTLED = 0.6
"""Share of the rise, from chance to the last point, after which the transient is over.

Chosen on generated pairs whose counter-examples are known; docs/transfer.md has the figures.
"""

LEARNT = 0.1
"""Least rise above chance, as a share of what is possible, that counts as having learnt at all."""


Mean: TypeAlias = Callable[[int], float]
"""Gives the mean probability of the right answer at a recording point."""


def points_left_out(dynamics: TrainingDynamics, burn_in: BurnIn, mean: Mean | None = None) -> int:
    """How many of the first complete recording points a map leaves out.

    Args:
        dynamics: What was recorded.
        burn_in: A number of points, or ``auto``: those of the :func:`transient`, but never so
            many that fewer than the two are left that variability needs.
        mean: Gives a point's mean probability, where it is known; None: the point is read.

    Returns:
        A number of points, at least 0.

    Raises:
        DynamicsError: ``burn_in`` is neither ``auto`` nor an integer of at least 0, or a point
            cannot be read.
    """
    if burn_in != AUTO:
        return checked_count("burn_in", burn_in, "an integer of at least 0, or auto")
    return max(0, min(transient(dynamics, mean), len(dynamics.epochs) - 2))


def transient(dynamics: TrainingDynamics, mean: Mean | None = None) -> int:
    """How many of the first complete recording points lie in the transient.

    With ``m[e]`` the mean probability of the right answer at point ``e`` and ``c`` that of a model
    that knows nothing, it lasts while ``(m[e] - c) / (m[last] - c)`` is below
    :data:`SETTLED`. A training that has hardly learnt (``m[last]`` less than :data:`LEARNT` of
    the way from ``c`` to 1) has no transient to leave out.

    Args:
        dynamics: What was recorded.
        mean: As for :func:`points_left_out`.

    Returns:
        A number of points, from 0 to one less than there are: the last point is never in it.

    Raises:
        DynamicsError: A point cannot be read.
    """
    if not dynamics.epochs:
        return 0
    mean = mean or partial(mean_probability, dynamics)
    chance = dynamics.chance
    last = mean(dynamics.epochs[-1]) - chance
    if last < LEARNT * (1 - chance):
        return 0
    for position, epoch in enumerate(dynamics.epochs[:-1]):
        if mean(epoch) - chance >= SETTLED * last:
            return position
    return len(dynamics.epochs) - 1


def epochs_needed(points: int, in_transient: int) -> int | None:
    """How long a training should have been recorded, where a map had to be drawn too early.

    Args:
        points: The complete recording points that there are.
        in_transient: How many of them lie in the :func:`transient`.

    Returns:
        The recording points it takes: those of the transient, and the three that show whether a
        selection has settled. None where two or more lie after the transient.
    """
    return None if points - in_transient >= 2 else in_transient + 3


def mean_probability(dynamics: TrainingDynamics, epoch: int) -> float:
    """The mean probability of the right answer at one recording point, in [0, 1].

    Raises:
        DynamicsError: The point cannot be read.
    """
    return dynamics.point_values(epoch).mean_probability


def epochs_used(dynamics: TrainingDynamics, burn_in: BurnIn, least: int) -> tuple[int, ...]:
    """The complete recording points after burn-in.

    Args:
        dynamics: What was recorded.
        burn_in: How many of the first complete points to leave out, or ``auto``.
        least: How many must be left.

    Raises:
        DynamicsError: Fewer are left, or ``burn_in`` is neither a number of points nor ``auto``.
    """
    left_out = points_left_out(dynamics, burn_in)
    check_enough(dynamics, left_out, least)
    return dynamics.epochs[left_out:]


def check_enough(dynamics: TrainingDynamics, left_out: int, least: int) -> None:
    """Check that enough complete recording points are left after burn-in.

    Args:
        dynamics: What was recorded.
        left_out: How many of the first complete points are left out.
        least: How many must be left.

    Raises:
        DynamicsError: Fewer are left.
    """
    if len(dynamics.epochs) - left_out >= least:
        return
    incomplete = ""
    if dynamics.incomplete:
        counts = ", ".join(f"{e} ({counted(n, 'example')})" for e, n in dynamics.incomplete.items())
        incomplete = f" Not complete, and so left out: {counts} of {len(dynamics)} examples."
    raise DynamicsError(
        f"At least {least} complete recording points are needed after burn-in, but there are "
        f"{len(dynamics.epochs)} and burn_in leaves out the first {left_out}.{incomplete} Record "
        "more epochs (or several points an epoch), or lower burn_in."
    )


def checked_count(name: str, value: object, expected: str = "an integer of at least 0") -> int:
    """Return a setting as an integer of at least 0, or raise a ``DynamicsError``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise DynamicsError(f"{name} is {value!r}; it must be {expected}.")
    return int(value)
