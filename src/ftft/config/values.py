"""Values as a person writes them in YAML: numbers for texts, one for a list, variables."""

from __future__ import annotations

import os
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ftft.config.methods import BASELINES
from ftft.utils.nearest import nearest
from ftft.utils.remote import problem_of

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def as_text(value: object) -> object:
    """Turn a number into the string that a file would hold; refuse a boolean."""
    if isinstance(value, bool):
        raise ValueError(
            f"a boolean ({str(value).lower()}) where a text was expected; put the value in quotes, "
            'as in "true"'
        )
    return str(value) if isinstance(value, int | float) else value


def _as_text_list(value: object) -> object:
    """Accept a single value where a list of texts is meant."""
    if isinstance(value, str | int | float):
        return [as_text(value)]
    return [as_text(item) for item in value] if isinstance(value, list | tuple) else value


def _as_text_mapping(value: object) -> object:
    """Make the keys and values of a mapping texts, so that ``1`` and ``"1"`` are the same."""
    if not isinstance(value, dict):
        return value
    keys = [as_text(key) for key in value]
    twice = {str(key) for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"named more than once: {', '.join(sorted(twice))}")
    return dict(zip(keys, map(as_text, value.values()), strict=True))


def _as_conditions(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {as_text(key): _as_text_list(item) for key, item in value.items()}


def _distinct(values: list[str]) -> list[str]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"named more than once: {', '.join(twice)}")
    return values


def _set_name(name: str) -> str:
    if not _SET_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name a data set: use letters, digits, '_', '-' and '.', "
            "and no '.' at the start"
        )
    return name


def known_burn_in(value: object) -> object:
    """Refuse what is neither ``auto`` nor a number of points, as one problem and not two."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    if value != "auto" and not whole:
        raise ValueError("must be auto or a whole number that is at least 0 and below 2147483648")
    return value


def known_baseline(value: str) -> str:
    """Refuse what is no baseline of :data:`ftft.config.methods.BASELINES`."""
    if value not in BASELINES:
        raise ValueError(
            f"{value!r} is no baseline; the baselines are {', '.join(BASELINES)}."
            f"{nearest(str(value), BASELINES)}"
        )
    return value


def expand(location: str) -> str:
    """Expand ``~`` and environment variables; a variable that is not set is an error."""

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        value = os.environ.get(name, "")
        if not value:
            raise ValueError(
                f"the environment variable {name} in {location!r} is not set: "
                f"set it (export {name}=...) or write the path out"
            )
        return value

    if "\0" in location:
        raise ValueError(f"{location!r} holds a NUL character, which no file name can")
    expanded = os.path.expanduser(_VARIABLE.sub(value_of, location))
    if problem := problem_of(expanded):
        raise ValueError(problem)
    return expanded


ColumnNames = Annotated[list[str], BeforeValidator(_as_text_list), AfterValidator(_distinct)]
ValueMapping = Annotated[dict[str, str], BeforeValidator(_as_text_mapping)]
Conditions = Annotated[
    dict[str, Annotated[list[str], Field(min_length=1)]], BeforeValidator(_as_conditions)
]
SetName = Annotated[str, AfterValidator(_set_name)]
Baseline = Annotated[str, AfterValidator(known_baseline)]
BurnIn = Annotated[int | Literal["auto"], BeforeValidator(known_burn_in)]
