"""One task as something that another process can be given, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ftft.config.schema import Experiment
from ftft.experiment.stages import Say, Stages
from ftft.study.grid import Task
from ftft.study.run_task import perform
from ftft.utils.process import problem_of
from ftft.workspace.lock import held_part


@dataclass(frozen=True)
class Job:
    """A task with all that it takes to do it.

    Attributes:
        task: The task.
        experiment: The experiment that it is part of.
        folder: The study folder.
    """

    task: Task
    experiment: Experiment
    folder: Path

    def to_json(self) -> str:
        """As one line."""
        experiment = self.experiment.model_dump(mode="json")
        values = {"task": asdict(self.task), "experiment": experiment, "folder": str(self.folder)}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of :meth:`to_json`."""
        values = json.loads(text)
        experiment = Experiment.model_validate(values["experiment"])
        paid = values["task"]["paid"]
        task = Task(**{**values["task"], "paid": None if paid is None else Task(**paid)})
        return cls(task, experiment, Path(values["folder"]))


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        task: The task.
        problem: What went wrong; None where nothing did.
        seconds: How long it took.
    """

    task: Task
    problem: str | None
    seconds: float


def do(job: Job, stages: Callable[[], Stages], say: Say) -> Outcome:
    """Do a task; whatever goes wrong with it is its outcome.

    Args:
        job: What to do.
        stages: Gives the task's stages.
        say: Receives a line about a wait for a process that a killed study left behind.

    Raises:
        Stopped: The process was asked to stop.
    """
    start = time.perf_counter()

    def done() -> None:
        with held_part(job.folder, job.task.id, say):
            perform(stages(), job.task)

    return Outcome(job.task, problem_of(done), time.perf_counter() - start)
