"""Choosing the reference: candidates from cheap to dear, until one has learnt its data.

The paper leaves open which reference to take. The protocol here trains candidates in the order of
what they cost, judges each from its own dynamics (:mod:`ftft.transfer.preflight`), and takes the
first that is judged good. It looks at training and development data only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ftft.config.schema import Experiment, FineTuning
from ftft.data.dataset import TaskData
from ftft.experiment.maps import draw_map, tell_map
from ftft.experiment.pipeline import opened
from ftft.experiment.plans import erm_plan, method_plan
from ftft.experiment.stages import Stages
from ftft.experiment.trainings import train_reference
from ftft.experiment.validate import Attempts, check
from ftft.training.arguments import Plan, reference_plan
from ftft.training.erm_cost import plan_cost
from ftft.transfer.preflight import BAD, DOUBTFUL, GOOD
from ftft.workspace.workspace import Workspace


@dataclass(frozen=True)
class Candidate:
    """One reference that may be chosen.

    Attributes:
        name: What distinguishes it from the others, such as ``layers=1``.
        experiment: The experiment with it as reference.
        folder: Its run folder, which ``ftft run`` continues if it is chosen.
    """

    name: str
    experiment: Experiment
    folder: Path


@dataclass(frozen=True)
class Judged:
    """A candidate, what it costs, and what was found once it was trained.

    Attributes:
        candidate: The candidate.
        reference_cost: Operations of the reference over those of ERM, computed before training.
        total_cost: About the same of the whole method with it: reference and main model.
        verdict: ``good``, ``doubtful`` or ``bad``; None where it was not trained, a cheaper one
            being good.
        reasons: Why it is not good, a sentence each.
        signals: What the verdict rests on; see :class:`ftft.transfer.preflight.Signals`.
    """

    candidate: Candidate
    reference_cost: float
    total_cost: float
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    signals: dict[str, Any] | None = None


def choose(
    candidates: Sequence[Candidate],
    say: Callable[[str], None],
    *,
    every: bool = False,
    replacing: bool = False,
) -> tuple[Judged, ...]:
    """Train candidates from the cheapest on, until one is judged good.

    Args:
        candidates: At least one. Data and main model are the same in all of them; the first seed
            counts.
        say: Receives a line for each step.
        every: Train all candidates, to compare them, also after one was judged good.
        replacing: Whether to take the place of another experiment in the candidates' folders.

    Returns:
        All candidates, the cheapest first.

    Raises:
        FtftError: Data, a model or a folder is not as it should be; checked for all of them
            before any is trained.
    """
    attempt = Attempts()
    checked = [
        attempt(partial(check, one.experiment, str(one.folder), replacing=replacing))
        for one in candidates
    ]
    attempt.raise_problems("choosing a reference")
    costed = [
        _costed(one, data)
        for one, data in zip(candidates, checked, strict=True)
        if data is not None
    ]
    waiting = sorted(costed, key=lambda one: one.total_cost)
    judged: list[Judged] = []
    for one in waiting:
        if not every and any(before.verdict == GOOD for before in judged):
            judged.append(one)
            continue
        say(f"{one.candidate.name}: about {one.total_cost:.0%} of ERM's FLOPs in all")
        judged.append(_judged(one, say, replacing=replacing))
    return tuple(judged)


def chosen(judged: Sequence[Judged]) -> Judged:
    """The cheapest of the best verdict there is; of bad ones that which learnt most."""
    order = (GOOD, DOUBTFUL, BAD)
    known = [one for one in judged if one.verdict is not None]

    def rank(one: Judged) -> tuple[float, ...]:
        learnt = (one.signals or {}).get("train_accuracy") if one.verdict == BAD else None
        return order.index(str(one.verdict)), -(learnt or 0.0), one.total_cost

    return min(known, key=rank)


def _costed(candidate: Candidate, data: TaskData) -> Judged:
    """What a candidate would cost, before anything is trained."""
    experiment, seed = candidate.experiment, candidate.experiment.seeds[0]
    stages = Stages(experiment, data, Workspace(candidate.folder, builds=()), lambda line: None)
    examples, main = len(data.train), experiment.main
    erm = _flops(stages, main, erm_plan(experiment, examples, seed=seed))
    plan = method_plan(experiment, "ftft", examples, seed=seed)
    needed = reference_plan(experiment.reference, examples, seed=seed)
    reference = _flops(stages, experiment.reference, needed)
    return Judged(candidate, reference / erm, (reference + _flops(stages, main, plan)) / erm)


def _flops(stages: Stages, settings: FineTuning, plan: Plan) -> float:
    return plan_cost(settings, plan, *stages.lengths(settings)).total.flops


def _judged(one: Judged, say: Callable[[str], None], *, replacing: bool) -> Judged:
    candidate = one.candidate
    experiment = candidate.experiment
    # A bad candidate is no reason to stop: the next one is tried.
    lenient = experiment.model_copy(
        update={"reference": experiment.reference.model_copy(update={"if_bad": "continue"})}
    )
    with opened(lenient, str(candidate.folder), say, replacing=replacing) as stages:
        seed = experiment.seeds[0]
        datamap = draw_map(stages, "map", train_reference(stages, seed), seed)
        tell_map(stages, datamap)
    found = datamap.result
    return replace(
        one, verdict=found.verdict, reasons=found.reasons, signals=found.preflight["signals"]
    )
