"""Tasks on a Ray cluster; Ray decides what runs where, from what a cell needs.

The study folder, the data and the models must be seen under the same paths by all machines.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from ftft.config.study import Resources
from ftft.errors import ConfigError
from ftft.study.executors import of
from ftft.study.job import Job, Outcome
from ftft.study.worker import launch

_POLL_SECONDS = 0.5
_STOP_SECONDS = 60.0
# It takes ten seconds on two cores, five times that beside other work.
_START_SECONDS = 180.0


class Ray:
    """Does tasks on the cluster that RAY_ADDRESS names, or on one started on this machine.

    Args:
        resources: What one task needs.

    Raises:
        ConfigError: Ray is not installed, cannot be started or does not do a task in time, or no
            machine has what a task needs.
    """

    # Ray queues what does not fit.
    slots = None

    def __init__(self, resources: Resources) -> None:
        self._ray = _ray()
        self._jobs: dict[Any, Job] = {}
        self._ours = not self._ray.is_initialized()
        self._closed = threading.Event()
        _connect(self._ray, self._closed, start=self._ours)
        _check_fits(self._ray, resources)
        remote = self._ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)
        self._do = remote(_do)
        self._threads = resources.cpus

    def submit(self, job: Job) -> None:
        """Queue a task."""
        self._jobs[self._do.remote(job.to_json(), self._threads)] = job

    def wait(self) -> list[Outcome]:
        """Wait for a task to end."""
        done: list[Any] = []
        while not done:
            # Short waits, since a signal is seen between them.
            done, _ = self._ray.wait(list(self._jobs), timeout=_POLL_SECONDS)
        return [self._outcome(one, self._jobs.pop(one)) for one in done]

    def close(self, *, stopped: bool) -> Sequence[Outcome]:
        """Cancel what is running where the study was stopped; leave the cluster."""
        if stopped:
            for one in self._jobs:
                self._ray.cancel(one, force=False)
            # A cancelled task ends once its process has written a checkpoint.
            self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=_STOP_SECONDS)
        if self._ours:
            self._ray.shutdown()
        self._closed.set()
        return ()

    def _outcome(self, one: Any, job: Job) -> Outcome:
        try:
            problem, seconds = self._ray.get(one)
        except self._ray.exceptions.RayError as error:
            first = str(error).strip().partition("\n")[0]
            return Outcome(job.task, f"Ray lost it ({type(error).__name__}: {first})", 0.0)
        return Outcome(job.task, problem, seconds)


def _do(text: str, threads: int) -> tuple[str | None, float]:
    """Do a task in a process of its own on the machine that Ray chose."""
    running: list[Any] = []
    job = Job.from_json(text)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        outcome = launch(job, of(job, say), threads, running.append)
    except BaseException:  # cancelled
        for process in running:
            process.terminate()
            process.wait()
        raise
    return outcome.problem, outcome.seconds


def _ray() -> Any:
    # Figures about the use of Ray are sent to its makers unless this is set.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise ConfigError(
            "--engine ray: Ray is not installed; install it with pip install 'ftft[ray]', or "
            "leave --engine out to run on this machine."
        ) from None
    return ray


def _connect(ray: Any, closed: threading.Event, *, start: bool) -> None:
    """Start or join a cluster, and see that it does a task.

    In a thread of its own: Ray may wait for ever, and in the main thread it takes SIGTERM. The
    thread stays until ``closed``, since Ray's processes end with the thread that started them.
    """
    problems: list[Exception] = []
    answered = threading.Event()

    def connect() -> None:
        try:
            if start:
                ray.init(include_dashboard=False, configure_logging=False)
            ray.get(ray.remote(num_cpus=0)(_ready).remote(), timeout=_START_SECONDS)
        # Any exception: for a node that starts too late Ray has no class of its own.
        except Exception as error:
            problems.append(error)
            closed.set()
        answered.set()
        closed.wait()

    # It would warn that it cannot take SIGTERM here.
    logging.getLogger("ray._private.worker").setLevel(logging.ERROR)
    threading.Thread(target=connect, name="ray", daemon=True).start()
    in_time = answered.wait(_START_SECONDS)
    if in_time and not problems:
        return
    reason = f"it was not ready after {_START_SECONDS:g} seconds"
    if in_time:
        first = " ".join(str(problems[0]).split("\n\n")[0].split())
        reason = f"{type(problems[0]).__name__}: {first[:500]}"
    where = os.environ.get("RAY_ADDRESS", "a cluster on this machine")
    raise ConfigError(
        f"--engine ray: {where} cannot be used ({reason}); see that `ray status` answers and that "
        "the address in RAY_ADDRESS, if any, is right. On a busy or small machine start the "
        "cluster before with `ray start --head`, set RAY_ADDRESS=auto and give the same command "
        "again, or leave --engine out."
    ) from (problems[0] if in_time else None)


def _ready() -> None:
    """Something to do for a cluster that is to show that it does something."""


def _check_fits(ray: Any, resources: Resources) -> None:
    """Refuse what no machine has: Ray would wait for one for ever."""
    wanted = {"CPU": float(resources.cpus), "GPU": resources.gpus}
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(one.get(key, 0) >= n for key, n in wanted.items()) for one in machines):
        found = "; ".join(
            f"{one.get('CPU', 0):g} CPUs, {one.get('GPU', 0):g} GPUs" for one in machines
        )
        raise ConfigError(
            f"resources: a cell needs {resources.cpus} CPUs and {resources.gpus:g} GPUs, but no "
            f"machine of the cluster has them ({found}); lower resources in the study file."
        )
