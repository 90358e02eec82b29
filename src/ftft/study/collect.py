"""Each data set's ``results.json``: every finished cell, with its cost against ERM's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ftft.experiment.collect import StagedRun, collect, erm_cost
from ftft.experiment.like_lengths import with_selected
from ftft.experiment.stages import Stages
from ftft.results.record import ErmCost, run_record
from ftft.study.grid import Task
from ftft.study.prepare import OpenStudy
from ftft.study.run_task import Done


@dataclass
class Collector:
    """What is finished, written down again whenever more is.

    Attributes:
        opened: The study.
        tasks: All its tasks, in their order.
        done: What the finished ones came to.
    """

    opened: OpenStudy
    tasks: Sequence[Task]
    done: dict[Task, Done] = field(default_factory=dict)
    _computed: dict[tuple[str, str | None, int], ErmCost] = field(default_factory=dict)
    _lengths: dict[tuple[Task, str], StagedRun] = field(default_factory=dict)

    def add(self, task: Task) -> bool:
        """Take a task in if it is finished, and say whether it is."""
        done = self.opened.finished(task)
        if done is not None:
            self.done[task] = done
        return done is not None

    def write(self, data: str, waiting: Collection[Task]) -> None:
        """Write a data set's results.

        Args:
            data: The data set.
            waiting: Tasks that are still to be done: where ERM is one of them, cells are left
                out until its cost is known.
        """
        records = []
        for task in self.tasks:
            done = self.done.get(task)
            if task.data != data or done is None or done.run is None:
                continue
            erm = self._erm(task, done.run, waiting)
            if erm is not None:
                records.append(run_record(self._measured(task, done.run), erm, done.scores))
        experiment = self.opened.study.experiment(data)
        collect(experiment, self.opened.data[data], self.opened.folder / data, records)

    def _measured(self, task: Task, run: StagedRun) -> StagedRun:
        """A run that knows how long its examples are, once there is a map of the same data.

        A random subset has no map of its own. Where there are several references, which may count
        tokens differently, that of the first is taken.
        """
        if run.selection is None or run.lengths is not None:
            return run
        others = (
            self.done.get(other)
            for other in self.tasks
            if (other.data, other.seed) == (task.data, task.seed)
        )
        maps = (other.run.datamap for other in others if other is not None and other.run)
        datamap = next((one for one in maps if one is not None), None)
        if datamap is None:
            return run
        key = (task, datamap.digest)
        if key not in self._lengths:
            self._lengths[key] = with_selected(run, datamap)
        return self._lengths[key]

    def _erm(self, task: Task, run: StagedRun, waiting: Collection[Task]) -> ErmCost | None:
        """What ERM costs: measured, or computed where it is not run or has failed."""
        erm = Task("erm", task.data, task.seed, main=task.main)
        measured = self.done.get(erm)
        if erm in waiting:
            return None
        runs = [run] if measured is None or measured.run is None else [measured.run]
        key = (task.data, task.main, task.seed)
        if measured is not None:
            return erm_cost(self._stages(task), task.seed, runs)
        if key not in self._computed:
            self._computed[key] = erm_cost(self._stages(task), task.seed, runs)
        return self._computed[key]

    def _stages(self, task: Task) -> Stages:
        return self.opened.stages(task, lambda line: None, reading=True)
