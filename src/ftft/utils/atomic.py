"""Files and folders, whole or absent: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import xxhash

from ftft.errors import DynamicsError, FtftError
from ftft.utils.local import check_local

# The disk is full, or may not be written.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def no_room(error: BaseException) -> str | None:
    """What to do about a disk that is full or may not be written; None for other errors."""
    if not isinstance(error, OSError) or error.errno not in _DISK:
        return None
    return (
        f"{error.filename or 'a file'}: cannot be written: {error.strerror}. Make room on the "
        "disk, then give the same command again: it resumes from where it was."
    )


@contextlib.contextmanager
def atomic_path(path: Path, error: type[FtftError] = DynamicsError) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; rename it to ``path`` at the end.

    What is written is flushed to the disk before the rename, so a process or a machine that
    dies leaves the old file or the new one, never a part of one.

    Args:
        path: Where the finished file, or new folder, belongs; the folder that it lies in is made
            where it is missing.
        error: What to raise where it cannot be written.

    Yields:
        The path to write to, or to make a folder of.

    Raises:
        FtftError: The folder or the file cannot be written; of the given class.
    """
    check_local(path, error)
    # The leading dot and the suffix keep a left-over out of every listing by pattern.
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        for written in [temporary, *temporary.rglob("*")]:
            (sync_folder if written.is_dir() else sync_file)(written)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as problem:
        raise error(
            f"{path} cannot be written: {problem.strerror or problem}. Check that the folder "
            "exists, is writable and has space left, then run the same command again."
        ) from problem
    finally:
        # What went wrong before matters more than a leftover.
        with contextlib.suppress(OSError):
            if temporary.is_dir():
                shutil.rmtree(temporary)
            temporary.unlink(missing_ok=True)


def check_free(
    path: Path, *, overwrite: bool = False, error: type[FtftError] = DynamicsError
) -> None:
    """Check that a file can be written to ``path`` without losing one that is there.

    Args:
        path: Where the file is to be written.
        overwrite: Whether a file that is there may be replaced; a folder is never replaced.
        error: What to raise.

    Raises:
        FtftError: A folder is there, or a file that may not be replaced, or the path is a URL; of
            the given class.
    """
    check_local(path, error)
    try:
        is_folder = path.is_dir()
    except OSError as problem:
        raise error(
            f"{str(path)[:100]} cannot be written: {problem.strerror or problem}. Give another "
            "name."
        ) from problem
    if is_folder:
        raise error(
            f"{path} is a folder, but a file is to be written there; give the name of a file, or "
            "remove the folder first."
        )
    if not overwrite and os.path.lexists(path):
        raise error(f"{path} already exists; give another name, or add --overwrite to replace it.")


def write_text(path: Path, text: str, error: type[FtftError] = DynamicsError) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all.

    Raises:
        FtftError: The file cannot be written; of the given class.
    """
    with atomic_path(path, error) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process had begun to write below ``folder`` and never renamed."""
    for path in folder.rglob(".*.tmp"):
        # A leftover that stays does no harm.
        with contextlib.suppress(OSError):
            path.unlink()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, read in blocks; hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of plain JSON values, which a record carries of itself; hexadecimal."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def xxh3_of(path: Path) -> str:
    """XXH3 of a file's content, 128 bits: seven times as fast, against decay and no enemy.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk, so that it survives a power cut.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    # Windows cannot open a folder; some network file systems cannot sync one. The
    # rename has happened all the same, only its survival of a power cut is less sure.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
