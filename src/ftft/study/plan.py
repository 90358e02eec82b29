"""What a study would do: each training's steps and operations, before any is run."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from ftft.config.methods import REFERENCE
from ftft.config.schema import FineTuning
from ftft.experiment.chains import threads_of
from ftft.experiment.foreseen import Foreseen, recorded_speeds
from ftft.experiment.plans import erm_plan, method_plan
from ftft.experiment.stages import Stages
from ftft.study.grid import Task
from ftft.study.prepare import OpenStudy
from ftft.tasks import TASKS
from ftft.training.arguments import Plan, reference_plan
from ftft.training.erm_cost import plan_cost, planned_counter
from ftft.training.flops import FlopCounter


@dataclass(frozen=True)
class Planned:
    """One task as it would be done.

    Attributes:
        task: The task.
        finished: Whether it is finished.
        steps: Steps at most; where ``spends``, about how many.
        flops: About its operations if it takes all steps, training and scoring of development
            sets, as if its examples were as long as all are.
        readers: How many tasks build on it.
        again: Of one that was done before from other settings or data, what has changed.
    """

    task: Task
    finished: bool
    steps: int
    flops: float
    readers: int
    again: str = ""

    @property
    def spends(self) -> bool:
        """Whether its steps follow from what FTFT turns out to have cost."""
        return self.task.paid is not None


def plan(opened: OpenStudy) -> tuple[Planned, ...]:
    """Work out what a study would do; nothing is run or written.

    Args:
        opened: The study, checked.

    Returns:
        Its tasks in their order.
    """
    costs = _Costs(opened)
    readers = Counter(task.needs for task in opened.tasks)
    planned = []
    for task in opened.tasks:
        steps, finished = costs.plan(task).steps, opened.finished(task) is not None
        again = "" if finished else opened.again(task)
        planned.append(Planned(task, finished, steps, costs.flops(task), readers[task], again))
    return tuple(planned)


def shares_of_erm(planned: Sequence[Planned]) -> dict[str, float]:
    """Setting of FTFT to about what it costs over ERM, its reference counted in, by one seed.

    Args:
        planned: The plan of a study; settings without ERM beside them are left out.
    """
    flops = {one.task: one.flops for one in planned}
    erm = {(one.data, one.main): flops[one] for one in flops if one.method == "erm"}
    found: dict[str, float] = {}
    for task in (one for one in flops if one.method == "ftft"):
        whole, needs = erm.get((task.data, task.main)), task.needs
        if whole and needs in flops:
            setting = task.id.rpartition("/")[0]
            found.setdefault(setting, (flops[needs] + flops[task]) / whole)
    return found


def time_left(opened: OpenStudy, planned: Sequence[Planned], jobs: int = 1) -> float | None:
    """About how many seconds what is to be done takes.

    Args:
        opened: The study, checked.
        planned: Its plan.
        jobs: How many trainings at a time on this machine.

    Returns:
        By the speed of the trainings that this machine has finished on the same data, with as many
        threads as each is to have; None where of some data none is finished.
    """
    found: list[tuple[Task, float]] = []
    for name in opened.data:
        own = [one for one in planned if one.task.data == name]
        finished = [one.task.training for one in own if one.finished]
        waiting = [
            Foreseen(one.task.training, one.finished, one.steps, one.flops)
            for one in own
            if not one.finished
        ]
        speeds = recorded_speeds(opened.folder / name, finished, threads_of(jobs))
        seconds = speeds.each(waiting)
        if waiting and not seconds:
            return None
        tasks = [one.task for one in own if not one.finished]
        found += zip(tasks, seconds, strict=True)
    place = {one.task: at for at, one in enumerate(planned)}
    return makespan(sorted(found, key=lambda one: place[one[0]]), jobs)


def makespan(seconds: Sequence[tuple[Task, float]], jobs: int) -> float:
    """About how long tasks take, several at a time, each after the one that it needs.

    Args:
        seconds: Each task that is to be done and how long it takes, in the study's order.
        jobs: How many at a time.
    """
    places = {task: at for at, (task, _) in enumerate(seconds)}
    needs = [{places[task.needs]} if task.needs in places else () for task, _ in seconds]
    graph = TopologicalSorter(dict(enumerate(needs)))
    graph.prepare()
    ready: list[int] = []
    running: list[tuple[float, int]] = []
    now = 0.0
    while graph.is_active():
        ready = sorted([*ready, *graph.get_ready()])
        while ready and len(running) < jobs:
            at = ready.pop(0)
            heapq.heappush(running, (now + seconds[at][1], at))
        now, ended = heapq.heappop(running)
        graph.done(ended)
    return now


class _Costs:
    """Steps and operations of tasks; what tasks share is worked out once."""

    def __init__(self, opened: OpenStudy) -> None:
        self._opened = opened
        self._flops: dict[str, float] = {}
        self._counters: dict[str, FlopCounter] = {}
        self._found: dict[Task, Stages] = {}

    def plan(self, task: Task) -> Plan:
        """How long a task trains at most."""
        experiment = self._stages(task).experiment
        examples = len(self._opened.data[task.data].train)
        # Seeds shuffle batches, which changes next to nothing: one of them stands for all.
        seed, share = 0, 1.0
        if task.method == REFERENCE:
            return reference_plan(experiment.reference, examples, seed=seed)
        if task.paid is not None:
            needs = task.paid.needs
            spent = self.flops(task.paid) + (0.0 if needs is None else self.flops(needs))
            whole = erm_plan(experiment, examples, seed=seed)
            share = spent / self._of(task, experiment.main, whole)
        return method_plan(experiment, task.method, examples, seed=seed, share=share)

    def flops(self, task: Task) -> float:
        """About the operations of a task that takes all its steps."""
        experiment = self._stages(task).experiment
        settings = experiment.reference if task.method == REFERENCE else experiment.main
        return self._of(task, settings, self.plan(task))

    def _of(self, task: Task, settings: FineTuning, steps: Plan) -> float:
        model = f"{task.data} {settings!r}"
        key = f"{model} {steps!r}"
        if key not in self._flops:
            stages = self._stages(task)
            if model not in self._counters:
                classes, of = len(stages.data.class_names), TASKS[stages.experiment.task]
                self._counters[model] = planned_counter(settings, classes, of)
            train, dev = stages.lengths(settings)
            cost = plan_cost(settings, steps, train, dev, counter=self._counters[model])
            self._flops[key] = cost.total.flops
        return self._flops[key]

    def _stages(self, task: Task) -> Stages:
        if task not in self._found:
            self._found[task] = self._opened.stages(task, lambda line: None, reading=True)
        return self._found[task]
