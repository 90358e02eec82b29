"""What pydantic finds wrong with a file, in plain words."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ftft.config.schema import NAME_IN_WORDS, Experiment
from ftft.config.yaml_core import shorten
from ftft.utils.nearest import nearest
from ftft.utils.plural import as_share, counted

# Keys of other tools, which would otherwise be taken for misspelt ones.
_NOT_OFFERED = dict.fromkeys(
    ("load_in_4bit", "load_in_8bit", "quantization_config"),
    "ftft has one key for it, beside adapter: quantization: 4bit (or 8bit); write that instead.",
)

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


def _entries(kind: str, number: int) -> str:
    if kind.startswith("string"):
        return counted(number, "character")
    return counted(number, "entry", "entries")


def describe_all(error: ValidationError, root: type[BaseModel] = Experiment) -> list[str]:
    """All problems of a model, a line each; a list with wrong items is not said to lack them."""
    found = error.errors()
    above = {problem["loc"][:-1] for problem in found}
    by_place: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for problem in found:
        if problem["type"] != "too_short" or problem["loc"] not in above:
            by_place.setdefault(_place(problem), []).append(problem)
    return [describe(*problems, root=root) for problems in by_place.values()]


def _place(problem: Mapping[str, Any]) -> tuple[Any, ...]:
    """The key that a problem is about, without the type that it was tried as."""
    location = tuple(problem["loc"])
    tried = [
        place
        for place, part in enumerate(location)
        if "adapter" in location[:place] and _UNION_MEMBER.fullmatch(str(part))
    ]
    return location[: tried[0]] + location[tried[0] + 1 :] if tried else location


def describe(
    problem: Mapping[str, Any], *others: Mapping[str, Any], root: type[BaseModel] = Experiment
) -> str:
    """One problem of a model as one line: key, what is wrong, what to do.

    Args:
        problem: The problem, as pydantic has it.
        others: Why the value is not as else it might be, either.
        root: The model.
    """
    location = _place(problem)
    is_key = location[-1:] == ("[key]",)
    location = location[:-1] if is_key else location
    key = ".".join(str(part) for part in location) or root.__name__.lower()
    kind = problem["type"]
    if kind == "extra_forbidden":
        if location[-1] in _NOT_OFFERED:
            return f"{key}: {_NOT_OFFERED[location[-1]]}"
        known = _keys_at(location[:-1], root)
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}."
        return f"{key}: unknown key; {hint}"
    if kind == "missing":
        return f"{key}: missing; it has to be given."
    words = [in_words(problem), *(in_words(one) for one in others)]
    message = " or ".join([words[0], *(one.removeprefix("must be ") for one in words[1:])])
    shown = "" if kind == "value_error" else f" (found {_shown(problem.get('input'))})"
    # Shares have an upper limit of 1; where they exceed it, a percentage is likely.
    most = problem.get("ctx", {}).get("le", problem.get("ctx", {}).get("lt"))
    is_share = most == 1 or (kind == "float_parsing" and str(problem.get("input")).endswith("%"))
    more = as_share(problem.get("input")) if is_share else ""
    if kind == "literal_error":
        names = re.findall("'([^']*)'", problem["ctx"]["expected"])
        more = nearest(str(problem["input"]), names)
    message = f"the key {message}" if is_key else message
    return f"{key}: {message}{shown}{'.' * bool(more)}{more}"


def _keys_at(location: tuple[Any, ...], root: type[BaseModel]) -> list[str]:
    """The keys that the schema knows at a location; empty where it is free."""
    models: list[type[BaseModel]] = [root]
    for part in location:
        below: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(part))
            if field is not None:
                below += _models_in(field.annotation)
        # A dictionary of named sets or a list index: the name itself is free.
        models = below or models
    return sorted({key for model in models for key in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
