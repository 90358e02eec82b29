"""Guess whether a file holds questions with choices, and in which columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ftft.data.choices import LETTERS, MOST_CHOICES

_PAIRS = (
    ("sent1", "sent2"),
    ("context", "question"),
    ("passage", "question"),
    ("article", "question"),
    ("ctx_a", "ctx_b"),
)
_TEXTS = ("question", "sentence", "ctx", "context", "goal", "premise", "stem", "query", "text")
_ANSWERS = ("label", "answer", "answerkey", "answer_key", "answer_idx", "gold", "correct", "target")
_LISTS = ("choices", "options", "endings", "answers", "candidates", "alternatives")
# A name and a number or letter, such as ending0, option_1, choiceA; or the letter alone.
_NUMBERED = re.compile(
    r"((?:ending|option|choice|answer|sol|solution|alternative|candidate|op)_?)(\d|[a-j])|([a-j])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ChoiceColumns:
    """Columns of a file with questions and choices.

    Attributes:
        text: One or two columns.
        choices: Several columns, or one with lists.
        label: The column that says which one is right.
    """

    text: tuple[str, ...]
    choices: tuple[str, ...]
    label: str


def find_choices(columns: Mapping[str, list[str]]) -> ChoiceColumns | None:
    """The columns of questions and choices; None where the names do not look like it.

    Args:
        columns: Column name to its first values, lists as JSON.
    """
    by_name = {name.lower(): name for name in columns if name}
    choices = _series(by_name) or _list_column(columns, by_name)
    label = next((by_name[name] for name in _ANSWERS if name in by_name), None)
    if not choices or label is None or label in choices:
        return None
    for pair in _PAIRS:
        if all(part in by_name for part in pair):
            return ChoiceColumns(tuple(by_name[part] for part in pair), choices, label)
    text = next((by_name[name] for name in _TEXTS if name in by_name), None)
    return None if text is None or text in choices else ChoiceColumns((text,), choices, label)


def _series(by_name: Mapping[str, str]) -> tuple[str, ...]:
    """Columns that differ in a number or letter at their end, counted without a gap."""
    found: dict[str, dict[str, str]] = {}
    for low, name in by_name.items():
        match = _NUMBERED.fullmatch(low)
        if match is not None:
            ends = found.setdefault(match[1] or "", {})
            ends[match[2] or match[3]] = name
    for ends in found.values():
        for start in ("0123456789", "123456789", LETTERS.lower()):
            run = start[: len(ends)]
            if len(ends) >= 2 and set(run) == set(ends) and len(ends) <= MOST_CHOICES:
                return tuple(ends[one] for one in run)
    return ()


def _list_column(columns: Mapping[str, list[str]], by_name: Mapping[str, str]) -> tuple[str, ...]:
    for known in _LISTS:
        name = by_name.get(known)
        if name is not None and all(cell[:1] in ("[", "{") for cell in columns[name]):
            return (name,)
    return ()
