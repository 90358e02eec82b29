"""Stopping cleanly on Ctrl-C (SIGINT) and on SIGTERM, with which machines are taken away.

A training finishes its step and writes a checkpoint first; everything else stops at once, since
it is written whole or not at all. A second Ctrl-C does not wait. A terminal sends Ctrl-C to the
processes that were forked as well, such as those that load batches: they leave it to the first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ftft.utils import distributed

OVER = "starts over"
"""What a stage does next time of which nothing is saved."""
RESUMES = "resumes from its last checkpoint"
"""What a training does next time that has checkpoints, where nobody knows of which step."""


class Stopped(BaseException):
    """The process was asked to stop.

    Attributes:
        signum: The signal.
        stage: The stage that was running; None where there was none.
        saved: What of it is saved, in words; empty where nothing is.
        finished: Stages that were finished before.
        others: What is said of others that were stopped with it, a sentence each.
        resumes: Whether there is something to go on with, though nothing else here says so.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum
        self.stage: str | None = None
        self.saved = ""
        self.finished: tuple[str, ...] = ()
        self.others: tuple[str, ...] = ()
        self.resumes = False


@dataclass
class _State:
    deferring: bool = False
    requested: int | None = None
    process: int = 0


_state = _State()


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raise :class:`Stopped` on SIGINT and SIGTERM; for the main thread of a command."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process, _state.process = _state.process, os.getpid()
    before = {number: signal.signal(number, _handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _state.requested, _state.process = None, process


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Within, only note that the process is to stop, for a training to stop after its step.

    Several processes are asked at different steps and cannot agree on one, so they stop at once.
    """
    _state.deferring = distributed.count() == 1
    try:
        yield
    finally:
        _state.deferring = False
    check()


def requested() -> bool:
    """Whether the process was asked to stop while it was deferred."""
    return _state.requested is not None


def check(saved: str = "") -> None:
    """Stop where that was asked for while it was deferred.

    Args:
        saved: What is saved, in words.

    Raises:
        Stopped: It was asked for.
    """
    if _state.requested is not None:
        stop, _state.requested = Stopped(_state.requested), None
        stop.saved = saved
        raise stop


def forget() -> None:
    """Note no longer that the process is to stop; for what is done about a stop that was raised.

    What that looks at would stop again, at the first check. Another signal still stops it.
    """
    _state.requested = None


def _handle(signum: int, frame: Any) -> None:
    if os.getpid() != _state.process:
        _handle_in_fork(signum)
        return
    again = _state.requested is not None and signum == signal.SIGINT
    if not _state.deferring or again:
        # Noted as well: raised inside a finalizer, it is swallowed, and the next check raises it.
        _state.requested = signum
        raise Stopped(signum)
    if _state.requested is None:
        # Not print: the interpreter may be inside of it.
        os.write(2, b"\nstopping after this step and a checkpoint; Ctrl-C again stops at once\n")
    _state.requested = signum


def _handle_in_fork(signum: int) -> None:
    """Ignore Ctrl-C, since a training needs its workers up to its checkpoint; end on SIGTERM."""
    if signum == signal.SIGTERM:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
