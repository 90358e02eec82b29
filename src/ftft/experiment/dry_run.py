"""What a run would do: which stages it would run, at what cost, and which it would reuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ftft.config.schema import Experiment, FineTuning
from ftft.data.dataset import TaskData
from ftft.evaluation.training import Training
from ftft.experiment.like_lengths import select_like
from ftft.experiment.maps import DrawnMap, draw_map
from ftft.experiment.selections import Selected, select_at_random, select_examples
from ftft.experiment.stages import Say, Stages
from ftft.experiment.trainings import train_erm, train_main, train_main_for, train_reference
from ftft.tasks import TASKS
from ftft.tasks.classification import CLASSIFICATION
from ftft.training.arguments import Plan, equal_cost_plan, main_plan, reference_plan
from ftft.training.erm_cost import plan_cost, planned_counter
from ftft.training.flops import FlopCounter
from ftft.workspace.preview import Preview
from ftft.workspace.stage import Stage
from ftft.workspace.workspace import NotFinishedError

T = TypeVar("T")


@dataclass(frozen=True)
class Foreseen:
    """A training as it would be done.

    Attributes:
        name: The stage, such as ``main/seed-0``.
        reused: Whether it is finished from the same settings, data and models.
        steps: Steps at most.
        flops: Operations at most, scoring of development sets included, as if what is selected
            were as long as all examples are.
    """

    name: str
    reused: bool
    steps: int
    flops: float


@dataclass(frozen=True)
class Foresight:
    """What a run would do.

    Attributes:
        trainings: Those of all seeds, in the order of the pipeline.
        cut: Model to training examples of which it would not see the end.
    """

    trainings: tuple[Foreseen, ...]
    cut: dict[str, int]

    @property
    def share_of_erm(self) -> float | None:
        """What FTFT costs at most over what ERM costs, the reference counted in, of the first seed.

        None where ERM is not run.
        """
        flops = {one.name.partition("/")[0]: one.flops for one in reversed(self.trainings)}
        return (flops["reference"] + flops["main"]) / flops["erm"] if "erm" in flops else None


def foresee(experiment: Experiment, data: TaskData, folder: str, say: Say) -> Foresight:
    """Work out which trainings a run would do; nothing is run or written.

    Args:
        experiment: What to do, checked.
        data: Its data.
        folder: The run folder; it need not be there.
        say: Receives a line for each stage that is finished, or that is run again and why.
    """
    stages = Stages(experiment, data, Preview(folder), say)
    dry = _DryRun(stages)
    models = (experiment.reference, experiment.main)
    return Foresight(
        tuple(one for seed in experiment.seeds for one in dry.trainings(seed)),
        {f"{one.label}, max_length {one.max_length}": texts_cut(stages, one) for one in models},
    )


def texts_cut(stages: Stages, settings: FineTuning) -> int:
    """How many training examples have more tokens than a model keeps.

    Of tasks whose examples are more than one sequence those that have as many count, too.
    """
    train = stages.encodings.encoded(settings, stages.data.train)
    long = np.flatnonzero(train.lengths >= settings.max_length)
    if not len(long) or train.labelled.task != CLASSIFICATION.name:
        return len(long)
    names = [f"text_{place}" for place in range(train.labelled.num_texts)]
    texts = [train.labelled.table.column(name).take(long).to_pylist() for name in names]
    whole = stages.encodings.tokenizer(settings)(*texts, truncation=False, verbose=False)
    return sum(len(one) > settings.max_length for one in whole["input_ids"])


@dataclass(frozen=True)
class _DryRun:
    """The pipeline's order, with what cannot be known before a stage has run left open."""

    stages: Stages
    _counters: dict[str, FlopCounter] = field(default_factory=dict)

    def trainings(self, seed: int) -> Iterator[Foreseen]:
        """The trainings of a seed, in the order of the pipeline."""
        stages, main = self.stages, self.stages.experiment.main
        examples, baselines = len(stages.data.train), stages.experiment.baselines
        reference = _found(lambda: train_reference(stages, seed))
        planned = reference_plan(stages.experiment.reference, examples, seed=seed)
        first = self._foreseen("reference", reference, stages.experiment.reference, planned)
        yield first
        datamap = self._drawn("map", reference, seed)
        chosen = self._selected("selection", datamap, reference, seed)
        plan = main_plan(main, examples, budget=main.budget, patience=main.patience, seed=seed)
        trained = self._main("main", chosen, seed)
        ftft = self._foreseen("main", trained, main, plan)
        yield ftft
        whole = main_plan(main, examples, budget=1.0, patience=None, seed=seed)
        erm = _found(lambda: train_erm(stages, seed)) if {"erm", "dm"} & {*baselines} else None
        full = self._foreseen("erm", erm, main, whole)
        if {"erm", "dm"} & {*baselines}:
            yield full
        if "erm_es" in baselines:
            early = _found(lambda: train_erm(stages, seed, stop_early=True))
            yield self._foreseen("erm_es", early, main, whole)
        share = (first.flops + ftft.flops) / full.flops
        equal = equal_cost_plan(main, examples, share=share, seed=seed)
        paid = None if reference is None or trained is None else _flops(reference) + _flops(trained)
        if "erm_budget" in baselines:
            found = self._paid("erm_budget", paid, seed)
            yield self._foreseen("erm_budget", found, main, equal)
        subset = None
        if {"random", "random_budget"} & {*baselines}:
            subset = _found(lambda: select_at_random(stages, "random-selection", seed))
        if "random" in baselines:
            yield self._foreseen("random", self._main("random", subset, seed), main, plan)
        if "random_budget" in baselines:
            found = None if subset is None else self._paid("random_budget", paid, seed, subset)
            yield self._foreseen("random_budget", found, main, equal)
        if "random_lengths" in baselines:
            like = self._like(datamap, chosen, seed)
            yield self._foreseen(
                "random_lengths", self._main("random_lengths", like, seed), main, plan
            )
        if "dm" in baselines:
            dm = stages.experiment.dm
            second = main_plan(main, examples, budget=dm.budget, patience=dm.patience, seed=seed)
            second_map = self._drawn("dm-map", erm, seed)
            chosen = self._selected("dm-selection", second_map, erm, seed)
            trained = (
                None
                if chosen is None
                else _found(lambda: train_main(stages, "dm", chosen, seed, dm.budget, dm.patience))
            )
            yield self._foreseen("dm", trained, main, second)

    def _paid(
        self, name: str, flops: float | None, seed: int, selection: Stage[Selected] | None = None
    ) -> Stage[Training] | None:
        """A training for what FTFT cost, if that is known."""
        if flops is None:
            return None
        return _found(lambda: train_main_for(self.stages, name, flops, seed, selection))

    def _drawn(
        self, name: str, trained: Stage[Training] | None, seed: int
    ) -> Stage[DrawnMap] | None:
        if trained is None:
            return None
        return _found(lambda: draw_map(self.stages, name, trained, seed))

    def _selected(
        self,
        name: str,
        datamap: Stage[DrawnMap] | None,
        trained: Stage[Training] | None,
        seed: int,
    ) -> Stage[Selected] | None:
        if datamap is None or trained is None:
            return None
        return _found(lambda: select_examples(self.stages, name, datamap, trained, seed))

    def _like(
        self, datamap: Stage[DrawnMap] | None, like: Stage[Selected] | None, seed: int
    ) -> Stage[Selected] | None:
        if datamap is None or like is None:
            return None
        name = "like-lengths-selection"
        return _found(lambda: select_like(self.stages, name, datamap, like, seed))

    def _main(
        self, name: str, selection: Stage[Selected] | None, seed: int
    ) -> Stage[Training] | None:
        main = self.stages.experiment.main
        if selection is None:
            return None
        ways = (selection, seed, main.budget, main.patience)
        return _found(lambda: train_main(self.stages, name, *ways))

    def _foreseen(
        self, name: str, stage: Stage[Training] | None, settings: FineTuning, plan: Plan
    ) -> Foreseen:
        data, train = (
            self.stages.data,
            self.stages.encodings.encoded(settings, self.stages.data.train),
        )
        if settings.model_dump_json() not in self._counters:
            task = TASKS[self.stages.experiment.task]
            counter = planned_counter(settings, len(data.train.model_classes), task)
            self._counters[settings.model_dump_json()] = counter
        counter = self._counters[settings.model_dump_json()]
        cost = plan_cost(settings, plan, train, self.stages.dev(settings), counter=counter)
        called = f"{name}/seed-{plan.seed}"
        return Foreseen(called, stage is not None, plan.steps, cost.total.flops)


def _flops(stage: Stage[Training]) -> float:
    return stage.result.cost.total.flops


def _found(look: Callable[[], T]) -> T | None:
    """A finished stage; None where it would be run."""
    try:
        return look()
    except NotFinishedError:
        return None
