"""A task in a process of its own: how it is started, and what it does there.

The process reads the task, a line of JSON, from standard input and writes what it has to say, a
line of JSON each, to standard output. When its standard input ends, whoever started it is gone,
and it stops as on SIGTERM, with a checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from ftft.experiment.stages import Say, Stages
from ftft.study.job import Job, Outcome, do
from ftft.utils.signals import OVER, Stopped, stoppable

Started = Callable[[subprocess.Popen[str]], Any]
_LAST = 2_000


def launch(
    job: Job,
    say: Say,
    threads: int,
    started: Started | None = None,
    command: Sequence[str] = (),
) -> Outcome:
    """Do a task in a new process and wait for it.

    Args:
        job: The task.
        say: Receives what the process says.
        threads: Threads it computes with, where the environment does not say.
        started: Given the process, to stop it.
        command: What starts the process somewhere else, such as ``srun``; empty: it runs here.
    """
    begun = time.perf_counter()
    with contextlib.ExitStack() as opened:
        try:
            errors = opened.enter_context(
                tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
            )
            process = _start(errors, threads, command)
        except OSError as error:
            reason = f"its process cannot be started ({error.strerror or error})"
            return Outcome(job.task, reason, time.perf_counter() - begun)
        if started is not None:
            started(process)
        problem = _followed(process, job, say)
        if os.environ.get("FTFT_DEBUG"):
            errors.seek(0)
            sys.stderr.write(errors.read())
        if problem == "":
            problem = _died(process.returncode, errors)
    return Outcome(job.task, problem, time.perf_counter() - begun)


def _start(errors: IO[str], threads: int, command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, sys.executable, "-m", "ftft.study.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="utf-8",
        errors="replace",
        env={"OMP_NUM_THREADS": str(threads), **_environment(command)},
        # A Ctrl-C is for the study, which tells its processes.
        start_new_session=True,
    )


def _environment(command: Sequence[str]) -> dict[str, str]:
    """This process's own, without the job that it may be part of where another one is asked for."""
    outside = [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]
    left_out = outside if command else []
    return {name: value for name, value in os.environ.items() if name not in left_out}


def _followed(process: subprocess.Popen[str], job: Job, say: Say) -> str | None:
    """The problem that the process reports; None for none, empty where it ended in silence."""
    problem: str | None = ""
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(job.to_json() + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            # It died while it started; how is said below. Closing writes once more what is left.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        for line in process.stdout:
            message = _parsed(line)
            if "say" in message:
                say(message["say"])
            if "problem" in message:
                problem = message["problem"]
        process.wait()
    return problem


def _parsed(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}  # a library printed something
    return message if isinstance(message, dict) else {}


def _died(status: int, errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line for line in errors.read()[-_LAST:].splitlines() if line.strip()]
    last = f"; its last words: {lines[-1].strip()}" if lines else ""
    if status == -9:  # SIGKILL, which Windows does not have
        return f"its process was killed, perhaps for want of memory{last}"
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return f"its process ended {how}{last}"


def main() -> int:
    """Do the task that standard input names."""
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no message

    def tell(**what: str | None) -> None:
        print(json.dumps(what), file=out, flush=True)

    def say(line: str) -> None:
        tell(say=line)

    job = Job.from_json(sys.stdin.readline())
    try:
        with stoppable():
            threading.Thread(target=_stop_when_alone, daemon=True).start()
            outcome = do(job, lambda: _stages(job, say), say)
    except Stopped as stop:
        tell(problem=f"stopped; {stop.stage or 'it'} {stop.saved or OVER}")
        return 128 + stop.signum
    tell(problem=outcome.problem)
    return 0


def _stop_when_alone() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _stages(job: Job, say: Say) -> Stages:
    import datasets

    from ftft.experiment.room import usable_data
    from ftft.workspace.workspace import Workspace

    datasets.disable_progress_bars()
    workspace = Workspace(job.folder / job.task.data, builds=job.task.makes)
    data = usable_data(job.experiment)
    paths = job.task.stage_paths
    return Stages(job.experiment, data, workspace, say, paths, ends_said=False)


if __name__ == "__main__":
    sys.exit(main())
