"""Rows of a source as a person finds them in its file: by number, and by line where it has lines.

Rows count from 1 without the header, lines from 1 with it, and a row may have several lines.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from ftft.config.data import DataSource
from ftft.config.formats import FileFormat
from ftft.data.messages import NAMED_ROWS, rows_named
from ftft.data.readers.delimited import Dialect, iterate_rows
from ftft.data.readers.json_lines import iterate_records
from ftft.data.sources import dialect_of, format_of, local_file
from ftft.errors import DataError
from ftft.utils.remote import is_remote


def rows_in(source: DataSource, rows: Sequence[int]) -> str:
    """Name rows of a source: "row 3 (line 4)", "rows 3 and 7 (lines 4 and 9)".

    Args:
        source: It is read again as far as the last row that is named.
        rows: Their numbers, at least one.
    """
    if source.path is None or is_remote(source.path):
        return rows_named(rows)
    with local_file(source) as (path, chosen):
        return rows_named(rows, _lines(path, chosen, dialect_of(source, chosen), rows))


def rows_of_table(path: Path, rows: Sequence[int]) -> str:
    """The same of a table that stands beside the data, as ``read_table`` reads it."""
    chosen = format_of(path)
    return rows_named(rows, _lines(path, chosen, Dialect("\t" if chosen == "tsv" else ","), rows))


def _lines(path: Path, chosen: FileFormat, dialect: Dialect, rows: Sequence[int]) -> list[int]:
    """The first lines of the rows that are named; none where the file has no lines."""
    wanted = sorted(rows[:NAMED_ROWS])
    found: dict[int, int] = {}
    try:
        with closing(_starts(path, chosen, dialect)) as starts:
            for row, line in enumerate(starts, start=1):
                if row in wanted:
                    found[row] = line
                if row >= wanted[-1]:
                    break
    except (DataError, OSError):
        return []
    return [found[row] for row in rows[:NAMED_ROWS] if row in found]


def _starts(path: Path, chosen: FileFormat, dialect: Dialect) -> Generator[int, None, None]:
    """The line in which each row of a file begins."""
    if chosen == "jsonl":
        for line, _ in iterate_records(path):
            yield line
    elif chosen in ("csv", "tsv"):
        header = dialect.columns is None
        for line, cells in iterate_rows(path, dialect):
            if cells and not header:
                yield line
            header = header and not cells
