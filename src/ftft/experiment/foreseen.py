"""Trainings that are to be done: steps, operations and, where a speed is known, their time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftft.config.methods import COST, REFERENCE, TRAINED_BY
from ftft.errors import WorkspaceError
from ftft.evaluation.training import TrainingCost
from ftft.utils.environment import environment
from ftft.utils.plural import counted, duration
from ftft.workspace.stage_record import read_record
from ftft.workspace.workspace import aside

# Of an environment, what has to be alike for a speed to be that of this machine.
_MACHINE = ("processor", "cpu_count", "threads", "device", "processes")


@dataclass(frozen=True)
class Foreseen:
    """A training as it would be done.

    Attributes:
        name: The stage, such as ``main/seed-0``.
        reused: Whether it is finished from the same settings, data and models.
        steps: Steps at most; where ``spends``, about how many.
        flops: About its operations if it takes all steps, scoring of development sets included, as
            if what is selected were as long as all examples are. Small subsets are padded more.
    """

    name: str
    reused: bool
    steps: int
    flops: float

    @property
    def spends(self) -> bool:
        """Whether its steps follow from what FTFT turns out to have cost."""
        method = TRAINED_BY.get(self.name.partition("/")[0])
        return method is not None and method.trained_for == COST


@dataclass(frozen=True)
class Speeds:
    """Operations a second of trainings: references are small, and slower than main models.

    Where only the other of the two is known, its speed is taken.
    """

    _known: dict[bool, float] = field(default_factory=dict)

    def note(self, name: str, flops: float, seconds: float) -> None:
        """Note what a training took."""
        if flops > 0 and seconds > 0:
            self._known[_is_reference(name)] = flops / seconds

    def seconds(self, name: str, flops: float, *, own: bool = False) -> float | None:
        """About what a training takes; None where no speed, or with ``own`` not its, is known."""
        kind = _is_reference(name)
        speed = self._known.get(kind, None if own else self._known.get(not kind))
        return None if speed is None else flops / speed

    def with_one(self, name: str, flops: float, seconds: float) -> Speeds:
        """The same with another training, which is not noted."""
        found = Speeds({**self._known})
        found.note(name, flops, seconds)
        return found

    def each(self, trainings: Iterable[Foreseen]) -> list[float]:
        """About what each of several trainings takes; empty where no speed is known."""
        found = [self.seconds(one.name, one.flops) for one in trainings]
        known = [one for one in found if one is not None]
        return known if len(known) == len(found) else []

    def in_all(self, trainings: Iterable[Foreseen]) -> float | None:
        """About what several trainings take together; None where no speed is known."""
        each = self.each(trainings)
        return sum(each) if each else None


def recorded_speeds(
    folder: str | Path, names: Collection[str], threads: int | None = None
) -> Speeds:
    """The speeds of the trainings that this machine has finished in a run folder.

    Args:
        folder: The run folder; it need not be there.
        names: The stages to look at. One that is there from other settings counts as well.
        threads: With how many they were trained; None: with as many as this process has.
    """
    found = Speeds()
    for name in names:
        stage = Path(folder) / name
        for place in (aside(stage), stage):
            record = _record(place, name)
            if not of_this_machine(record.get("environment", {}), threads):
                continue
            cost = TrainingCost.from_dict(record["result"]["cost"])
            found.note(name, cost.total.flops, cost.total.seconds + cost.overhead_seconds)
    return found


def of_this_machine(found: Mapping[str, Any], threads: int | None = None) -> bool:
    """Whether what was measured in an environment holds for this machine, with some threads."""
    here = environment() | ({} if threads is None else {"threads": threads})
    return all(found.get(key) == here[key] for key in _MACHINE)


NOTHING_TO_TRAIN = "nothing to train: all trainings are finished"


def to_do_in_words(trainings: Iterable[Foreseen], seconds: float | None, jobs: int = 1) -> str:
    """How much is to be done.

    Args:
        trainings: All of a run.
        seconds: About what those that are to be done take; None where nobody knows.
        jobs: How many at a time.
    """
    waiting = [one for one in trainings if not one.reused]
    if not waiting:
        return NOTHING_TO_TRAIN
    steps, flops = sum(one.steps for one in waiting), sum(one.flops for one in waiting)
    beside = f" {at_a_time(jobs)}," if jobs > 1 else ""
    speed = f"{beside} by the speed of earlier ones"
    about = "" if seconds is None else f", about {duration(seconds)}{speed}"
    amount = amount_in_words(steps, flops, spends=any(one.spends for one in waiting))
    return f"to do: {counted(len(waiting), 'training')}, {amount}{about}"


def at_a_time(jobs: int) -> str:
    """How trainings follow each other."""
    if jobs == 1:
        return "one after the other"
    each = "each with its share of the cores"
    return f"{jobs} at a time, {each}, the start of processes not counted"


def amount_in_words(steps: int, flops: float, *, spends: bool) -> str:
    """Steps and operations of trainings, of which some may spend what FTFT turns out to cost."""
    bound = "about" if spends else "at most"
    return f"{bound} {counted(steps, 'step')} and about {flops / 1e15:.3g} PFLOPs"


def steps_in_cell(steps: int, *, spends: bool) -> str:
    """Steps for a table whose heading says that they are a bound."""
    return f"about {steps:,}" if spends else f"{steps:,}"


NO_SAVING = (
    "that is no saving: take a cheaper reference (fewer layers or epochs), or a smaller main.budget"
)
"""What to say where FTFT takes as much as ERM or more."""


def share_of_erm(trainings: Iterable[Foreseen]) -> float | None:
    """About what FTFT costs over what ERM costs, the reference counted in, of the first seed.

    None where ERM is not run, or one of the trainings is not counted.
    """
    flops: dict[str, float] = {}
    for one in trainings:
        flops.setdefault(one.name.partition("/")[0], one.flops)
    reference, main, erm = (flops.get(kind, 0.0) for kind in (REFERENCE, "main", "erm"))
    return (reference + main) / erm if reference and main and erm else None


def share_in_words(share: float) -> str:
    """What FTFT costs over what ERM costs."""
    return f"FTFT takes about {share:.0%} of ERM's FLOPs, its reference counted in"


def beside_unknown(jobs: int) -> str:
    """That nobody knows how long trainings take, several at a time."""
    return (
        f"how long that takes {jobs} at a time, sharing the machine, is not known before a "
        "training has finished here with as many threads"
    )


def _record(folder: Path, name: str) -> dict[str, Any]:
    """The record of a finished training; empty where there is none."""
    try:
        record = read_record(folder, name)
    except WorkspaceError:
        return {}  # damaged, which the run says when it gets there
    return record if record is not None and record["status"] == "finished" else {}


def _is_reference(name: str) -> bool:
    return name.partition("/")[0] == REFERENCE
