"""What pydantic finds wrong with a file, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ftft.config.schema import NAME_IN_WORDS
from ftft.config.yaml_core import shorten
from ftft.utils.nearest import nearest
from ftft.utils.plural import as_share, counted

_NUMBER, _WHOLE, _TEXT = "must be a number", "must be a whole number", "must be a text"
_LIST, _MAPPING, _TRUTH = "must be a list", "must be a mapping of keys", "must be true or false"

# Kind of problem, as pydantic calls it, to what is expected; in braces what it says of it.
_EXPECTED = {
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    "string_type": _TEXT,
    "invalid_key": f"the key {_TEXT}",
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _MAPPING),
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": NAME_IN_WORDS,  # the only pattern that there is
}

# What pydantic puts at the end of the place of a key that is wrong itself.
KEY = "[key]"

# What pydantic puts into a place for one of several types that are allowed there.
_UNION_MEMBER = re.compile(r"str|bool|(?:constrained-|literal|tuple|nullable).*")


def in_words(problem: Mapping[str, Any]) -> str:
    """What one of pydantic's problems is, without the key it is about and the value found."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in _EXPECTED:
        limits = {key: _plain(value) for key, value in context.items()}
        return _EXPECTED[kind].format(**limits)
    if kind in ("too_short", "string_too_short"):
        return f"must have at least {_entries(kind, context['min_length'])}"
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {_entries(kind, context['max_length'])}"
    return str(problem["msg"]).removeprefix("Value error, ")


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: Any) -> str:
    """A value as YAML has it, shortened."""
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else shorten(value)


def _empty(kind: str, value: Any) -> str:
    """How to leave empty what may not be nothing."""
    empty = {"dict_type": "{}", "list_type": "[]", "tuple_type": "[]"}.get(kind)
    return "" if value is not None or empty is None else f"; to leave it empty, write {empty}"


def _entries(kind: str, number: int) -> str:
    if kind.startswith("string"):
        return counted(number, "character")
    return counted(number, "entry", "entries")


def place_of(problem: Mapping[str, Any]) -> tuple[Any, ...]:
    """The key that a problem is about, without the type that it was tried as."""
    location = tuple(problem["loc"])
    tried = [
        place
        for place, part in enumerate(location)
        if "adapter" in location[:place] and _UNION_MEMBER.fullmatch(str(part))
    ]
    return location[: tried[0]] + location[tried[0] + 1 :] if tried else location


def all_in_words(problem: Mapping[str, Any], *others: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong with a value, with the value found, and what it may have been meant to be.

    Args:
        problem: A problem of it, as pydantic has it.
        others: Why it is not as else it might be, either.
    """
    kind = problem["type"]
    words = [in_words(problem), *(in_words(one) for one in others)]
    message = " or ".join([words[0], *(one.removeprefix("must be ") for one in words[1:])])
    if problem["loc"][-1:] == (KEY,):
        message = f"the key {message}"
    value = problem.get("input")
    shown = "" if kind == "value_error" else f" (found {_shown(value)}{_empty(kind, value)})"
    if in_words(problem) == _LIST and isinstance(value, str | int | float) and "…" not in shown:
        message = message.replace(_LIST, f"{_LIST} such as [{_shown(value)}]")
    # Shares have an upper limit of 1; where they exceed it, a percentage is likely.
    most = problem.get("ctx", {}).get("le", problem.get("ctx", {}).get("lt"))
    is_share = most == 1 or (kind == "float_parsing" and str(problem.get("input")).endswith("%"))
    more = as_share(problem.get("input")) if is_share else ""
    if kind == "literal_error":
        names = re.findall("'([^']*)'", problem["ctx"]["expected"])
        more = nearest(str(problem["input"]), names)
    return f"{message}{shown}", more
