"""From a study to what has to be trained: each training once, whoever shares it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftft.config.methods import BASELINES, METHODS, REFERENCE
from ftft.config.schema import Experiment
from ftft.config.study import PLACES, Study
from ftft.results.run import Cell


@dataclass(frozen=True)
class Task:
    """One training of a study, with what leads to it and its test scores.

    Attributes:
        method: ``reference``, or the method whose main model is trained, by its key in
            :data:`ftft.config.methods.METHODS`.
        data: Name of the data set.
        seed: The seed.
        reference: Name of the reference; None where there is none.
        main: Name of the main model; None for a reference.
        strategy: Selection strategy; None where everything is trained on.
        fraction: Share selected, likewise.
        budget: Share of ERM's steps, where it is one of the grid's.
        selection: Name of the selection, where it is one of the grid's.
        paid: Of a baseline at FTFT's cost, the FTFT task whose cost it may spend.
    """

    method: str
    data: str
    seed: int
    reference: str | None = None
    main: str | None = None
    strategy: str | None = None
    fraction: float | None = None
    budget: float | None = None
    selection: str | None = None
    paid: Task | None = None

    @property
    def id(self) -> str:
        """Says what it is, whatever else is in the study; its training's folder in the study."""
        return f"{self.data}/{self.training}"

    @property
    def training(self) -> str:
        """The stage of its training, with the seed."""
        kind = REFERENCE if self.method == REFERENCE else METHODS[self.method].stages["main"]
        return f"{self._own[kind]}/seed-{self.seed}"

    @property
    def stage_paths(self) -> dict[str, str]:
        """Kind of stage to its folder below the data set's, of what it makes and what it reads."""
        needs = self.needs
        return ({} if needs is None else needs.stage_paths) | self._own

    @property
    def makes(self) -> frozenset[str]:
        """The stages that it makes; the others it only reads."""
        return frozenset(f"{place}/seed-{self.seed}" for place in self._own.values())

    @property
    def needs(self) -> Task | None:
        """The task that has to be finished before; None where there is none."""
        if self.paid is not None:
            return self.paid
        needs = None if self.method == REFERENCE else METHODS[self.method].needs
        if needs is None:
            return None
        ours = self.reference if needs == REFERENCE else None
        return Task(needs, self.data, self.seed, ours, None if needs == REFERENCE else self.main)

    @property
    def _own(self) -> dict[str, str]:
        """Kind of stage to its folder, of what it makes."""
        if self.method == REFERENCE:
            return _below(str(self.reference), "reference", "map")
        method = METHODS[self.method]
        at = "/".join(part for part in (self.main, self.reference, self._drawn) if part)
        kinds = [kind for role, kind in method.stages.items() if role != "reference"]
        if self.method == "ftft" and self.selection is None:
            # Without selections of its own, the grid has one map for a reference.
            kinds.remove(method.stages["map"])
        return _below(at, *kinds, f"scores/{self.method}")

    @property
    def _drawn(self) -> str:
        """Selection, strategy, fraction and budget, as far as they matter to it."""
        numbers = [f"{x:{PLACES}}" for x in (self.fraction, self.budget) if x is not None]
        names = [name for name in (self.selection, self.strategy) if name is not None]
        return "-".join([*names, *numbers])


def tasks(study: Study) -> tuple[Task, ...]:
    """All trainings of a study, each once, and each after the one that it needs.

    Args:
        study: The study.

    Returns:
        Seed by seed and data set by data set; references and ERM first. With DM comes ERM, which
        is its first training.
    """
    found: dict[Task, None] = {}
    for seed, data in itertools.product(study.seeds, study.data):
        for task in sorted(_of_data(study, data, seed), key=_order):
            found[task] = None
    return tuple(found)


