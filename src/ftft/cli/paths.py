"""Paths on the command line that are read: a URL is none, though it can be turned into one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What is written to has its own check, which says what brings it elsewhere.
_WRITTEN = {"output", "plot", "folder"}


def reading_here(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command refuse URLs where it reads paths, and name its file above several problems."""

    @functools.wraps(command)
    def checked(**given: Any) -> None:
        for name, value in given.items():
            for one in value if isinstance(value, list | tuple) else [value]:
                if isinstance(one, Path) and name not in _WRITTEN:
                    _check(one)
        with _named(given.get("file")):
            command(**given)

    return checked


@contextmanager
def _named(file: object) -> Iterator[None]:
    """Begin a list of problems with the file that a command was given, whatever found them."""
    from ftft.errors import FtftError

    try:
        yield
    except FtftError as error:
        if len(error.problems) == 1 or error.placed or file is None:
            raise
        raise type(error).of(error.problems, str(file)) from error


def _check(path: Path) -> None:
    from ftft.errors import ConfigError
    from ftft.utils.local import url_of

    if url := url_of(path):
        raise ConfigError(
            f"{url} is a URL, where a path on this machine was expected. ftft pull fetches what "
            "ftft push wrote to a URL; training, development and test data may be URLs (path in an "
            "experiment file, ftft init); fetch other files yourself."
        )
