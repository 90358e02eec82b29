"""What is wrong with the rows of some data, put together in one message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ftft.errors import DataError

T = TypeVar("T")

_MOST = 5


class Faults:
    """Checks of rows, each of which may find a kind of fault.

    Args:
        place: The source, which the messages start with; empty where there are several.
    """

    def __init__(self, place: str = "") -> None:
        self._place = place
        self._found: list[str] = []

    def __call__(self, check: Callable[[], T], otherwise: T) -> T:
        """What ``check`` returns; where it finds a fault, that is noted and ``otherwise`` holds."""
        try:
            return check()
        except DataError as error:
            self.note(str(error))
            return otherwise

    def __bool__(self) -> bool:
        return bool(self._found)

    def note(self, fault: str) -> None:
        """Note a fault that was found otherwise."""
        self._found.append(fault)

    def note_rows(self, faults: Sequence[str]) -> None:
        """Note what is wrong with single rows: of the first few, and how many more there are."""
        self._found += faults[:_MOST]
        if len(faults) > _MOST:
            self._found.append(f"{len(faults) - _MOST:,} more rows have such problems.")

    def raise_found(self) -> None:
        """Raise what was found, if anything.

        Raises:
            DataError: All of it; the source is named once.
        """
        if self._found:
            first, *others = self._found
            more = [other.removeprefix(self._place).lstrip(":, ") for other in others]
            raise DataError(" Also: ".join([first, *more]))
