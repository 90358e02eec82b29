"""CSV and TSV files: every cell as a string, with the line of what is wrong.

There is one reader, Python's ``csv`` in its strict mode: what it takes is read the same by any
other, and what others would guess at is refused. A quote matters at the start of a field only, a
doubled quote inside quotes is a quote, nothing may follow a closing quote, and blank lines
are skipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from ftft.data.columns import text_chunks
from ftft.data.messages import require_columns
from ftft.data.readers.charset import GZIP, check_start, not_utf8
from ftft.errors import DataError
from ftft.utils.plural import counted

_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: One character.
        quoting: Whether double quotes enclose fields.
        columns: The column names of a file without header; None: the first row has them.
        escape: A character that takes the meaning from the one after it; None: there is none.
    """

    delimiter: str
    quoting: bool = True
    columns: tuple[str, ...] | None = None
    escape: str | None = None


def read_delimited(path: Path, dialect: Dialect, wanted: Collection[str] | None = None) -> pa.Table:
    """Read some columns of a CSV or TSV file.

    Args:
        path: The file; gzip-compressed where it ends in ``.gz``.
        dialect: How it is written.
        wanted: The columns to return; None: all that have a name.

    Returns:
        A table with the wanted columns, all strings without nulls.

    Raises:
        DataError: The file is empty, not UTF-8, has rows of different lengths, a quote
            that is never closed or has text after it, or lacks a column.
    """
    with closing(_rows(path, dialect)) as rows:
        names = next(rows)
        # What pandas writes first, by default, has no name.
        wanted = [name for name in names if name] if wanted is None else wanted
        require_columns(wanted, names, str(path))
        positions = [names.index(name) for name in wanted]
        parts: list[list[pa.Array]] = [[] for _ in positions]
        while part := list(islice(rows, _ROWS_AT_ONCE)):
            for chunks, position in zip(parts, positions, strict=True):
                chunks += text_chunks(row[position] for row in part)
    columns = [pa.chunked_array(chunks, pa.string()) for chunks in parts]
    return pa.table(dict(zip(wanted, columns, strict=True)))


def check_even(path: Path, dialect: Dialect) -> None:
    """Read a file to its end.

    Raises:
        DataError: As for :func:`read_delimited`.
    """
    for _ in _rows(path, dialect):
        pass


def _rows(path: Path, dialect: Dialect) -> Generator[list[str], None, None]:
    """Yield the names of the columns, then every row that is not blank, all of one length."""
    names: list[str] = []
    for line, row in iterate_rows(path, dialect):
        if not row:
            continue
        if not names:
            names = row if dialect.columns is None else list(dialect.columns)
            _check_first(path, row, names)
            yield names
            if dialect.columns is None:
                continue
        if len(row) != len(names):
            raise DataError(_ragged(path, dialect, line, len(row), len(names)))
        yield row
    if not names:
        raise DataError(f"{path} is empty; a header and at least one row were expected.")


def _check_first(path: Path, row: list[str], names: list[str]) -> None:
    if len(row) != len(names):
        hint = " Is the 'delimiter' right?" if len(row) == 1 else ""
        raise DataError(
            f"{path}: the first row has {counted(len(row), 'column')}, but 'columns' names "
            f"{len(names)}; name every column of the file, in order.{hint}"
        )


def iterate_rows(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line, cells)`` of a file, blank lines as empty lists; lines count from 1.

    Raises:
        DataError: The file is not UTF-8, or a quote is never closed or has text after it.
    """
    with open_text(path) as lines, _long_fields():
        reader = csv.reader(
            lines,
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE,
            escapechar=dialect.escape,
            strict=True,
        )
        line = 1
        try:
            for row in reader:
                yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(_misquoted(path, dialect, line, str(error))) from None


def _ragged(path: Path, dialect: Dialect, line: int, found: int, expected: int) -> str:
    hint = "the delimiter inside a text must be enclosed in double quotes"
    if dialect.quoting:
        hint += "; if the file does not use quotes at all, set quoting: false"
        hint += (
            "" if dialect.escape else '; if it writes \\ before what is text, set escape: "\\\\"'
        )
    else:
        hint = "if the file encloses texts in double quotes, set quoting: true"
    return (
        f"{path}, line {line:,}: {counted(found, 'column')} where the "
        f"{'header' if dialect.columns is None else 'list of columns'} has {expected}; {hint}."
    )


def _misquoted(path: Path, dialect: Dialect, line: int, reason: str) -> str:
    """Say what is wrong with the quotes, or the escapes, of a row."""
    row = f"the row that starts in line {line:,}"
    if reason != "unexpected end of data":  # a delimiter was expected after a quote
        problem = f"in {row}, text follows the double quote that closes a cell. Repair the row"
    elif dialect.quoting:
        problem = f"a double quote opens in {row} and is never closed. Close it"
    else:
        problem = f"{row} ends with {dialect.escape} and nothing after it. Repair the row"
    parts = [f"{path}: {problem}, or get the file again if it was cut off."]
    if dialect.quoting and dialect.escape is None:
        parts.append('If the file writes \\" for a quote inside a text, set escape: "\\\\".')
    if dialect.quoting:
        parts.append("If it does not enclose texts in quotes at all, set quoting: false.")
    return " ".join(parts)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a text file for reading bytes, decompressed where it ends in ``.gz``.

    Raises:
        DataError: It is compressed, or not, other than its name says, or in UTF-16 or UTF-32.
    """
    with path.open("rb") as stored:
        if path.suffix != ".gz":
            check_start(path, stored.peek(16))
            yield stored
            return
        if stored.peek(2)[:2] not in (b"", GZIP):
            raise DataError(
                f"{path} is not a gzip file, though its name ends in .gz. Take .gz off the name, "
                "or get the file again."
            )
        with gzip.GzipFile(fileobj=stored) as stream:
            check_start(path, stream.peek(16))
            yield cast(IO[bytes], stream)


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file in UTF-8, decompressed where it ends in ``.gz``; line breaks stay.

    Raises:
        DataError: As for :func:`open_bytes`, or what is read of it is not UTF-8.
    """
    with open_bytes(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        try:
            yield text
        except UnicodeDecodeError:
            raise DataError(not_utf8(path)) from None


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 128 KiB a field, which is global, for a while."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
