"""Where tasks are done: in this process, or in several others."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Protocol

from ftft.experiment.stages import Say
from ftft.study.job import Job, Outcome, do
from ftft.study.prepare import OpenStudy
from ftft.study.worker import launch


class Engine(Protocol):
    """Something that does tasks."""

    @property
    def slots(self) -> int | None:
        """How many it does at a time; None where it takes all and nobody knows how many."""

    def submit(self, job: Job) -> None:
        """Take a task."""

    def wait(self) -> list[Outcome]:
        """Wait until at least one of the tasks taken has ended, and return those that have."""

    def close(self, *, stopped: bool) -> None:
        """End; where the study was stopped, have what is running write checkpoints first."""


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

    def close(self, *, stopped: bool) -> None:
        """Nothing runs beside this process."""

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
        self.slots = count
        self._say, self._command = say, command
        self._threads = threads or max(1, _cores() // count)
        self._stopping = False
        self._pool = concurrent.futures.ThreadPoolExecutor(count)
        self._futures: set[concurrent.futures.Future[Outcome]] = set()
        self._processes: list[subprocess.Popen[str]] = []

    def submit(self, job: Job) -> None:
        """Start a task."""
        say = of(job, self._say)
        ways = (job, say, self._threads, self._started, self._command)
        self._futures.add(self._pool.submit(launch, *ways))

    def wait(self) -> list[Outcome]:
        """Wait for a process to end."""
        done, self._futures = concurrent.futures.wait(
            self._futures, return_when=concurrent.futures.FIRST_COMPLETED
        )
        return [future.result() for future in done]

    def close(self, *, stopped: bool) -> None:
        """Stop what is running, after a checkpoint; a second Ctrl-C does not wait for it."""
        try:
            if stopped:
                self._stopping = True
                self._each(subprocess.Popen.terminate)
                if self._futures:
                    self._say("waiting for checkpoints; Ctrl-C again stops at once")
            self._pool.shutdown(wait=True, cancel_futures=True)
        except BaseException:
            self._each(subprocess.Popen.kill)
            raise

    def _started(self, process: subprocess.Popen[str]) -> None:
        self._processes.append(process)
        if self._stopping:
            process.terminate()

    def _each(self, end: Callable[[subprocess.Popen[str]], None]) -> None:
        for process in self._processes:
            end(process)  # does nothing to one that has ended


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def of(job: Job, say: Say) -> Say:
    """Put a task's name before what is said of it."""
    return lambda line: say(f"{job.task.id} | {line.strip()}")
