"""What is wrong in an experiment or study file: key, what was expected, and what to do."""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from ftft.config.schema import Experiment
from ftft.config.wording import KEY, all_in_words, place_of
from ftft.errors import ConfigError

# Keys of other tools, which would otherwise be taken for misspelt ones.
_NOT_OFFERED = dict.fromkeys(
    ("load_in_4bit", "load_in_8bit", "quantization_config"),
    "ftft has one key for it, beside adapter: quantization: 4bit (or 8bit); write that instead.",
)


@dataclass(frozen=True)
class Problem:
    """One problem of a file.

    Attributes:
        text: What is wrong and what to do.
        key: Where, with dots between the levels; empty where it is of no single key.
        offer: What the last part of a misspelt key probably stands for; empty where nothing is
            like it.
        place: What is said before the key, such as the data set of a study.
        advised: Whether the text itself names something that may have been meant.
    """

    text: str
    key: str = ""
    offer: str = ""
    place: str = ""
    advised: bool = False

    @property
    def section(self) -> str:
        """The first part of the key."""
        return self.key.partition(".")[0]

    def offering(self, offers: Mapping[str, str]) -> Self:
        """The problem; where its key, or one above it, is new and like another, with that one.

        Args:
            offers: New keys, and what each is like.
        """
        if self.offer or self.advised:
            return self
        for new, near in offers.items():
            # Problems of a study's experiments do not say that they are of its base.
            if f"{self.key}.".startswith(f"{new.removeprefix('base.')}."):
                text = f"{self.text.rstrip('.')}; the file has no {new}: did you mean {near}?"
                return replace(self, text=text, advised=True)
        return self

    def in_words(self, written: Collection[str] = ()) -> str:
        """The problem as a line.

        Args:
            written: Keys that the user wrote with dots; what is offered for one has them too.
        """
        words = ": ".join(one for one in (self.place, self.key, self.text) if one)
        if not self.offer:
            return words
        # A key of a study's base has more before it than the experiment's own, and one that is
        # written may go on below it.
        places = ((one, f".{one}.".find(f".{self.key}.")) for one in written)
        whole = next((one[: at + len(self.key)] for one, at in places if at >= 0), "")
        above = "".join(whole.rpartition(".")[:2])
        return f"{words}; did you mean {above}{self.offer}?"


def refusal(
    path: str | os.PathLike[str], problems: Sequence[Problem], overrides: Sequence[str] = ()
) -> ConfigError:
    """All problems of a file as one error.

    Args:
        path: The file.
        problems: A line each.
        overrides: Texts ``key.path=value`` that were set in it.
    """
    written = [one.partition("=")[0].strip() for one in overrides]
    error = ConfigError.of([problem.in_words(written) for problem in problems], str(path))
    error.placed = True
    return error


def describe_all(
    error: ValidationError, raw: Any = None, root: type[BaseModel] = Experiment
) -> list[Problem]:
    """All problems of a model; a list with wrong items is not said to lack them.

    Args:
        error: What validation found.
        raw: What was validated; keys are then named as they are written in it.
        root: The model.
    """
    found = error.errors()
    above = {problem["loc"][:-1] for problem in found}
    by_place: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for problem in found:
        if problem["type"] != "too_short" or problem["loc"] not in above:
            by_place.setdefault(place_of(problem), []).append(problem)
    return [_describe(place, problems, raw, root) for place, problems in by_place.items()]


def _describe(
    place: tuple[Any, ...], problems: list[Mapping[str, Any]], raw: Any, root: type[BaseModel]
) -> Problem:
    location = place[:-1] if place[-1:] == (KEY,) else place
    key = ".".join(_as_written(location, raw))
    kind = problems[0]["type"]
    if kind == "extra_forbidden":
        if location[-1] in _NOT_OFFERED:
            return Problem(_NOT_OFFERED[location[-1]], key)
        known = keys_at(location[:-1], root)
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        if near:
            return Problem("unknown key", key, near[0])
        return Problem(f"unknown key; known here: {', '.join(sorted(known))}.", key)
    if kind == "missing":
        return Problem("missing; it has to be given.", key)
    said, more = all_in_words(*problems)
    return Problem(f"{said}{'.' * bool(more)}{more}", key, advised=bool(more))


def _as_written(location: tuple[Any, ...], raw: Any) -> list[str]:
    """The parts of a location; the place in a list of one source is left out.

    A single source may be written without a list, and is the first of one all the same.
    """
    parts, node = [], raw
    for part in location:
        there = _has(node, part)
        inside = node[part] if there else None
        if isinstance(part, int) and node is not None and (not there or _is_single(node)):
            node = inside if there else node
            continue
        parts.append(str(part))
        node = inside
    return parts


def _has(node: Any, part: Any) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node


def _is_single(node: Any) -> bool:
    return isinstance(node, list) and len(node) == 1 and isinstance(node[0], dict)


def keys_at(location: tuple[Any, ...], root: type[BaseModel]) -> list[str]:
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
