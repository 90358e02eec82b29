"""What is wrong with the rows of one source, put together in one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ftft.errors import DataError

T = TypeVar("T")


class Faults:
    """Checks of the rows of one source, each of which may find a kind of fault.

    Args:
        place: The source, which the messages start with.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._found: list[str] = []

    def __call__(self, check: Callable[[], T], otherwise: T) -> T:
        """What ``check`` returns; where it finds a fault, that is noted and ``otherwise`` holds."""
        try:
            return check()
        except DataError as error:
            self._found.append(str(error))
            return otherwise

    def raise_found(self) -> None:
        """Raise what was found, if anything.

        Raises:
            DataError: All of it; the source is named once.
        """
        if self._found:
            first, *others = self._found
            more = [other.removeprefix(self._place).lstrip(":, ") for other in others]
            raise DataError(" Also: ".join([first, *more]))
