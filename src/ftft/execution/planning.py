"""What a study would do: each training's steps and operations, before any is run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ftft.config.schema import Experiment, FineTuning
from ftft.execution.opening import OpenStudy
from ftft.stages import DEFAULT_PATIENCE, Stages
from ftft.study.grid import REFERENCE, Task, tasks
from ftft.training.arguments import Plan, main_plan, reference_plan
from ftft.training.cost import Amount, TrainingCost
from ftft.training.flops import FlopCounter
from ftft.training.yardstick import plan_cost, planned_counter


@dataclass(frozen=True)
class Planned:
    """One task as it would be done.

    Attributes:
        task: The task.
        finished: Whether it is finished.
        steps: Steps at most.
        flops: Operations at most, training and scoring of development sets, as if its examples
            were as long as all are.
        readers: How many tasks build on it.
    """

    task: Task
    finished: bool
    steps: int
    flops: float
    readers: int


def plan(opened: OpenStudy) -> tuple[Planned, ...]:
    """Work out what a study would do; nothing is run or written.

    Args:
        opened: The study, checked.

    Returns:
        Its tasks in their order.
    """
    found = tasks(opened.study)
    computed: dict[str, float] = {}
    counters: dict[str, FlopCounter] = {}
    planned = []
    for task in found:
        stages = opened.stages(task, lambda line: None, reading=True)
        settings, steps = _training(stages.experiment, task, len(stages.data.train))
        # Seeds shuffle batches, which changes next to nothing: one of them stands for all.
        one = replace(steps, seed=0)
        key = f"{task.data} {settings!r} {one!r}"
        if key not in computed:
            model = f"{task.data} {settings!r}"
            if model not in counters:
                counters[model] = planned_counter(settings, len(stages.data.class_names))
            computed[key] = _flops(counters[model], stages, settings, one)
        readers = sum(other.needs == task for other in found)
        finished = opened.finished(task) is not None
        planned.append(Planned(task, finished, steps.steps, computed[key], readers))
    return tuple(planned)


def _training(experiment: Experiment, task: Task, examples: int) -> tuple[FineTuning, Plan]:
    main, seed = experiment.main, task.seed
    if task.method == REFERENCE:
        return experiment.reference, reference_plan(experiment.reference, examples, seed=seed)
    budget, patience = 1.0, None
    if task.method == "erm_es":
        patience = main.patience or DEFAULT_PATIENCE
    elif task.method != "erm":
        settings = experiment.dm if task.method == "dm" else main
        budget, patience = settings.budget, settings.patience
    return main, main_plan(main, examples, budget=budget, patience=patience, seed=seed)


def _flops(counter: FlopCounter, stages: Stages, settings: FineTuning, steps: Plan) -> float:
    nothing = TrainingCost(Amount(), Amount())
    train = stages.encodings.encoded(settings, stages.data.train)
    cost = plan_cost(counter, settings, steps, train, stages.dev(settings), nothing)
    return cost.total.flops
