"""Numbers in messages: with the noun they count, and shares written as percentages."""

from __future__ import annotations


def counted(number: float, noun: str, plural: str = "") -> str:
    """Write a number with its noun: "1 row", "2,000 rows".

    Args:
        number: How many.
        noun: Of one.
        plural: Of several, where an s at the end does not make it.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def as_share(value: object) -> str:
    """Say which share a number above 1 probably stands for; nothing where it is no percentage."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 2 <= value <= 100:
        return ""
    return f" If {value:g} percent is meant, write {value / 100:g}."
