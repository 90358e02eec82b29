"""One process at a time in a run folder; the others are given its name."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ftft.errors import WorkspaceError

LOCK_NAME = ".lock"
LOCKS = ".locks"
ORPHAN_SECONDS = 300.0
"""How long to wait for a process that a killed command left behind; it writes a checkpoint."""
_POLL = 0.2


@contextlib.contextmanager
def held(
    folder: Path, seconds: float = 0.0, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold a run folder for this process; the system lets go of it when the process ends.

    Args:
        folder: The folder.
        seconds: How long to wait where another process holds it.
        waiting: Given the name of that process before the wait.

    Raises:
        Stopped: This process was asked to stop while it waited.
        WorkspaceError: Another process holds the folder (the message names it), or its file
            system cannot lock files.
    """
    path = folder / LOCK_NAME
    # A soft lock would outlive a process that is killed, so there is none to fall back to.
    try:
        lock = _acquired(FileLock(path, blocking=False, fallback_to_soft=False), seconds, waiting)
    except Timeout:
        raise WorkspaceError(
            f"{folder}: another run is using this folder ({_name_in(path)}); wait for it, stop it, "
            "or choose another folder with --output."
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"{path}: the run folder cannot be locked ({error.strerror or error}), so a second run "
            "could not be kept out; check its permissions, or choose a folder on a file system "
            "with locks with --output."
        ) from error
    with lock:
        # The name is for people only: on a full disk the lock holds all the same.
        with contextlib.suppress(OSError):
            path.write_text(_name_of_this_process(), encoding="utf-8")
        yield


@contextlib.contextmanager
def held_part(folder: Path, name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a part of a folder for a process that works on it for whoever holds the folder.

    Two commands cannot hold one folder, so whoever else is at work on the part was left behind by
    one that was killed: it writes a checkpoint and ends, and is waited for.

    Args:
        folder: The run or study folder.
        name: The part, such as a training; it is locked apart from its stages, whose folders come
            and go.
        say: Receives a line about the wait.

    Raises:
        WorkspaceError: The part is still held after the wait, or cannot be locked.
    """
    place = folder / LOCKS / name
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{place}: cannot be made ({error.strerror or error}); check the permissions of "
            f"{folder} and the space left on the disk."
        ) from error
    with held(place, ORPHAN_SECONDS, lambda other: say(f"waiting for {other}")):
        yield


def wait_for_parts(folder: Path, say: Callable[[str], None]) -> None:
    """Wait for whatever a killed command left at work in a folder; see :func:`held_part`."""
    for name in _parts(folder):
        with held_part(folder, name, say):
            pass


def parts_held(folder: Path) -> bool:
    """Whether a killed command has left something at work in a folder."""
    for name in _parts(folder):
        try:
            with held(folder / LOCKS / name):
                pass
        except WorkspaceError:
            return True
    return False


def _parts(folder: Path) -> list[str]:
    locks = folder / LOCKS
    return sorted(str(lock.parent.relative_to(locks)) for lock in locks.rglob(LOCK_NAME))


def _acquired(
    lock: FileLock, seconds: float, waiting: Callable[[str], None] | None
) -> contextlib.AbstractContextManager[object]:
    end = time.monotonic() + seconds
    while True:
        try:
            return lock.acquire()
        except Timeout:
            if time.monotonic() >= end:
                raise
        if waiting is not None:
            waiting(_name_in(Path(lock.lock_file)))
            waiting = None
        time.sleep(_POLL)


def _name_in(path: Path) -> str:
    # Windows lets nobody read a file that another process has locked.
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip() or "process unknown"
    return "process unknown"


def _name_of_this_process() -> str:
    started = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    command = shlex.join(sys.argv)
    return f"process {os.getpid()} on {platform.node()}, since {started}: {command}"
