"""Paths on the command line that are read: a URL is none, though it can be turned into one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What is written to has its own check, which says what brings it elsewhere.
_WRITTEN = {"output", "plot", "folder"}


def reading_here(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command refuse URLs where it reads paths, before anything else."""

    @functools.wraps(command)
    def checked(**given: Any) -> None:
        for name, value in given.items():
            for one in value if isinstance(value, list | tuple) else [value]:
                if isinstance(one, Path) and name not in _WRITTEN:
                    _check(one)
        command(**given)

    return checked


def _check(path: Path) -> None:
    from ftft.errors import ConfigError
    from ftft.utils.local import url_of

    if url := url_of(path):
        raise ConfigError(
            f"{url} is a URL, where a path on this machine was expected. ftft pull fetches what "
            "ftft push wrote to a URL; training, development and test data may be URLs (path in an "
            "experiment file, ftft init); fetch other files yourself."
        )
