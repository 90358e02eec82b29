"""CSV and TSV files: every cell as a string, fast, with the line of what is wrong.

pyarrow reads the file. Where it refuses, the file is read again with Python's ``csv``,
which is slow but knows the line: that pass either names the fault or, where pyarrow met
a limit of its own, returns the table. Both follow the same dialect: a quote matters
at the start of a field only, a doubled quote inside quotes is a quote, blank lines are skipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv as pa_csv

from ftft.data.wording import require_columns
from ftft.errors import DataError

_BLOCK_BYTES = 8 << 20

# An extra line after the end of a file: where it is not a row of its own, a quote is
# open. The csv module itself would take the rest of the file silently.
_END = "\0ftft\0"

_BREAK = re.compile(r"[\r\n]")


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: One character.
        quoting: Whether double quotes enclose fields.
        columns: The column names of a file without header; None: the first row has them.
    """

    delimiter: str
    quoting: bool = True
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Head:
    """The column names, and how many rows (blank lines included) come before the data."""

    names: list[str]
    skip: int


def read_delimited(path: Path, dialect: Dialect, wanted: Sequence[str]) -> pa.Table:
    """Read some columns of a CSV or TSV file.

    Args:
        path: The file; gzip-compressed where it ends in ``.gz``.
        dialect: How it is written.
        wanted: The columns to return.

    Returns:
        A table with the wanted columns, all strings without nulls.

    Raises:
        DataError: The file is empty, not UTF-8, has rows of different lengths, a quote
            that is never closed, or lacks a column.
    """
    head = _read_head(path, dialect)
    require_columns(wanted, head.names, str(path))
    try:
        table = _read_fast(path, dialect, head, wanted)
    except (pa.ArrowInvalid, OSError):
        table = None  # read again, by the reader that says what is wrong and where
    if table is None:
        return _read_slow(path, dialect, head, wanted)
    return table


def _read_fast(path: Path, dialect: Dialect, head: _Head, wanted: Sequence[str]) -> pa.Table | None:
    """Read with pyarrow; None where the last cell may be a quote that is never closed."""
    # Positions as names: the header's own may be empty or repeated. The last column is
    # read in any case, because a quote that is never closed ends in its last cell.
    last = len(head.names) - 1
    positions = [head.names.index(name) for name in wanted]
    keep = [str(i) for i in dict.fromkeys([*positions, last])]
    with _native(path) as stream:
        table = pa_csv.read_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                column_names=[str(i) for i in range(len(head.names))],
                skip_rows_after_names=head.skip,
                block_size=_BLOCK_BYTES,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char='"' if dialect.quoting else False,
                newlines_in_values=dialect.quoting,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(keep, pa.string()), include_columns=keep
            ),
        )
    if dialect.quoting and len(table) and _BREAK.search(table.column(str(last))[-1].as_py()):
        return None
    return table.select([str(i) for i in positions]).rename_columns(list(wanted))


def _read_slow(path: Path, dialect: Dialect, head: _Head, wanted: Sequence[str]) -> pa.Table:
    positions = [head.names.index(name) for name in wanted]
    cells: list[list[str]] = [[] for _ in positions]
    for line, row in _rows_after(path, dialect, head.skip):
        if len(row) != len(head.names):
            raise DataError(_ragged(path, dialect, line, len(row), len(head.names)))
        for column, position in zip(cells, positions, strict=True):
            column.append(row[position])
    arrays = [pa.array(column, pa.string()) for column in cells]
    return pa.table(dict(zip(wanted, arrays, strict=True)))


def _rows_after(path: Path, dialect: Dialect, skip: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with its line, after the first ``skip``."""
    for number, (line, row) in enumerate(iterate_rows(path, dialect)):
        if number >= skip and row:
            yield line, row


def iterate_rows(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line, cells)`` of a file, blank lines as empty lists; lines count from 1.

    Raises:
        DataError: The file is not UTF-8, or a quote is never closed.
    """
    with _open_text(path) as lines, _long_fields():
        reader = csv.reader(
            chain(lines, [_END]),
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE,
        )
        line = 1
        while True:
            try:
                row = next(reader)
            except UnicodeDecodeError:
                raise DataError(_not_utf8(path)) from None
            except csv.Error as error:
                raise DataError(f"{path}, line {line}: not readable as CSV ({error}).") from None
            if row == [_END]:
                return
            if row and row[-1].endswith(_END):
                raise DataError(_never_closed(path, line))
            yield line, row
            line = reader.line_num + 1


def _read_head(path: Path, dialect: Dialect) -> _Head:
    blank = 0
    for _, row in iterate_rows(path, dialect):
        if not row:
            blank += 1
        elif dialect.columns is None:
            return _Head(row, blank + 1)
        elif len(row) != len(dialect.columns):
            raise DataError(
                f"{path}: the first row has {len(row)} column(s), but 'columns' names "
                f"{len(dialect.columns)}; name every column of the file, in order."
                f"{_other_delimiter(row)}"
            )
        else:
            return _Head(list(dialect.columns), blank)
    raise DataError(f"{path} is empty; a header and at least one row were expected.")


def _other_delimiter(row: list[str]) -> str:
    return " Is the 'delimiter' right?" if len(row) == 1 else ""


def _ragged(path: Path, dialect: Dialect, line: int, found: int, expected: int) -> str:
    hint = "the delimiter inside a text must be enclosed in double quotes"
    if dialect.quoting:
        hint += "; if the file does not use quotes at all, set quoting: false"
    else:
        hint = "if the file encloses texts in double quotes, set quoting: true"
    return (
        f"{path}, line {line:,}: {found} columns where the "
        f"{'header' if dialect.columns is None else 'list of columns'} has {expected}; {hint}."
    )


def _never_closed(path: Path, line: int) -> str:
    return (
        f"{path}: a double quote opens in the row that starts in line {line:,} and is never "
        "closed. Close it, or set quoting: false if the file does not use quotes."
    )


def _not_utf8(path: Path) -> str:
    """Say where the first byte is that is not UTF-8."""
    with open_bytes(path) as stream:
        content = stream.read()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return (
            f"{path} is written in UTF-16, not UTF-8. Convert it: "
            "iconv -f UTF-16 -t UTF-8 OLD > NEW."
        )
    if content[:2] in (b"\x1f\x8b", b"PK"):
        return (
            f"{path} is compressed, but its name does not say so. A gzip file must end in .gz; "
            "unpack other archives first."
        )
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return (
            f"{path}, line {line:,}: byte {error.start:,} (0x{content[error.start]:02x}) is not "
            "UTF-8. Convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW."
        )
    return f"{path} is not UTF-8."


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, decompressed where it ends in ``.gz``."""
    with path.open("rb") as stored:
        if path.suffix != ".gz":
            yield stored
            return
        with gzip.GzipFile(fileobj=stored) as stream:
            yield cast(IO[bytes], stream)


@contextmanager
def _native(path: Path) -> Iterator[pa.NativeFile]:
    # Not a Python file: pyarrow's threads let go of it late, which aborts a process that ends.
    with pa.OSFile(str(path)) as stored:
        if path.suffix != ".gz":
            yield stored
            return
        with pa.CompressedInputStream(stored, "gzip") as stream:
            yield stream


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    # newline="" leaves line breaks inside quotes to the csv module.
    with open_bytes(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        yield text


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 128 KiB a field, which is global, for a while."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
