"""The choices of each example, from several columns or one with lists, and which one is right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.config.data import DataSource
from ftft.data.columns import text_chunks
from ftft.data.dataset import LabelledDataset
from ftft.data.lines import rows_in
from ftft.data.messages import short
from ftft.data.normalize import ROW
from ftft.errors import DataError

MOST_CHOICES = 10
LETTERS = "ABCDEFGHIJ"

_LETTER = re.compile(r"\(?([A-Ja-j])[.)]?")
# pandas writes whole numbers as 1.0 where some are missing.
_NUMBER = re.compile(r"(-?\d{1,9})(?:\.0)?")
# What a list of choices may be called where it lies beside a list of their labels.
_TEXTS, _NAMES = ("text", "texts", "choices"), ("label", "labels")


@dataclass(frozen=True)
class Choices:
    """The choices of the rows of a source.

    Attributes:
        source: Where they come from.
        rows: The number of each row in its source, from 1.
        texts: The choices of each row, 2 to 10, none empty and none twice.
        names: The labels that the choices of a row have in the file; empty where they have none.
    """

    source: DataSource
    rows: list[int]
    texts: list[tuple[str, ...]]
    names: list[tuple[str, ...]]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Choices in each row, (N,)."""
        return np.array([len(one) for one in self.texts], dtype=np.int64)


def read_choices(source: DataSource, table: pa.Table) -> Choices:
    """Take the choices out of the rows of a source.

    Several columns hold a choice each; where a row has fewer, its last ones are empty. A single
    column holds a list, a mapping of lists ``text`` and ``label``, or a list of such mappings, as
    JSON.

    Raises:
        DataError: A row has fewer than 2 or more than 10 choices, an empty one before the last,
            or one twice; or a cell holds no list.
    """
    rows = table.column(ROW).to_pylist()
    columns = [table.column(name).to_pylist() for name in source.choices]
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]]
    if len(columns) == 1:
        found = [_listed(cell) for cell in columns[0]]
        bad = [row for row, one in zip(rows, found, strict=True) if one is None]
        if bad:
            raise DataError(
                f"{source.place}, {rows_in(source, bad)}: {source.choices[0]!r} holds no list of "
                'choices. A list such as ["red", "blue"], or lists of texts and labels, were '
                "expected; where each choice has a column of its own, name them all in 'choices'."
            )
        pairs = [one for one in found if one is not None]
    else:
        cells = zip(*columns, strict=True)
        pairs = [(tuple((cell or "").strip() for cell in row), ()) for row in cells]
    made = Choices(source, rows, [_without_end(texts) for texts, _ in pairs], [n for _, n in pairs])
    _check(made)
    return made


