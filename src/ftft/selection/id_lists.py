"""Lists of example ids, made by hand or by another tool, that are taken for a selection.

.csv, .tsv   a column ``example_id``, ``id`` or ``guid``; or one column alone, with no heading
.jsonl       an id a line, or an object with one of these keys
.json        the same, or one array
.txt         an id a line
.parquet     a column ``example_id``, ``id`` or ``guid``
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ftft.data.messages import rows_named
from ftft.data.readers.delimited import Dialect, iterate_rows, open_text
from ftft.dynamics.examples import check_unique, to_ids
from ftft.errors import DynamicsError, reason

ID_COLUMNS = ("example_id", "id", "guid")
# What `ftft export` puts before a text that a spreadsheet would run as a formula.
_INERT = re.compile(r"^'(?=[=+\-@\t\r\n＝＋－＠])")


def is_id_list(path: Path) -> bool:
    """Whether a file is to be read as a list of ids, and not as a selection that ftft wrote."""
    if path.suffix.lower() != ".parquet":
        return path.suffix.lower() in _READERS and path.is_file()
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        return False  # reading it as a selection says what is wrong
    return b"ftft" not in (schema.metadata or {}) and _column(schema.names) is not None


def read_ids(path: Path) -> pa.StringArray:
    """Read a list of ids in its order.

    Args:
        path: The file; its ending says what it is, see above.

    Returns:
        At least one id, each once.

    Raises:
        DataError: The file is not UTF-8, or its quotes are wrong.
        DynamicsError: It cannot be read otherwise, or holds no ids or one of them twice.
    """
    try:
        ids = to_ids(_READERS[path.suffix.lower()](path))
    except DynamicsError as error:
        raise DynamicsError(f"{path}: {error}") from error
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise DynamicsError(
            f"{path} cannot be read as a list of example ids: {reason(error)}. Give a file with an "
            f"id a line (.txt, .jsonl), or with a column {' or '.join(ID_COLUMNS)}."
        ) from error
    if not len(ids):
        raise DynamicsError(
            f"{path} holds no example id. Give a file with an id a line (.txt, .jsonl), or with a "
            f"column {' or '.join(ID_COLUMNS)}."
        )
    check_unique(ids, str(path))
    return ids


def _delimited(path: Path) -> Sequence[str]:
    dialect = Dialect("\t" if path.suffix.lower() == ".tsv" else ",")
    lines, rows = [], []
    for line, row in iterate_rows(path, dialect):
        if any(row):
            lines.append(line)
            rows.append(row)
    if not rows:
        return []
    name = _column(rows[0])
    if name is None and max(map(len, rows)) > 1:
        raise ValueError(f"its columns are {', '.join(rows[0])[:200]}")
    column = 0 if name is None else rows[0].index(name)
    short = next((n for n, row in enumerate(rows) if len(row) <= column), None)
    if short is not None:
        raise ValueError(f"{rows_named([short], [lines[short]])} has no cell in the column {name}")
    return [_INERT.sub("", row[column]) for row in rows[name is not None :]]


def _lines(path: Path) -> Sequence[str]:
    return [line.rstrip("\r") for line in _text(path).split("\n") if line.strip()]


def _text(path: Path) -> str:
    with open_text(path) as file:
        return file.read()


def _json_lines(path: Path) -> Sequence[Any]:
    return [_id_of(json.loads(line)) for line in _lines(path)]


def _json(path: Path) -> Sequence[Any]:
    try:
        content = json.loads(_text(path))
    except json.JSONDecodeError:
        return _json_lines(path)
    return [_id_of(one) for one in (content if isinstance(content, list) else [content])]


def _id_of(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    name = _column(list(value))
    if name is None:
        raise ValueError(f"an object has the keys {', '.join(map(str, value))[:200]}")
    return value[name]


def _parquet(path: Path) -> Any:
    name = _column(pq.read_schema(path).names)
    return pq.read_table(path, columns=[name]).column(name)


def _column(names: Sequence[str]) -> str | None:
    return next((name for name in ID_COLUMNS if name in names), None)


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".txt": _lines,
    ".jsonl": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
}
