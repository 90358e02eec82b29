"""Where something is pushed to or pulled from: a repository of the hub, a folder, or a URL."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ftft.errors import SharingError
from ftft.utils.atomic import atomic_path
from ftft.utils.remote import is_remote, problem_of, without_secrets

RepositoryType: TypeAlias = Literal["dataset", "model"]

FILE_PREFIX = "file:"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")
_TYPES: dict[str, RepositoryType] = {"datasets/": "dataset", "models/": "model"}


@dataclass(frozen=True)
class Repository:
    """A repository of the hub.

    Attributes:
        id: Its id, ``OWNER/NAME``.
        type: ``dataset`` or ``model``; None where it was not said.
    """

    id: str
    type: RepositoryType | None = None

    def __str__(self) -> str:
        return self.id if self.type is None else f"{self.type}s/{self.id}"


@dataclass(frozen=True)
class Remote:
    """A folder elsewhere.

    Attributes:
        url: As fsspec takes it, such as ``s3://bucket/maps/nli``.
    """

    url: str

    def __str__(self) -> str:
        return without_secrets(self.url)


Place: TypeAlias = Repository | Remote | Path


def parse_place(text: str) -> Place:
    """Tell a folder from a repository and a URL.

    Args:
        text: A URL: ``SCHEME://…``. A folder: starts with ``file:``, ``.``, ``/`` or ``~``. Else a
            repository: ``OWNER/NAME``, with ``datasets/`` or ``models/`` before it where the type
            matters.

    Raises:
        SharingError: It is none of them.
    """
    if is_remote(text) and not text.startswith(f"{FILE_PREFIX}//"):
        problem = problem_of(text)
        if problem or "?" in text:
            no_query = f"{without_secrets(text)!r}: the URL of a folder has no query; leave it out."
            raise SharingError(problem or no_query)
        return Remote(text.rstrip("/"))
    if text.startswith(FILE_PREFIX):
        return Path(text.removeprefix(FILE_PREFIX)).expanduser()
    if text.startswith((".", "/", "~")):
        return Path(text).expanduser()
    prefix = next((prefix for prefix in _TYPES if text.startswith(prefix)), "")
    name = text.removeprefix(prefix)
    if not _ID.fullmatch(name) or "--" in name or ".." in name or name.endswith(".git"):
        raise SharingError(
            f"{text[:200]!r}: neither a repository of the hub nor a folder; a repository is "
            "OWNER/NAME, both of letters, digits, '_', '-' and '.', and a folder starts with ./, "
            "/, ~ or file:, or is a URL such as s3://BUCKET/NAME."
        )
    return Repository(name, _TYPES.get(prefix))


@contextlib.contextmanager
def landing(folder: Path) -> Iterator[Path]:
    """Give a new folder beside ``folder``, which becomes ``folder`` at the end, or nothing.

    Raises:
        SharingError: Something already exists, or the folder cannot be written.
    """
    folder = folder.absolute()
    refuse_existing(folder)
    with atomic_path(folder, SharingError) as temporary:
        temporary.mkdir()
        yield temporary
        refuse_existing(folder)


def refuse_existing(folder: Path) -> None:
    """Refuse a folder that is there: it may hold what nobody else has.

    Raises:
        SharingError: There is something by this name.
    """
    if os.path.lexists(folder):
        raise SharingError(
            f"{folder} already exists, and a folder is never replaced; give the name of a new one."
        )
