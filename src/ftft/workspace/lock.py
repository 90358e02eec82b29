"""One process at a time in a run folder; the others are given its name."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ftft.errors import WorkspaceError

LOCK_NAME = ".lock"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process; the system lets go of it when the process ends.

    Raises:
        WorkspaceError: Another process holds the folder (the message names it), or its file
            system cannot lock files.
    """
    path = folder / LOCK_NAME
    # A soft lock would outlive a process that is killed, so there is none to fall back to.
    try:
        lock = FileLock(path, blocking=False, fallback_to_soft=False).acquire()
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


def _name_in(path: Path) -> str:
    # Windows lets nobody read a file that another process has locked.
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip() or "process unknown"
    return "process unknown"


def _name_of_this_process() -> str:
    started = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    command = shlex.join(sys.argv)
    return f"process {os.getpid()} on {platform.node()}, since {started}: {command}"