def experiment_of(study: Study, task: Task) -> Experiment:
    """The experiment that a task is part of."""
    # A baseline at FTFT's cost reads that FTFT's stages, which have its way to select.
    like = task.paid or task
    experiment = study.experiment(like.data, task.reference, task.main, like.selection)
    selection = {"strategy": like.strategy, "fraction": like.fraction}
    given = {key: value for key, value in selection.items() if value is not None}
    changed = {
        "selection": experiment.selection.model_copy(update=given),
        "seeds": (task.seed,),
    }
    if task.budget is not None:
        changed["main"] = experiment.main.model_copy(update={"budget": task.budget})
    return experiment.model_copy(update=changed)


def cell_of_task(study: Study, task: Task) -> Cell:
    """The cell that a task's results belong to."""
    method = METHODS[task.method]
    return Cell(
        experiment=task.data,
        method=task.method,
        # A method that is charged for no reference of the study is its own.
        reference=task.main if method.charged not in (None, REFERENCE) else task.reference,
        main=task.main or "",
        # A random subset has a strategy of its own.
        strategy=(task.strategy or "random") if method.selects else None,
        fraction=1.0 if task.fraction is None else task.fraction,
        budget=task.budget if len(set(study.budgets)) > 1 else None,
        selection=task.selection or "",
    )


def _order(task: Task) -> int:
    """What is needed by others first, FTFT before the baselines that may spend what it cost."""
    if task.method == REFERENCE:
        return 0
    return 1 if METHODS[task.method].needs is None else 3 if task.paid is not None else 2


def _of_data(study: Study, data: str, seed: int) -> Iterator[Task]:
    for reference, main in itertools.product(study.references, study.mains):
        yield Task(REFERENCE, data, seed, reference)
        baselines = study.experiment(data, reference, main).baselines
        for needed in dict.fromkeys(METHODS[one].needs for one in baselines):
            if needed in BASELINES:
                yield Task(needed, data, seed, main=main)
        cells = tuple(_cells(study, data, seed, reference, main))
        paid = {one: _paid(one, cells) for one in baselines if METHODS[one].needs == "ftft"}
        for ftft in cells:
            yield ftft
            for baseline in baselines:
                yield _baseline(baseline, ftft, paid.get(baseline))


def _cells(study: Study, data: str, seed: int, reference: str, main: str) -> Iterator[Task]:
    """FTFT with every selection, strategy, fraction and budget."""
    for name in study.selections or (None,):
        experiment = study.experiment(data, reference, main, name)
        axes = (
            study.strategies or (experiment.selection.strategy,),
            study.fractions or (experiment.selection.fraction,),
            study.budgets or (experiment.main.budget,),
        )
        for strategy, fraction, budget in itertools.product(*axes):
            yield Task("ftft", data, seed, reference, main, strategy, fraction, budget, name)


def _baseline(name: str, ftft: Task, paid: Mapping[tuple[Any, ...], Task] | None) -> Task:
    """A baseline of an FTFT task: of what the task varies with, what the baseline does too."""
    varies = dict(zip(METHODS[name].varies, _kept(name, ftft), strict=True))
    task = Task(name, ftft.data, ftft.seed, main=ftft.main, **varies)
    return task if paid is None else replace(task, paid=paid[_kept(name, ftft)])


def _paid(name: str, cells: Sequence[Task]) -> dict[tuple[Any, ...], Task]:
    """The FTFT task whose cost a baseline may spend, by what the baseline varies with.

    Cells that differ only in what it does not vary with share it, and the cost of one of them
    counts, whatever their order in the file.
    """
    found: dict[tuple[Any, ...], Task] = {}
    for cell in sorted(cells, key=lambda one: one.id):
        found.setdefault(_kept(name, cell), cell)
    return found


def _kept(name: str, ftft: Task) -> tuple[Any, ...]:
    return tuple(getattr(ftft, field) for field in METHODS[name].varies)


def _below(name: str, *kinds: str) -> dict[str, str]:
    return {kind: f"{kind}/{name}" for kind in kinds}
