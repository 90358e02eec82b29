"""The first rows of a file, and how the file is written: what detection looks at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ftft.config.formats import FileFormat, format_by_name
from ftft.data.readers.delimited import (
    Dialect,
    check_even,
    iterate_rows,
    open_bytes,
    open_text,
)
from ftft.data.readers.json_lines import iterate_records
from ftft.data.readers.reading import reading
from ftft.data.sources import check_file
from ftft.errors import DataError

_SAMPLE = 2_000
_DIALECT_ROWS = 100_000
_DELIMITERS = {"csv": ",;\t|", "tsv": "\t,;|"}
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Head:
    """The first rows of a file.

    Attributes:
        format: The file's format.
        delimiter: Only where it is not the one of the format.
        quoting: Whether double quotes enclose fields.
        header: Whether the first row names the columns.
        escape: What is written before a quote that is part of a text, if not another quote.
        columns: Column name to its first values; without a header the columns
            are called ``column_1``, ``column_2`` and so on.
    """

    format: FileFormat
    delimiter: str | None
    quoting: bool
    header: bool
    escape: str | None
    columns: dict[str, list[str]]


def read_head(path: Path) -> Head:
    """Find out how a file is written, and read its first rows.

    Raises:
        DataError: The file does not exist, is empty or is of no known format.
    """
    check_file(path)
    with reading(path, "a data file"):
        return _head_as(format_by_name(path) or _format_from_content(path), path)


def _head_as(chosen: FileFormat, path: Path) -> Head:
    if chosen == "conll":
        raise DataError(
            f"{path}: the columns of a CoNLL file have no names, and each word has a tag; leave "
            "--text and --label out."
        )
    if chosen == "parquet":
        return Head(chosen, None, True, True, None, _parquet_columns(path))
    if chosen == "jsonl":
        records = [record for _, record in islice(iterate_records(path), _SAMPLE)]
        names = dict.fromkeys(key for record in records for key in record)
        columns = {name: [_shown(record.get(name)) for record in records] for name in names}
        return Head(chosen, None, True, True, None, columns)
    return _delimited_head(path, chosen)


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return "" if value is None else str(value)


def _format_from_content(path: Path) -> FileFormat:
    with open_bytes(path) as stream:
        start = stream.read(4096)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return "jsonl"
    first = start.partition(b"\n")[0]
    return "tsv" if first.count(b"\t") >= max(1, first.count(b",")) else "csv"


def _parquet_columns(path: Path) -> dict[str, list[str]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=_SAMPLE), None)
    columns = {} if batch is None else batch.to_pydict()
    return {name: [_shown(value) for value in values] for name, values in columns.items()}


def _delimited_head(path: Path, chosen: FileFormat) -> Head:
    dialect, rows = _find_dialect(path, chosen)
    header = not _is_data(rows[0], rows[1:])
    names = rows[0] if header else [f"column_{i + 1}" for i in range(len(rows[0]))]
    body = rows[1:] if header else rows
    usual = dialect.delimiter == _DELIMITERS[chosen][0]
    columns = {name: [row[i] for row in body] for i, name in enumerate(names)}
    delimiter = None if usual else dialect.delimiter
    return Head(chosen, delimiter, dialect.quoting, header, dialect.escape, columns)


def _find_dialect(path: Path, chosen: FileFormat) -> tuple[Dialect, list[list[str]]]:
    """Return the first dialect in which all rows have the same number (> 1) of columns."""
    for delimiter in _DELIMITERS[chosen]:
        plain = _even_rows(path, Dialect(delimiter, quoting=False))
        quoted = _even_rows(path, Dialect(delimiter, quoting=True))
        if quoted and not (plain and _never_encloses(plain)):
            return Dialect(delimiter, quoting=True), quoted[:_SAMPLE]
        escaped = [] if quoted else _even_rows(path, Dialect(delimiter, escape="\\"))
        if escaped and (not plain or _escapes(plain)):
            return Dialect(delimiter, escape="\\"), escaped[:_SAMPLE]
        if plain:
            if not quoted and _nearly_all_enclosed(plain):
                _even_rows(path, Dialect(delimiter, quoting=True), refuse=True)
            return Dialect(delimiter, quoting=False), plain[:_SAMPLE]
    _refuse(path, chosen)
    raise DataError(
        f"{path}: no delimiter gives all rows the same number of columns (at least two). Check "
        "the file, or write the experiment file by hand with 'delimiter', 'quoting', 'escape' and "
        "'header'."
    )


def _refuse(path: Path, chosen: FileFormat) -> None:
    """Say where a file stops being as it is usually written, with the delimiter of its header.

    Raises:
        DataError: Naming the line.
    """
    with open_text(path) as lines:
        header = next((line for line in lines if line.strip()), "")
    if not header:
        raise DataError(f"{path} is empty; a header and at least one row were expected.")
    delimiter = max(_DELIMITERS[chosen], key=header.count)
    if delimiter not in header:
        return
    try:
        check_even(path, Dialect(delimiter))
    except DataError as error:
        raise DataError(
            f"{error} No other delimiter, nor quoting: false, nor escape gives all rows the same "
            "number of columns, so repair the file."
        ) from error


def _even_rows(path: Path, dialect: Dialect, *, refuse: bool = False) -> list[list[str]]:
    """Return the first rows if all have the same length, at least 2; nothing otherwise."""
    rows: list[list[str]] = []
    try:
        for _, row in islice(iterate_rows(path, dialect), _DIALECT_ROWS):
            if row:
                rows.append(row)
            if row and (len(row) != len(rows[0]) or len(row) < 2):
                return []
    except DataError:
        if refuse or not dialect.quoting:  # not a matter of quotes: the file is no text
            raise
        return []
    return rows


def _never_encloses(rows: list[list[str]]) -> bool:
    """Tell from cells as written whether quotes are part of the texts, not around them.

    A writer that encloses texts encloses every text with a quote in it, and doubles that.
    """
    return not all(_is_enclosed(cell) for cell in _with_quotes(rows))


def _nearly_all_enclosed(rows: list[list[str]]) -> bool:
    """Tell from cells as written whether quotes enclose texts, but for a few that are damaged."""
    cells = _with_quotes(rows)
    return len(cells) > 1 and sum(map(_is_enclosed, cells)) > 0.9 * (len(cells) - 1)


def _with_quotes(rows: list[list[str]]) -> list[str]:
    return [cell for row in rows for cell in row if '"' in cell]


def _is_enclosed(cell: str) -> bool:
    ends = len(cell) > 1 and cell.startswith('"') and cell.endswith('"')
    return ends and '"' not in cell[1:-1].replace('""', "")


def _escapes(rows: list[list[str]]) -> bool:
    """Tell from cells as written whether quotes around texts hold others with a backslash."""
    return any(
        cell.startswith('"') and cell.endswith('"') and '\\"' in cell[1:-1]
        for cell in _with_quotes(rows)
    )


def _is_data(first: list[str], others: list[list[str]]) -> bool:
    """Tell whether the first row is an example: numbers, long texts, values seen again."""
    for i, cell in enumerate(first):
        if len(cell) > _LONGEST_NAME or _is_number(cell):
            return True
        values = [row[i] for row in others]
        few = len(set(values)) <= max(2, len(values) // 10)
        if cell and few and cell in values:
            return True
    return False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
