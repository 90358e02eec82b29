"""Several processes at a time, each with work of its own; stopped together, with checkpoints."""

from __future__ import annotations

import concurrent.futures
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ftft.utils.environment import JOBS
from ftft.utils.process import Launch, Say

T = TypeVar("T")
_GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Ended(Generic[T]):
    """How some work ended.

    Attributes:
        key: What it was submitted as.
        problem: What went wrong; None where nothing did.
        seconds: How long it took.
    """

    key: T
    problem: str | None
    seconds: float


class ProcessPool(Generic[T]):
    """Does several pieces of work at a time, each in a process of its own.

    On this machine they share the cores, and each has a GPU to itself as far as there are several.

    Args:
        count: How many at a time, at least 1.
        module: What the processes run; it calls :func:`ftft.utils.process.serve`.
        say: Receives a line where checkpoints are waited for.
        command: What starts a process somewhere else; empty: it runs on this machine.
        threads: With how many each computes; None: they share the cores of this machine.
    """

    def __init__(
        self,
        count: int,
        module: str,
        say: Say,
        *,
        command: Sequence[str] = (),
        threads: int | None = None,
    ) -> None:
        self._module, self._say, self._command = module, say, command
        self._threads = threads or share_of_cores(count)
        self._stopping = False
        self._pool = concurrent.futures.ThreadPoolExecutor(count)
        self._futures: set[concurrent.futures.Future[Ended[T]]] = set()
        self._processes: list[subprocess.Popen[str]] = []
        self._places: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        for place in range(count):
            self._places.put({JOBS: ""} if command else {JOBS: str(count), **_gpu_of(place)})

    def submit(self, key: T, work: str, hear: Callable[[str, str], None]) -> None:
        """Start some work; see :meth:`ftft.utils.process.Launch.do`."""
        self._futures.add(self._pool.submit(self._do, key, work, hear))

    def wait(self) -> list[Ended[T]]:
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
                    self._say("waiting for checkpoints; Ctrl-C stops at once")
            self._pool.shutdown(wait=True, cancel_futures=True)
            # Nobody would ever hear of what was not begun.
            self._futures = {future for future in self._futures if not future.cancelled()}
        except BaseException:
            self._each(subprocess.Popen.kill)
            raise

    def _do(self, key: T, work: str, hear: Callable[[str, str], None]) -> Ended[T]:
        begun, place = time.perf_counter(), self._places.get()
        try:
            launch = Launch(self._module, self._threads, self._command, place, self._started)
            problem = launch.do(work, hear)
        finally:
            self._places.put(place)
        return Ended(key, problem, time.perf_counter() - begun)

    def _started(self, process: subprocess.Popen[str]) -> None:
        self._processes.append(process)
        if self._stopping:
            process.terminate()

    def _each(self, end: Callable[[subprocess.Popen[str]], None]) -> None:
        for process in self._processes:
            end(process)  # does nothing to one that has ended


def share_of_cores(count: int) -> int:
    """With how many threads each of several processes computes; OMP_NUM_THREADS overrides it."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else max(1, cores() // count)


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpu_of(place: int) -> dict[str, str]:
    """What shows a process one of several GPUs; where there are fewer, processes share them."""
    named = os.environ.get(_GPUS)
    if named is None:
        torch = sys.modules.get("torch")  # what has to do with models has imported it
        gpus = [str(gpu) for gpu in range(torch.cuda.device_count())] if torch else []
    else:
        gpus = [one.strip() for one in named.split(",") if one.strip()]
    return {_GPUS: gpus[place % len(gpus)]} if len(gpus) > 1 else {}
