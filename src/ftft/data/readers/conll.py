"""CoNLL files: a word a line, its tag in another column, an empty line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ftft.data.messages import short
from ftft.data.readers.charset import not_utf8
from ftft.data.readers.delimited import open_bytes
from ftft.errors import DataError
from ftft.utils.plural import counted

_DOCUMENT = "-DOCSTART-"
# No-break spaces are words in some files, so only these two separate columns.
_SPACES = re.compile("[ \t]+")


@dataclass(frozen=True)
class Sentence:
    """A sentence and where it begins.

    Attributes:
        line: The line of its first word, from 1.
        words: Its words.
        tags: As many tags.
    """

    line: int
    words: list[str]
    tags: list[str]


def read_conll(path: Path, word: int, tag: int) -> list[Sentence]:
    """Read all sentences of a CoNLL file.

    Columns are separated by a tab, or else by spaces. A line of nothing but tabs and spaces ends a
    sentence, and so does one that begins with ``-DOCSTART-``, which is left out. Comments such as
    ``# sent_id = 1`` are left out where a sentence begins.

    Args:
        path: The file; gzip-compressed where it ends in ``.gz``.
        word: The column of the words, from 1; from the end where it is negative.
        tag: The column of the tags, likewise.

    Raises:
        DataError: A line has too few columns, or an empty word or tag; the file is not UTF-8.
    """
    sentences: list[Sentence] = []
    current: Sentence | None = None
    for number, text in _lines(path):
        fields = _fields(text)
        if not any(fields) or fields[0] == _DOCUMENT:
            current = None
            continue
        if current is None and text.startswith("# ") and "\t" not in text and " = " in text:
            continue
        if current is None:
            current = Sentence(number, [], [])
            sentences.append(current)
        current.words.append(_field(fields, word, "word", path, number))
        current.tags.append(_field(fields, tag, "tag", path, number))
    return sentences


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with open_bytes(path) as stream:
        for number, content in enumerate(stream, start=1):
            try:
                text = content.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DataError(not_utf8(path)) from None
            yield number, text.rstrip("\r\n")


def _fields(text: str) -> list[str]:
    if "\t" in text:
        return [field.strip(" ") for field in text.split("\t")]
    return _SPACES.split(text.strip(" "))


def _field(fields: list[str], column: int, what: str, path: Path, line: int) -> str:
    position = column - 1 if column > 0 else len(fields) + column
    if len(fields) < 2 or not 0 <= position < len(fields):
        count = counted(len(fields), "column")
        raise DataError(
            f"{path}, line {line:,}: {count} ({short(' '.join(fields))}) where a word and its tag "
            f"were expected, the {what} in column {column}, separated by a tab or a space. Repair "
            "the line, or name the columns: 'text' for the words and 'label' for the tags, counted "
            "from 1, or from the end as in -1."
        )
    if not fields[position]:
        raise DataError(
            f"{path}, line {line:,}: the {what} in column {column} is empty. Repair the line; an "
            "empty line ends a sentence."
        )
    return fields[position]
