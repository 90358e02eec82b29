"""How far a run is among its trainings, and about how long those that are left take."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any, Protocol

from ftft.config.methods import COST, REFERENCE, TRAINED_BY, training_names
from ftft.config.schema import Experiment
from ftft.evaluation.training import Training
from ftft.experiment.foreseen import (
    NO_SAVING,
    Foreseen,
    Speeds,
    of_this_machine,
    share_in_words,
    share_of_erm,
    to_do_in_words,
)
from ftft.experiment.plans import method_plan
from ftft.training.progress import OfRun


class Follows(Protocol):
    """Something that follows the trainings of a run."""

    def opening(self) -> str:
        """How much the whole run is, said once; empty where nothing is to be said."""

    def place(self, name: str) -> OfRun | None:
        """Where a training stands, such as ``main/seed-0``; None where nothing is to be said."""

    def ended(self, name: str, trained: Training, environment: Mapping[str, Any]) -> None:
        """Note a training that is finished, now or before."""


@dataclass(frozen=True)
class UnderWay:
    """A training that is under way, as it was measured last.

    Attributes:
        steps: All its steps at most.
        per_step: Seconds that a step took.
        ends: When it ends at the latest, by :func:`time.monotonic`.
    """

    steps: float
    per_step: float
    ends: float

    @classmethod
    def of(cls, figures: Mapping[str, float]) -> UnderWay | None:
        """From the figures of a line of progress; None where they do not say what a step takes."""
        left, steps = figures.get("seconds_left", 0.0), figures.get("steps", 0.0)
        if not left or not steps:
            return None
        return cls(steps, left / (steps - figures["step"]), time.monotonic() + left)


@dataclass(frozen=True)
class Overall:
    """The trainings of a run, those of all seeds and baselines, and the time each kind took.

    The time of what is left follows from the seconds a step of the main model and the seconds of
    a reference, of this run or as a finished stage has them. Before they are known it follows from
    operations: at the speed of the training that is under way, or of those in the run folder; side
    by side, at that of its own kind only. It is what trainings take that use all their steps; no
    more than that is known before.

    Attributes:
        experiment: What is run.
        examples: Size of the training set.
        finished_before: Gives the names of those that will not be run again, or None where that
            is not known, and then no time is given; asked once, when the first training begins.
        foresee: Given those, all trainings of the run by name, with their operations; empty where
            they are not known. Asked once, likewise.
        recorded: Gives the speeds of earlier trainings; asked once, likewise.
        together: Given the seconds of trainings by name, those of all: their sum, where they run
            one after the other.
        jobs: How many run at a time.
    """

    experiment: Experiment
    examples: int
    finished_before: Callable[[], Collection[str] | None] = tuple
    foresee: Callable[[Collection[str]], Mapping[str, Foreseen]] = lambda reused: {}
    recorded: Callable[[], Speeds] = Speeds
    together: Callable[[Mapping[str, float]], float] = lambda seconds: sum(seconds.values())
    jobs: int = 1
    _reference: list[float] = field(default_factory=list)
    _per_step: list[float] = field(default_factory=list)
    _opened: list[bool] = field(default_factory=list)

    def ended(self, name: str, trained: Training, environment: Mapping[str, Any]) -> None:
        """Note the time that a finished training took, if it was on this machine."""
        if of_this_machine(environment):
            self.note(name, trained)

    def note(self, name: str, trained: Training) -> None:
        """Note the time that a training took on this machine."""
        seconds = trained.cost.total.seconds + trained.cost.overhead_seconds
        if _kind(name) == REFERENCE:
            self._reference.append(seconds)
        elif trained.steps:
            self._per_step.append(seconds / trained.steps)
        self._speeds.note(name, trained.cost.total.flops, seconds)

    @cached_property
    def _names(self) -> list[str]:
        return training_names(self.experiment.baselines, self.experiment.seeds)

    @cached_property
    def _reused(self) -> Collection[str] | None:
        return self.finished_before()

    @cached_property
    def _speeds(self) -> Speeds:
        return self.recorded()

    @cached_property
    def _trainings(self) -> Mapping[str, Foreseen]:
        if self._reused is None:
            return {}
        try:
            return self.foresee(self._reused)
        except Exception:
            # Models fail in many ways when they are built to be counted. It is only for this
            # estimate here, and no reason to end a run.
            return {}

    def opening(self) -> str:
        """How much the whole run is, said once, before its first training; empty afterwards.

        A second line says so where the run saves nothing.
        """
        if self._opened:
            return ""
        self._opened.append(True)
        trainings = self._trainings.values()
        if not trainings:
            return ""
        waiting = [one for one in trainings if not one.reused]
        left = self._left([one.name for one in waiting])
        said = to_do_in_words(trainings, left, self.jobs)
        if (share := share_of_erm(trainings)) is not None and share >= 1:
            said += f"\nnote: {share_in_words(share)}; {NO_SAVING}"
        return said

    def waiting(self, names: Collection[str]) -> list[str]:
        """Of some stages the trainings that were not finished before, in the order of the run."""
        return [name for name in self._names if name in names and name not in (self._reused or ())]

    def flops(self, names: Collection[str]) -> float:
        """Operations of the trainings among some stages that are to be done, where known."""
        found = [self._trainings.get(name) for name in self.waiting(names)]
        return sum(one.flops for one in found if one is not None)

    def after(
        self, ended: Collection[str], begun: Mapping[str, UnderWay]
    ) -> tuple[int, int, float | None]:
        """How far the run is once some of those that were to be done have ended.

        Args:
            ended: Their names.
            begun: Those that are under way, as far as they have been measured.

        Returns:
            How many trainings are done, those that were finished before counted in, how many there
            are, and the seconds that are left; None where a kind of training is not measured yet.
        """
        left = [name for name in self.waiting(self._names) if name not in ended]
        every = len(self._names)
        at_work = {name: one for name, one in begun.items() if name in left}
        return every - len(left), every, self._left_beside(left, at_work)

    def _left_beside(self, names: list[str], begun: Mapping[str, UnderWay]) -> float | None:
        mains = [one.per_step for name, one in begun.items() if _kind(name) != REFERENCE]
        per_step = self._per_step[-1] if self._per_step else fmean(mains) if mains else None
        speeds, trainings = self._speeds, self._trainings
        for name, one in begun.items():
            if name in trainings:
                speeds = speeds.with_one(name, trainings[name].flops, one.per_step * one.steps)
        known: dict[str, float] = {}
        for name in names:
            found = self._seconds(_kind(name), per_step)
            if name in begun:
                found = max(0.0, begun[name].ends - time.monotonic())
            elif found is None and name in trainings:
                # References are slower than main models: the speed of one says little of the other.
                found = speeds.seconds(name, trainings[name].flops, own=True)
            if found is None:
                return None
            known[name] = found
        return self.together(known)

    def place(self, name: str) -> OfRun:
        """Where a training stands, such as ``main/seed-0``."""
        names = self._names
        at = names.index(name)
        reused = self._reused
        if reused is None:
            return OfRun(at + 1, len(names), lambda here, per_step: None)
        later = [one for one in names[at + 1 :] if one not in reused]

        def left(here: float, per_step: float) -> float | None:
            return self._left(later, name, here, per_step)

        return OfRun(at + 1, len(names), left, self._left([name, *later]))

    def _left(
        self,
        names: list[str],
        current: str = "",
        here: float = 0.0,
        per_step: float | None = None,
    ) -> float | None:
        """Seconds of these trainings, and those of the current one that are known by its steps."""
        measured = per_step if per_step is not None and _kind(current) != REFERENCE else None
        if measured is None and self._per_step:
            measured = self._per_step[-1]
        speeds, trainings = self._speeds, self._trainings
        if per_step is not None and current in trainings:
            now = trainings[current]
            speeds = speeds.with_one(current, now.flops, per_step * now.steps)

        def seconds(name: str) -> float | None:
            found = self._seconds(_kind(name), measured)
            if found is None and name in trainings:
                found = speeds.seconds(name, trainings[name].flops)
            return found

        each = {name: seconds(name) for name in names}
        known = {name: one for name, one in each.items() if one is not None}
        return here + self.together(known) if len(known) == len(each) else None

    def _seconds(self, kind: str, per_step: float | None) -> float | None:
        """About what a training of a kind takes; None where it is not known yet."""
        reference = self._reference[-1] if self._reference else None
        if kind == REFERENCE:
            return reference
        if per_step is None:
            return None
        method = TRAINED_BY[kind]
        paid = method.trained_for == COST
        if paid and reference is None:
            return None
        # What may spend FTFT's cost takes as long as reference and main model together.
        length = "ftft" if paid else method.key
        steps = method_plan(self.experiment, length, self.examples, seed=0).steps
        return steps * per_step + (reference or 0.0 if paid else 0.0)


def _kind(name: str) -> str:
    return name.partition("/")[0]
