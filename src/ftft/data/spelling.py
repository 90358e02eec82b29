"""When two label values are one: the same number, the same truth value, the same word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from decimal import Decimal

# No leading zero: 007 is a code, not the number 7. No more digits than Decimal keeps.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,9})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_FRACTION = re.compile(r"[+-]?(?:\d+|\d*[.,]\d+|\d+\.)(?:[eE][+-]?\d{1,3})?%?", re.ASCII)
_JOINT = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")

# How pandas, Excel and JSON write truth values.
TRUTH_VALUES = frozenset({"True", "False", "TRUE", "FALSE", "true", "false"})


def same_value(text: str) -> str:
    """Return what all spellings of a number or a truth value share; any other text unchanged.

    ``1``, ``1.0`` and ``1e0`` are the same, and so are ``True`` and ``true``, which pandas
    writes into CSV and JSON files.
    """
    if is_plain_number(text):
        return str(Decimal(text).normalize() + 0)
    return text.lower() if text in TRUTH_VALUES else text


def respelt(text: str, names: Collection[str]) -> str:
    """Return the name that is the same value as ``text``, spelt as in ``names``; else ``text``."""
    if text in names:
        return text
    value = same_value(text)
    return next((name for name in names if same_value(name) == value), text)


def spelling_key(name: str) -> str:
    """Return what the spellings of one class share: no case, blanks, hyphens; 1 for true."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    plain = _JOINT.sub(" ", plain)
    return {"true": "1", "false": "0"}.get(plain, same_value(plain))


def one_spelling(counts: Mapping[str, int]) -> dict[str, str]:
    """Return for each name the one to use of those that differ in spelling only.

    Args:
        counts: Name to its number of rows; the most frequent one without blanks around it is used.
    """
    groups: dict[str, list[str]] = {}
    for name in counts:
        groups.setdefault(spelling_key(name), []).append(name)
    return {
        name: max(group, key=lambda one: (one == one.strip(), counts[one], -group.index(one)))
        for group in groups.values()
        for name in group
    }


def is_plain_number(text: str) -> bool:
    """Tell whether a text is a number as a program writes it: 7, -1.0 or 1e-05, not 007."""
    return _NUMBER.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Tell whether a text is a number, with a decimal comma or a percent sign also."""
    return _FRACTION.fullmatch(text.strip()) is not None


def has_fraction(text: str) -> bool:
    """Tell whether a text is a number that is not whole, such as 2.5, but not 2.0."""
    if not is_number(text):
        return False
    value = Decimal(text.strip().rstrip("%").replace(",", "."))
    return value != value.to_integral_value()
