"""One task as something that another process can be given, and what comes back."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ftft.config.schema import Experiment
from ftft.errors import FtftError, WorkspaceError
from ftft.experiment.stages import Say, Stages
from ftft.study.grid import Task
from ftft.study.run_task import perform
from ftft.workspace.lock import held

LOCKS = ".locks"
ORPHAN_SECONDS = 300.0
"""How long to wait for a process that a killed study left behind; it writes a checkpoint."""


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
    start, problem = time.perf_counter(), None
    try:
        # Two studies cannot hold one folder, so whoever is at work on this task was left behind by
        # a study that was killed: it writes a checkpoint and ends, from which this one resumes.
        with held(_lock_folder(job), ORPHAN_SECONDS, lambda name: say(f"waiting for {name}")):
            perform(stages(), job.task)
    except FtftError as error:
        problem = str(error)
    except Exception as error:  # a defect or a full memory must not end the other cells
        if os.environ.get("FTFT_DEBUG"):
            traceback.print_exc()
        text = str(error).strip()
        first = text.splitlines()[0] if text else "no more is known"
        problem = f"unexpected {type(error).__name__}: {first} (--debug shows where)"
    return Outcome(job.task, problem, time.perf_counter() - start)


def _lock_folder(job: Job) -> Path:
    """Where a task is locked: apart from its stages, whose folders come and go."""
    folder = job.folder / LOCKS / job.task.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{folder}: cannot be made ({error.strerror or error}); check the study folder's "
            "permissions and the space left on the disk."
        ) from error
    return folder
