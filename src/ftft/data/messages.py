"""Shared wording of data errors: missing columns, row numbers, short value lists.

Values are cut short everywhere: a message never quotes a whole example text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ftft.errors import DataError
from ftft.utils.nearest import nearest

_MOST = 10
LONGEST = 40
_FEW = 20
NAMED_ROWS = 5
"""Rows that a message names."""


def can_be_shown(values: Collection[str]) -> bool:
    """Whether values are few and short enough to be pasted from a message."""
    return len(values) <= _FEW and all(len(value) <= LONGEST for value in values)


def short(value: str) -> str:
    """Quote a value, cut to a length that cannot carry an example text."""
    return repr(value if len(value) <= LONGEST else value[:LONGEST] + "…")


def listed(values: Iterable[str]) -> str:
    """Quote the first values, and say how many more there are."""
    everything = list(values)
    more = len(everything) - _MOST
    text = ", ".join(short(value) for value in everything[:_MOST])
    return f"{text} and {more:,} more" if more > 0 else text


def rows_named(rows: Sequence[int], lines: Sequence[int] = ()) -> str:
    """Name rows, counted from 1 without the header: "row 3", "rows 3, 7 and 12 more".

    Args:
        rows: Their numbers, at least one.
        lines: The line of the file in which each that is named begins, where it has lines.
    """
    shown, more = rows[:NAMED_ROWS], len(rows) - NAMED_ROWS
    several, at = "s" * (len(rows) > 1), ""
    if len(lines) == len(shown):
        at = f" (line{'s' * (len(lines) > 1)} {_together(lines, more=more > 0)})"
    others = f" and {more:,} more" if more > 0 else ""
    return f"row{several} {_together(shown, more=more > 0)}{at}{others}"


def _together(numbers: Sequence[int], *, more: bool) -> str:
    shown = [f"{number:,}" for number in numbers]
    if more or len(shown) == 1:
        return ", ".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _one_column(there: Sequence[str]) -> str:
    joined = len(there) == 1 and any(mark in there[0] for mark in ",;|\t")
    return " That is one column only: is the 'delimiter' right?" if joined else ""


def require_columns(
    wanted: Iterable[str], there: Sequence[str], place: str, advice: str = ""
) -> None:
    """Check that every wanted column is there exactly once; all that are not are named together.

    Args:
        wanted: The columns; a mapping also says what names each, a key or an option.
        there: Those that there are.
        place: The file.
        advice: What to do where one is missing, if more can be said than which there are.

    Raises:
        DataError: Naming the column, the columns there are and the nearest name.
    """
    asked = wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted, "")
    missing = [
        f"a column {name!r}{f', which {by} names' if by else ''}.{nearest(name, there)}"
        for name, by in asked.items()
        if name not in there
    ]
    found = []
    if missing:
        first = missing[0].removeprefix("a ")
        others = "".join(f" Nor is there {one}" for one in missing[1:])
        there_are = f"The columns are: {listed(there)}.{_one_column(there)}{advice}"
        found.append(f"there is no {first}{others} {there_are}")
    found += [
        f"the header names {there.count(name)} columns {name!r}; rename one of them, because it "
        "is not clear which one is meant."
        for name in asked
        if there.count(name) > 1
    ]
    if found:
        raise DataError(f"{place}: {' Also: '.join(found)}")
