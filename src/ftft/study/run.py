"""A study from beginning to end: each task once, in an order in which it can be done."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from ftft.config.load_study import origin_line
from ftft.config.study import Study
from ftft.config.yaml_core import dump
from ftft.errors import ConfigError, WorkspaceError
from ftft.experiment.pipeline import chosen_stages
from ftft.experiment.stages import Say
from ftft.study.collect import Collector
from ftft.study.executors import Engine
from ftft.study.grid import Task, experiment_of, tasks
from ftft.study.job import Job, Outcome
from ftft.study.prepare import OpenStudy, open_study
from ftft.utils import distributed, signals
from ftft.utils.atomic import write_text
from ftft.utils.process import HowStopped, saved_of
from ftft.utils.signals import OVER, RESUMES, Stopped
from ftft.workspace.layout import STUDY_NAME, STUDY_TITLE
from ftft.workspace.stage_record import has_checkpoints
from ftft.workspace.workspace import Workspace

MakeEngine = Callable[[OpenStudy, Say], Engine]


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes:
        ended: Tasks that have ended, finished before or failed.
        total: All tasks.
        last: The one that ended last; None at the beginning.
        seconds_left: Estimated seconds to the end; None where nothing is known yet.
    """

    ended: int
    total: int
    last: Outcome | None
    seconds_left: float | None


@dataclass(frozen=True)
class Finished:
    """What became of a study.

    Attributes:
        folder: The study folder.
        total: Number of its tasks.
        reused: How many of them were finished before.
        failures: Task to what went wrong.
    """

    folder: Path
    total: int
    reused: int
    failures: Mapping[Task, str]


def run_study(
    study: Study,
    folder: Path,
    engine: MakeEngine,
    say: Say,
    progress: Callable[[Progress], None],
    force: Sequence[str] = (),
) -> Finished:
    """Run a study; tasks that were finished before are not run again, and none stops another.

    Args:
        study: The study.
        folder: The study folder.
        engine: Makes what does the tasks.
        say: Receives a line for each step.
        progress: Called at the beginning and whenever a task has ended.
        force: Stages to run again though they are finished or damaged.

    Returns:
        What became of it. Each data set's results are in its ``results.json``.

    Raises:
        FtftError: The data, a model or the folder is not as it should be. Whatever can be
            checked is checked before anything is written.
    """
    if distributed.count() > 1:
        raise ConfigError(
            "a study starts its own processes: start it without torchrun or accelerate, and give "
            "--jobs or --engine."
        )
    opened = open_study(study, folder, say)
    chosen = _chosen(study, force)
    with Workspace(folder).locked():
        _write_asked(study, folder)
        for data, names in chosen.items():
            workspace = Workspace(folder / data)
            for name in names:
                workspace.force(name)
        return _Run(opened, say, progress).through(engine)