def _without_end(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The choices up to the last one that is not empty."""
    filled = [place for place, text in enumerate(texts) if text]
    return texts[: filled[-1] + 1] if filled else ()


def _listed(cell: str | None) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Texts and labels of a cell that holds a list; None where it does not."""
    try:
        value = json.loads(cell or "", parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    names: Any = ()
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        value = {key: [one.get(key) for one in value] for key in value[0]}
    if isinstance(value, dict):
        names = next((value[key] for key in _NAMES if key in value), ())
        value = next((value[key] for key in _TEXTS if key in value), None)
    lists = (value, names)
    if not all(isinstance(one, list | tuple) and _are_plain(one) for one in lists):
        return None
    texts = tuple("" if one is None else str(one).strip() for one in value)
    labels = tuple(str(one).strip() for one in names)
    return None if labels and len(labels) != len(texts) else (texts, labels)


def _are_plain(values: Sequence[Any]) -> bool:
    return all(one is None or isinstance(one, str | bool) for one in values)


def _check(choices: Choices) -> None:
    problems: tuple[tuple[Callable[[tuple[str, ...]], bool], str], ...] = (
        (lambda one: len(one) < 2, "fewer than two choices; 2 to 10 were expected"),
        (lambda one: len(one) > MOST_CHOICES, f"more than {MOST_CHOICES} choices"),
        (lambda one: "" in one, "an empty choice before the last one"),
        (lambda one: len(set(one)) < len(one), "a choice that is there twice"),
    )
    for is_bad, what in problems:
        bad = [row for row, one in zip(choices.rows, choices.texts, strict=True) if is_bad(one)]
        if bad:
            columns = ", ".join(map(repr, choices.source.choices))
            place = f"{choices.source.place}, {rows_in(choices.source, bad)}"
            raise DataError(
                f"{place}: {what} in {columns}. Repair the "
                "rows, or take them out of the file; 'where' keeps rows by the value of a column."
            )


@dataclass(frozen=True)
class Answers:
    """What the answer column of a source says, before numbers are counted.

    Attributes:
        choices: The choices that the answers are among.
        values: The answer of each row, by ``labels`` turned into what it stands for.
        by_text: Whether answers are the texts of choices.
        first: The number of the first choice, 0 or 1; None where the rows do not say.
    """

    choices: Choices
    values: list[str]
    by_text: bool
    first: int | None


def read_answers(choices: Choices, cells: Sequence[str | None]) -> Answers:
    """Find out how the answers of a source are written.

    Args:
        choices: The choices of its rows.
        cells: The answer of each row.
    """
    mapping = choices.source.labels
    values = [mapping.get(cell or "", cell or "").strip() for cell in cells]
    named = [value for value, names in zip(values, choices.names, strict=True) if not names]
    numbers = [one for one in named if _NUMBER.fullmatch(one)]
    first = _first_number(choices, values)
    coded = [not one or _NUMBER.fullmatch(one) or _LETTER.fullmatch(one) for one in named]
    codes = sum(map(bool, coded))
    texts = sum(one in among for one, among in zip(values, choices.texts, strict=True))
    # Numbers may be the texts of choices, as in a sum: then they are where they count nothing.
    counted = first is not None and all(
        _position(value, among, names, first, by_text=False) is not None
        for value, among, names in zip(values, choices.texts, choices.names, strict=True)
    )
    if codes == len(named):
        by_text = texts == len(values) and bool(numbers) and not counted
    else:
        by_text = texts >= codes  # what most rows say: the others are then the ones to repair
    return Answers(choices, values, by_text, None if by_text else first)


def _first_number(choices: Choices, values: Sequence[str]) -> int | None:
    """0 where a row says 0, else 1 where one says as many as it has choices; else unknown."""
    found = None
    for value, texts, names in zip(values, choices.texts, choices.names, strict=True):
        number = None if names else _NUMBER.fullmatch(value)
        if number is not None and int(number[1]) == 0:
            return 0
        if number is not None and int(number[1]) == len(texts):
            found = 1
    return found


def right_choices(answers: Answers, first: int | None) -> npt.NDArray[np.int64]:
    """The position of the right choice of each row, from 0, int64 of shape (N,).

    Args:
        answers: The answers of a source.
        first: The number of the first choice where the source itself does not say.

    Raises:
        DataError: An answer is none of its row's choices, or it cannot be known whether numbers
            count from 0 or from 1.
    """
    choices = answers.choices
    start = first if answers.first is None else answers.first
    if start is None and not answers.by_text:
        _refuse_unclear(answers)
    found = [
        _position(value, texts, names, start or 0, by_text=answers.by_text)
        for value, texts, names in zip(answers.values, choices.texts, choices.names, strict=True)
    ]
    bad = [place for place, position in enumerate(found) if position is None]
    if bad:
        value, count = answers.values[bad[0]], len(choices.texts[bad[0]])
        rows = rows_in(choices.source, [choices.rows[place] for place in bad])
        counted = "" if answers.by_text else f" (numbers count from {start or 0} here)"
        raise DataError(
            f"{choices.source.place}, {rows}: the "
            f"answer in {choices.source.label!r} is none of the row's choices: {short(value)}, of "
            f"{count} choices{counted}. A number from 0 or from 1, a letter from A, the choice's "
            "label or its whole text were expected; map what stands for them with 'labels', or "
            "leave rows without an answer out with 'where'."
        )
    return np.array(found, dtype=np.int64)


def _refuse_unclear(answers: Answers) -> None:
    numbers = sorted({one for one in answers.values if _NUMBER.fullmatch(one)})
    if not numbers or any(answers.choices.names):
        return
    raise DataError(
        f"{answers.choices.source.place}: whether the answers in {answers.choices.source.label!r} "
        f"({', '.join(numbers)}) count from 0 or from 1 cannot be known: no row says 0, and none "
        "the number of its choices. Say what they stand for: labels: "
        f'{{"{numbers[0]}": A, …}} where that is the first choice.'
    )


def _position(
    value: str, texts: tuple[str, ...], names: tuple[str, ...], first: int, *, by_text: bool
) -> int | None:
    """Where the right choice of a row is; None where the answer is none of them."""
    if names:
        return names.index(value) if value in names else None
    if by_text and value in texts:
        return texts.index(value)
    letter, number = _LETTER.fullmatch(value), _NUMBER.fullmatch(value)
    place = -1
    if letter is not None:
        place = LETTERS.index(letter[1].upper())
    elif number is not None and not by_text:
        place = int(number[1]) - first
    return place if 0 <= place < len(texts) else None


def marked_choices(dataset: LabelledDataset) -> list[pa.ChunkedArray]:
    """What a person reads of questions with choices: texts, then choices, the right one marked.

    Where an example has fewer choices than another, its last columns are empty.
    """
    texts = [dataset.table.column(f"text_{i}") for i in range(dataset.num_texts)]
    marked = []
    for place, letter in enumerate(dataset.class_names):
        cells = dataset.table.column(f"choice_{place}").to_pylist()
        right = (dataset.labels == place).tolist()
        shown = (
            f"{'✓ ' if is_right else ''}{letter}. {cell}" if cell else ""
            for cell, is_right in zip(cells, right, strict=True)
        )
        marked.append(pa.chunked_array(text_chunks(shown), pa.string()))
    return [*texts, *marked]
