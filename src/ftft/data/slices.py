"""Slices of the examples, from a table of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from ftft.data.ids import first_repeat
from ftft.data.lines import rows_of_table
from ftft.data.sources import read_table
from ftft.errors import DataError

_ID = "example_id"


def read_slices(path: Path, columns: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Read a table of slices: column to example id to value; empty cells are left out.

    Args:
        path: A CSV, TSV, JSON-lines or Parquet file with a column ``example_id``.
        columns: The other columns to read, each with the option that names it; None: all.

    Raises:
        DataError: The file cannot be read, has no column ``example_id`` or no other one, or an
            id is missing or there twice.
    """
    try:
        table = read_table(path, None if columns is None else {_ID: "", **columns})
    except DataError as error:
        others = "at least one more" if columns is None else ", ".join(columns)
        raise DataError(f"{error} A table of slices has a column {_ID} and {others}.") from error
    names = [name for name in table.column_names if name != _ID]
    if len(names) == table.num_columns or not names:
        raise DataError(
            f"{path}: the columns are {', '.join(table.column_names)}, but a table of slices has a "
            f"column {_ID} and at least one more."
        )
    ids = table.column(_ID).to_pylist()
    if not all(ids):
        row = next(row for row, one in enumerate(ids, start=1) if not one)
        at = rows_of_table(path, [row])
        raise DataError(f"{path}, {at}: the {_ID} is empty. Give every row its id.")
    repeat = first_repeat(pa.array(ids, pa.string()))
    if repeat is not None:
        first, (second, *_) = repeat
        places = " and in ".join(rows_of_table(path, [row + 1]) for row in (first, second))
        raise DataError(
            f"{path}: the {_ID} {ids[first][:80]!r} is in {places}. Give each example one row."
        )
    return {
        name: {
            one: value
            for one, value in zip(ids, table.column(name).to_pylist(), strict=True)
            if value
        }
        for name in names
    }
