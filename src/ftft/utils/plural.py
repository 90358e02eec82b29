"""Numbers in messages: with the noun they count, times, and shares written as percentages."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*", re.ASCII)


def counted(number: float, noun: str, plural: str = "") -> str:
    """Write a number with its noun: "1 row", "2,000 rows".

    Args:
        number: How many.
        noun: Of one.
        plural: Of several, where an s at the end does not make it.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def as_share(value: object) -> str:
    """Say which share a number above 1 probably stands for; nothing where it is no percentage.

    Args:
        value: The number, or a text such as ``33%``.
    """
    if isinstance(value, str) and (match := _PERCENT.fullmatch(value)):
        value = float(match[1])
        return f" For {value:g} percent write {value / 100:g}." if 0 < value <= 100 else ""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 2 <= value <= 100:
        return ""
    return f" If {value:g} percent is meant, write {value / 100:g}."


def duration(seconds: float) -> str:
    """Seconds in words: ``40 s``, ``12 min`` or ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
