"""Work in a process of its own: how it is started and followed, and what it says there.

The process reads what to do, a line, from standard input and writes what it has to say, a line of
JSON each, to standard output. When its standard input ends, whoever started it is gone, and it
stops as on SIGTERM, with a checkpoint.
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
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from ftft.errors import FtftError
from ftft.utils.atomic import no_room
from ftft.utils.line import Line, figures_of
from ftft.utils.signals import OVER, Stopped, stoppable

Say = Callable[[str], None]
HEARD = ("say", "ended")
"""What a process may tell: a line for people, and the name of what has ended."""
Started = Callable[[subprocess.Popen[str]], Any]
_LAST = 2_000


class HowStopped(str):
    """What went wrong with a process that was asked to stop, in words and as data.

    Attributes:
        stage: The stage that it was at; empty where there was none.
        saved: What of that is saved, in words; empty where nothing is.
    """

    stage: str
    saved: str

    def __new__(cls, stage: str = "", saved: str = "") -> HowStopped:
        """Put it in words."""
        problem = super().__new__(cls, f"stopped; {stage or 'it'} {saved or OVER}")
        problem.stage, problem.saved = stage, saved
        return problem

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """What makes it anew where another process sent it."""
        return self.stage, self.saved


@dataclass(frozen=True)
class Launch:
    """How a process is started.

    Attributes:
        module: What it runs; it calls :func:`serve`.
        threads: Threads it computes with, where the environment does not say.
        command: What starts it somewhere else, such as ``srun``; empty: it runs here.
        variables: Environment variables of its own.
        started: Given the process, to stop it.
    """

    module: str
    threads: int
    command: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    started: Started = lambda process: None

    def do(self, work: str, hear: Callable[[str, str], None]) -> str | None:
        """Start the process, give it its work, and wait for it.

        Args:
            work: What it is to do, a line.
            hear: Receives a key and a text of what it says, such as ``say`` and a line.

        Returns:
            What went wrong; None where nothing did.
        """
        with contextlib.ExitStack() as opened:
            try:
                errors = opened.enter_context(
                    tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
                )
                process = self._process(errors)
            except OSError as error:
                return f"its process cannot be started ({error.strerror or error})"
            self.started(process)
            problem = _followed(process, work, hear)
            if os.environ.get("FTFT_DEBUG"):
                errors.seek(0)
                sys.stderr.write(errors.read())
            return _died(process.returncode, errors) if problem == "" else problem

    def _process(self, errors: IO[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
            env={"OMP_NUM_THREADS": str(self.threads), **self._environment(), **self.variables},
            # A Ctrl-C is for the command, which stops its processes.
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        """This process's, without the Slurm job it may be part of where another is asked for."""
        outside = [name for name in os.environ if name.startswith("SLURM_")]
        left_out = {*outside} - {"SLURM_CONF"} if self.command else set()
        return {name: value for name, value in os.environ.items() if name not in left_out}


def _followed(
    process: subprocess.Popen[str], work: str, hear: Callable[[str, str], None]
) -> str | None:
    """The problem that the process reports; None for none, empty where it ended in silence."""
    problem: str | None = ""
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(work + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            # It died while it started; how is said below. Closing writes once more what is left.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        for line in process.stdout:
            message = _parsed(line)
            if "problem" in message:
                problem = message["problem"]
            if {"stage", "saved"} <= message.keys():
                problem = HowStopped(message["stage"], message["saved"])
            for key in HEARD:
                if isinstance(text := message.get(key), str):
                    hear(key, Line(text, **message.get("figures", {})))
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
    if status == -signal.SIGTERM:  # before it was ready to stop with a checkpoint
        return HowStopped()
    if status == -9:  # SIGKILL, which Windows does not have
        return f"its process was killed, perhaps for want of memory{last}"
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    return f"its process ended {how}{last}"


def serve(do: Callable[[str, Callable[..., None]], str | None]) -> int:
    """Do the work that standard input names; for the process that is started.

    Args:
        do: Given the line and what tells the other process something, as in ``tell(say=line)``;
            returns what went wrong.

    Returns:
        The exit status.
    """
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no message

    def tell(**what: str | None) -> None:
        figures = {key: value for line in what.values() for key, value in figures_of(line).items()}
        print(json.dumps(what | ({"figures": figures} if figures else {})), file=out, flush=True)

    work = sys.stdin.readline()
    try:
        with stoppable():
            threading.Thread(target=_stop_when_alone, daemon=True).start()
            problem = do(work, tell)
    except Stopped as stop:
        tell(stage=stop.stage or "", saved=stop.saved)
        return 128 + stop.signum
    tell(problem=problem)
    return 0


def saved_of(stage: str, problem: str) -> str:
    """What a process that was stopped says to be saved of a stage; empty for nothing."""
    return problem.saved if isinstance(problem, HowStopped) and problem.stage == stage else ""


def _stop_when_alone() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def problem_of(work: Callable[[], Any]) -> str | None:
    """Do something; return what went wrong with it, whatever it was, or None.

    Raises:
        Stopped: The process was asked to stop.
    """
    try:
        work()
    except FtftError as error:
        return str(error)
    except OSError as error:
        return no_room(error) or _unexpected(error)
    except Exception as error:  # a defect or a full memory must not end what else there is to do
        return _unexpected(error)
    return None


def _unexpected(error: Exception) -> str:
    if os.environ.get("FTFT_DEBUG"):
        traceback.print_exc()
    text = str(error).strip()
    first = text.splitlines()[0] if text else "no more is known"
    return f"unexpected {type(error).__name__}: {first} (--debug shows where)"
