"""From a study to what has to be trained: each training once, whoever shares it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ftft.config.schema import Experiment
from ftft.config.study import PLACES, Study

REFERENCE = "reference"


@dataclass(frozen=True)
class Task:
    """One training of a study, with what leads to it and its test scores.

    Attributes:
        method: ``reference``, or the method whose main model is trained: ``erm``, ``erm_es``,
            ``random``, ``dm`` or ``ftft``.
        data: Name of the data set.
        seed: The seed.
        reference: Name of the reference; None where there is none.
        main: Name of the main model; None for a reference.
        strategy: Selection strategy; None where everything is trained on.
        fraction: Share selected, likewise.
        budget: Share of ERM's steps, where it is one of the grid's.
    """

    method: str
    data: str
    seed: int
    reference: str | None = None
    main: str | None = None
    strategy: str | None = None
    fraction: float | None = None
    budget: float | None = None

    @property
    def id(self) -> str:
        """Says what it is, whatever else is in the study; its training's folder in the study."""
        return f"{self.data}/{self.training}"

    @property
    def training(self) -> str:
        """The stage of its training, with the seed."""
        return f"{self.places['main' if self.method == 'ftft' else self.method]}/seed-{self.seed}"

    @property
    def places(self) -> dict[str, str]:
        """Kind of stage to its folder below the data set's, of what it makes and what it reads."""
        if self.method == REFERENCE:
            return _below(self.reference, "reference", "map")
        at = "/".join(part for part in (self.main, self.reference, self._drawn) if part)
        if self.method == "ftft":
            places = _below(at, "selection", "main", "scores/ftft")
            return _below(self.reference, "reference", "map") | places
        if self.method == "random":
            return _below(at, "random-selection", "random", "scores/random")
        if self.method == "dm":
            places = _below(at, "dm-map", "dm-selection", "dm", "scores/dm")
            return _below(self.main, "erm") | places
        return _below(at, self.method, f"scores/{self.method}")

    @property
    def makes(self) -> frozenset[str]:
        """The stages that it makes; the others it only reads."""
        needs = self.needs
        read = frozenset() if needs is None else needs.makes
        return frozenset(f"{place}/seed-{self.seed}" for place in self.places.values()) - read

    @property
    def needs(self) -> Task | None:
        """The task that has to be finished before; None where there is none."""
        if self.method == "ftft":
            return Task(REFERENCE, self.data, self.seed, self.reference)
        if self.method == "dm":
            return Task("erm", self.data, self.seed, main=self.main)
        return None

    @property
    def _drawn(self) -> str:
        """Strategy, fraction and budget, as far as they matter to it."""
        numbers = [f"{x:{PLACES}}" for x in (self.fraction, self.budget) if x is not None]
        strategy = [self.strategy] if self.strategy is not None else []
        return "-".join([*strategy, *numbers])


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
    experiment = study.experiment(task.data, task.reference, task.main)
    selection = {"strategy": task.strategy, "fraction": task.fraction}
    if task.method == "random":
        del selection["strategy"]  # the stage says it itself
    given = {key: value for key, value in selection.items() if value is not None}
    changed = {
        "selection": experiment.selection.model_copy(update=given),
        "seeds": (task.seed,),
    }
    if task.budget is not None:
        changed["main"] = experiment.main.model_copy(update={"budget": task.budget})
    return experiment.model_copy(update=changed)


def variant_of(study: Study, task: Task) -> str:
    """What tells a task's runs from others that only differ in the budget; mostly nothing."""
    many = len(set(study.budgets)) > 1
    return f"budget {task.budget:{PLACES}}" if many and task.budget is not None else ""


_ORDER = (REFERENCE, "erm", "erm_es", "random", "dm", "ftft")


def _order(task: Task) -> int:
    return _ORDER.index(task.method)


def _of_data(study: Study, data: str, seed: int) -> Iterator[Task]:
    for reference, main in itertools.product(study.references, study.mains):
        experiment = study.experiment(data, reference, main)
        axes = (
            study.strategies or (experiment.selection.strategy,),
            study.fractions or (experiment.selection.fraction,),
            study.budgets or (experiment.main.budget,),
        )
        yield Task(REFERENCE, data, seed, reference)
        for method in ("erm", "erm_es"):
            if method in experiment.baselines:
                yield Task(method, data, seed, main=main)
        for strategy, fraction, budget in itertools.product(*axes):
            yield Task("ftft", data, seed, reference, main, strategy, fraction, budget)
            if "random" in experiment.baselines:
                yield Task("random", data, seed, None, main, None, fraction, budget)
            if "dm" in experiment.baselines:
                yield Task("erm", data, seed, main=main)
                yield Task("dm", data, seed, None, main, strategy, fraction)


def _below(name: str | None, *kinds: str) -> dict[str, str]:
    return {kind: f"{kind}/{name}" for kind in kinds}