class _Run:
    """The tasks of a study while they are done."""

    def __init__(self, opened: OpenStudy, say: Say, progress: Callable[[Progress], None]) -> None:
        self.opened, self.say, self.progress = opened, say, progress
        self.tasks = opened.tasks
        self.collector = Collector(opened, self.tasks)
        self.waiting = dict.fromkeys(self.tasks)
        self.place = {task: place for place, task in enumerate(self.tasks)}
        self.failures: dict[Task, str] = {}
        self.outcomes: list[Outcome] = []
        self.running: dict[Task, None] = {}

    def through(self, make_engine: MakeEngine) -> Finished:
        for task in self.tasks:
            if self.collector.add(task):
                del self.waiting[task]
        reused = len(self.collector.done)
        for data in self.opened.study.data:
            self.collector.write(data, self.waiting)
        self._tell(None, 1)
        if self.waiting:
            self._do_by(make_engine(self.opened, self.say), reused)
        return Finished(self.opened.folder, len(self.tasks), reused, self.failures)

    def _do_by(self, engine: Engine, reused: int) -> None:
        try:
            self._do_all(engine)
        except Stopped as stop:
            ended: Sequence[Outcome] = ()
            with contextlib.suppress(Stopped):  # a second Ctrl-C, which waits for nothing
                ended = engine.close(stopped=True)
            signals.forget()
            with contextlib.suppress(Stopped):
                stop.resumes = reused > 0
                self._tell_of(stop, ended, engine.slots)
            raise
        except BaseException:
            engine.close(stopped=True)
            raise
        engine.close(stopped=False)

    def _do_all(self, engine: Engine) -> None:
        graph = TopologicalSorter(
            {task: _needs(task) & self.waiting.keys() for task in self.waiting}
        )
        graph.prepare()
        ready: list[Task] = []
        while graph.is_active():
            ready = sorted([*ready, *graph.get_ready()], key=self.place.__getitem__)
            while ready and (engine.slots is None or len(self.running) < engine.slots):
                task = ready.pop(0)
                blocked = next((one for one in _needs(task) if one in self.failures), None)
                if blocked is not None:
                    problem = f"not run, since {blocked.id} failed"
                    self._ended(Outcome(task, problem, 0.0), engine.slots)
                    graph.done(task)
                    continue
                engine.submit(self._job(task))
                self.running[task] = None
            for outcome in engine.wait() if self.running else ():
                self._ended(outcome, engine.slots)
                del self.running[outcome.task]
                graph.done(outcome.task)

    def _tell_of(self, stop: Stopped, ended: Sequence[Outcome], slots: int | None) -> None:
        """Note with a stop what was finished, and what is saved, by the time that all have stopped.

        Args:
            stop: The stop; what it names is of the task that was running in this process.
            ended: How those ended that were running in others, as far as it is known.
            slots: How many are done at a time; None where those that wait count as running.
        """
        finished = [one.task.id for one in self.outcomes if one.task not in self.failures]
        problems = {one.task: one.problem or "" for one in ended}
        stage, saved, stop.stage, stop.saved = stop.stage, stop.saved, None, ""
        stop.finished = tuple(finished)
        for task in self.running:
            if task.id in stop.finished:
                continue
            if self.opened.trained(task):
                stop.finished += (task.id,)
                continue
            problem = problems.get(task, "")
            if problem and not isinstance(problem, HowStopped):
                self.say(f"{task.id}: {problem}")
            words = saved if stage == task.training else saved_of(task.training, problem)
            if not words and has_checkpoints(self.opened.folder / task.id):
                words = RESUMES
            stop.resumes = stop.resumes or bool(words)
            if words or slots is not None:
                stop.others += (f"{task.id} {words or OVER}",)

    def _job(self, task: Task) -> Job:
        return Job(task, experiment_of(self.opened.study, task), self.opened.folder)

    def _ended(self, outcome: Outcome, slots: int | None) -> None:
        task = outcome.task
        del self.waiting[task]
        self.outcomes.append(outcome)
        problem = outcome.problem
        if problem is None and not self.collector.add(task):
            problem = (
                "it ended, but its files are not there as they were written; give the same command "
                "again"
            )
        if problem is not None:
            self.failures[task] = problem
        self.collector.write(task.data, self.waiting)
        self._tell(Outcome(task, problem, outcome.seconds), slots)

    def _tell(self, last: Outcome | None, slots: int | None) -> None:
        ended = len(self.tasks) - len(self.waiting)
        left = seconds_left(self.outcomes, tuple(self.waiting), slots)
        self.progress(Progress(ended, len(self.tasks), last, left))


def seconds_left(
    outcomes: Sequence[Outcome], waiting: Sequence[Task], slots: int | None
) -> float | None:
    """How long the rest takes, if a task takes as long as those of its method took so far.

    Args:
        outcomes: Tasks that were done.
        waiting: Tasks that are to be done.
        slots: How many are done at a time; None where nobody knows.

    Returns:
        Seconds; None where no task of any method has been done, or nobody knows how many are done
        at a time.
    """
    took: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.problem is None:
            took.setdefault(outcome.task.method, []).append(outcome.seconds)
    if not took or slots is None:
        return None
    means = {method: statistics.fmean(seconds) for method, seconds in took.items()}
    usual = statistics.fmean(means.values())
    total = sum(means.get(task.method, usual) for task in waiting)
    return total / max(1, min(slots, len(waiting)))


def _needs(task: Task) -> set[Task]:
    return set() if task.needs is None else {task.needs}


def _chosen(study: Study, force: Sequence[str]) -> dict[str, list[str]]:
    """Data set to the stages of it that are meant, with or without the data set's name."""
    names = [f"{task.data}/{stage}" for task in tasks(study) for stage in sorted(task.makes)]
    asked = [
        one if one.strip("/").partition("/")[0] in study.data else f"{data}/{one.strip('/')}"
        for one in force
        for data in study.data
    ]
    chosen: dict[str, list[str]] = {}
    for name in chosen_stages(list(dict.fromkeys(asked)), names):
        data, _, stage = name.partition("/")
        chosen.setdefault(data, []).append(stage)
    return chosen


def _write_asked(study: Study, folder: Path) -> None:
    content = dump(dict(study.asked))
    write_text(folder / STUDY_NAME, STUDY_TITLE + origin_line(study) + content, WorkspaceError)
