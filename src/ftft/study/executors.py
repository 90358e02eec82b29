"""Where tasks are done: in this process, or in several others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ftft.experiment.stages import Say
from ftft.study.grid import Task
from ftft.study.job import Job, Outcome, do
from ftft.study.prepare import OpenStudy
from ftft.utils.line import prefixed
from ftft.utils.process_pool import ProcessPool


class Engine(Protocol):
    """Something that does tasks."""

    @property
    def slots(self) -> int | None:
        """How many it does at a time; None where it takes all and nobody knows how many."""

    def submit(self, job: Job) -> None:
        """Take a task."""

    def wait(self) -> list[Outcome]:
        """Wait until at least one of the tasks taken has ended, and return those that have."""

    def close(self, *, stopped: bool) -> Sequence[Outcome]:
        """End; where the study was stopped, have what is running write checkpoints first.

        Returns:
            How that ended, as far as it is known.
        """


class ThisProcess:
    """Does one task after another in this process."""

    slots = 1

    def __init__(self, opened: OpenStudy, say: Say) -> None:
        self._opened, self._say = opened, say
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        """Take a task."""
        self._jobs.append(job)

    def wait(self) -> list[Outcome]:
        """Do the tasks taken."""
        jobs, self._jobs = self._jobs, []
        return [self._done(job) for job in jobs]

    def close(self, *, stopped: bool) -> Sequence[Outcome]:
        """Nothing runs beside this process."""
        return ()

    def _done(self, job: Job) -> Outcome:
        say = of(job, self._say)
        return do(job, lambda: self._opened.stages(job.task, say), say)


class Processes:
    """Does several tasks at a time, each in a process of its own.

    Args:
        count: How many, at least 1.
        say: Receives what they say.
        command: What starts a process somewhere else; empty: it runs on this machine.
        threads: With how many each computes; None: they share the cores of this machine.
    """

    def __init__(
        self, count: int, say: Say, *, command: Sequence[str] = (), threads: int | None = None
    ) -> None:
        self.slots, self._say = count, say
        ways: dict[str, Any] = {"command": command, "threads": threads}
        self._pool: ProcessPool[Task] = ProcessPool(count, "ftft.study.worker", say, **ways)

    def submit(self, job: Job) -> None:
        """Start a task."""
        say = of(job, self._say)
        self._pool.submit(job.task, job.to_json(), lambda _, text: say(text))

    def wait(self) -> list[Outcome]:
        """Wait for a process to end."""
        return [Outcome(one.key, one.problem, one.seconds) for one in self._pool.wait()]

    def close(self, *, stopped: bool) -> Sequence[Outcome]:
        """Stop what is running, after a checkpoint; a second Ctrl-C does not wait for it."""
        self._pool.close(stopped=stopped)
        return self.wait()


def of(job: Job, say: Say) -> Say:
    """Put a task's name before what is said of it."""
    return lambda line: say(prefixed(f"{job.task.id} | ", line))
