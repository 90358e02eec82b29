"""Arguments of the wrong type, which a person makes at a prompt."""

from __future__ import annotations

from typing import Any

from ftft.errors import FtftError


def expect(value: Any, kind: type, takes: str, give: str, error: type[FtftError]) -> None:
    """Check the type of an argument.

    Args:
        value: What was given.
        kind: What it must be.
        takes: Who takes it, such as ``select``.
        give: Where the right thing comes from.
        error: What to raise.

    Raises:
        FtftError: The value is of another type.
    """
    if not isinstance(value, kind):
        found = type(value).__name__
        raise error(f"{takes} takes a {kind.__name__}, and was given a {found}: give {give}.")
