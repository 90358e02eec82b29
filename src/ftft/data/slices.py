"""Tables of slices: what groups examples, by example id."""

from __future__ import annotations

from pathlib import Path

from ftft.data.readers.delimited import Dialect
from ftft.data.sources import check_file, format_of, read_table
from ftft.errors import DataError

_ID = "example_id"


def read_slices(path: Path) -> dict[str, dict[str, str]]:
    """Read a table of slices: column to example id to value; empty cells are left out.

    Raises:
        DataError: The file cannot be read, has no column ``example_id`` and another one, or
            gives an example two values.
    """
    check_file(path)
    chosen = format_of(path)
    table = read_table(path, chosen, Dialect("\t" if chosen == "tsv" else ",")).columns
    columns = [name for name in table.column_names if name != _ID]
    if _ID not in table.column_names or not columns:
        raise DataError(
            f"{path}: the columns are {', '.join(table.column_names)}, but a table of slices has "
            f"a column {_ID} and at least one more."
        )
    ids = [one or "" for one in table.column(_ID).to_pylist()]
    slices = {}
    for name in columns:
        values: dict[str, str] = {}
        for row, (one, value) in enumerate(zip(ids, table.column(name).to_pylist(), strict=True)):
            if value and values.setdefault(one, value) != value:
                raise DataError(
                    f"{path}, row {row + 1:,}: {_ID} {one!r} has {value!r} in the column {name!r}, "
                    f"but {values[one]!r} in an earlier row; give each example one value."
                )
        slices[name] = values
    return slices
