"""JSON-lines files: one object a line, every value as the string the file holds.

pyarrow's JSON reader guesses types (an id that looks like a date becomes one), so the
lines are parsed with Python's ``json``, numbers kept as written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ftft.data.messages import require_columns, rows_named
from ftft.data.readers.charset import not_utf8
from ftft.data.readers.delimited import open_bytes
from ftft.errors import DataError

# What is missing in a table of pandas is a bare NaN in the lines that `json` makes of it.
_DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=lambda name: None if name == "NaN" else name
)


def read_json_lines(
    path: Path, wanted: Collection[str] | None = None, nested: Collection[str] = ()
) -> pa.Table:
    """Read some keys of every object of a JSON-lines file.

    Args:
        path: The file; gzip-compressed where it ends in ``.gz``.
        wanted: The keys to return; None: all that any object has.
        nested: Keys whose lists and objects become JSON.

    Returns:
        A table with the wanted keys as string columns; null where an object lacks the
        key or holds null or NaN. Numbers are as written, booleans ``true`` and ``false``.

    Raises:
        DataError: A line is not a JSON object, the file is empty or not UTF-8, no object
            has a wanted key, or a wanted value is a list or an object.
    """
    if wanted is None:
        wanted = list(dict.fromkeys(key for _, one in iterate_records(path) for key in one))
    cells: dict[str, list[str | None]] = {name: [] for name in wanted}
    keys: dict[str, None] = {}
    for line, record in iterate_records(path):
        keys.update(dict.fromkeys(record))
        for name, column in cells.items():
            value = record.get(name)
            if name in nested and isinstance(value, list | dict):
                value = json.dumps(value, ensure_ascii=False)
            column.append(_as_string(value, path, line, name))
    if not keys:
        raise DataError(f"{path} is empty; one JSON object a line was expected.")
    require_columns(wanted, list(keys), str(path))
    return pa.table({name: _string_array(cells[name], path, name) for name in cells})


def iterate_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line, object)`` for every line that is not blank; lines count from 1.

    Raises:
        DataError: A line is not UTF-8 or not a JSON object.
    """
    with open_bytes(path) as stream:
        for line, content in enumerate(stream, start=1):
            try:
                text = content.decode("utf-8-sig" if line == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise DataError(not_utf8(path)) from None
            if text:
                yield line, _parsed(text, path, line)


def _parsed(text: str, path: Path, line: int) -> dict[str, Any]:
    try:
        record = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        hint = " The file looks like one JSON array." if line == 1 and text[0] == "[" else ""
        raise DataError(
            f"{path}, line {line:,}: not valid JSON ({reason}).{hint} "
            "JSON lines have one object a line."
        ) from None
    if not isinstance(record, dict):
        raise DataError(
            f"{path}, line {line:,}: not a JSON object but a {type(record).__name__}. JSON lines "
            'have one object a line, as in {"text": "…", "label": "…"}.'
        )
    return record


def _as_string(value: object, path: Path, line: int, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise DataError(
        f"{path}, line {line:,}: {name!r} holds a {type(value).__name__}; "
        "a text or a number was expected."
    )


def _string_array(values: list[str | None], path: Path, name: str) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        at = next(i for i, value in enumerate(values) if value and not _encodes(value))
        line, _ = next(islice(iterate_records(path), at, None))
        place = f"{path}, {rows_named([at + 1], [line])}"
        raise DataError(
            f"{place}: {name!r} holds half a surrogate pair (\\ud800 to \\udfff), "
            "which is no character and cannot be stored. Remove or repair it."
        ) from None


def _encodes(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
