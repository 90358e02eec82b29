"""Steps and operations until a method scores what ERM scores in the end.

The paper's claim of efficiency. It is judged on development sets, which are scored all along the
training; test sets are scored once and tell nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ftft.results.intervals import AMOUNT, Interval
from ftft.results.run import RunResult


@dataclass(frozen=True)
class TimeToTarget:
    """How soon a method scores what ERM does, over seeds.

    Attributes:
        seeds: Seeds that were compared.
        reached: Of these, in how many it got there.
        steps: The main model's steps until then, of those seeds; None where there are none.
        share: The same as a share of all of ERM's steps.
        flops: Operations until then over all of ERM's: the reference and all scoring of development
            sets counted in, the main model's training up to that step.
    """

    seeds: int
    reached: int
    steps: Interval | None
    share: Interval | None
    flops: Interval | None


def time_to_target(
    runs: Mapping[int, RunResult], erm: Mapping[int, RunResult]
) -> TimeToTarget | None:
    """When a method first scores at least what ERM's kept weights do, seed by seed.

    Args:
        runs: Seed to the method's run.
        erm: Seed to ERM's run with the same main model and data.

    Returns:
        None where they share no seed in which ERM has learnt anything.
    """
    seeds = sorted(seed for seed in runs.keys() & erm.keys() if erm[seed].learnt)
    if not seeds:
        return None
    points = [point for seed in seeds if (point := _point(runs[seed], erm[seed])) is not None]
    if not points:
        return TimeToTarget(len(seeds), 0, None, None, None)
    steps, share, flops = (Interval.of(figures, AMOUNT) for figures in zip(*points, strict=True))
    return TimeToTarget(len(seeds), len(points), steps, share, flops)


def erm_until(
    runs: Mapping[int, RunResult], erm: Mapping[int, RunResult]
) -> tuple[float, ...] | None:
    """The share of its own training after which ERM first scores what a method does in the end.

    Args:
        runs: Seed to the method's run.
        erm: Seed to ERM's run with the same main model and data.

    Returns:
        A share for each seed that both have and in which ERM gets there; None where they share no
        seed. It is judged on development sets; operations go with the steps.
    """
    seeds = sorted(runs.keys() & erm.keys())
    shares = []
    for seed in seeds:
        target, steps = runs[seed].final, erm[seed].record["steps"]["erm"]
        reached = (at for at, score in erm[seed].curve if target is not None and score >= target)
        if (step := next(reached, None)) is not None:
            shares.append(step / steps)
    return tuple(shares) if seeds else None


def _point(run: RunResult, erm: RunResult) -> tuple[float, float, float] | None:
    """Steps, share of ERM's steps and of its operations until the target; None: never."""
    target = erm.final
    step = next((at for at, score in run.curve if target is not None and score >= target), None)
    if step is None:
        return None
    flops, taken = run.record["cost"]["flops"], run.record["steps"]["main"]
    # Batches are drawn at random, so that operations go with the steps. What scoring costs is not
    # split by model; all of it is counted, which is never too little.
    until = flops["reference"] + flops["evaluation"] + flops["main"] * min(1.0, step / taken)
    return step, step / run.record["steps"]["erm"], until / erm.record["cost"]["flops"]["total"]
