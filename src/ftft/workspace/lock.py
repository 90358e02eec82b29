"""One process at a time in a run folder; the others are told which one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

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
    try:
        # A link is not followed: what it points to would be emptied.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        file = os.fdopen(os.open(path, flags, 0o666), "r+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise _unlockable(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "process unknown"
            raise WorkspaceError(
                f"{folder}: another run is using this folder ({holder}); wait for it, stop it, or "
                "choose another folder with --output."
            ) from None
        except OSError as error:
            raise _unlockable(path, error) from error
        # The name is for people only: on a full disk the lock holds all the same.
        with contextlib.suppress(OSError):
            file.truncate(0)
            file.write(_name_of_this_process())
            file.flush()
        yield


def _name_of_this_process() -> str:
    started = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    command = shlex.join(sys.argv)
    return f"process {os.getpid()} on {platform.node()}, since {started}: {command}"


def _unlockable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{path}: the run folder cannot be locked ({error.strerror or error}), so a second run "
        "could not be kept out; check its permissions, or choose a folder on a file system with "
        "locks with --output."
    )
