"""The rows of the training files as they are there, by example id."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataConfig, DataSource
from ftft.data.columns import take_rows
from ftft.data.load import assign_ids
from ftft.data.normalize import prepare
from ftft.data.readers.sniff import read_head
from ftft.data.sources import dialect_of, local_file, read_as
from ftft.utils.names import free_name

EXAMPLE_ID = "example_id"


def original_rows(config: DataConfig) -> pa.Table | None:
    """Every column of the training files under its own name, and ``example_id`` before them.

    For classification; ids are assigned as :func:`ftft.data.load.load_data` does. A column of that
    name is left out where all sources read their ids from it; else it is ``original_…``.

    Args:
        config: What to read; relative paths count from the current folder.

    Returns:
        The rows of all sources, also those that are held out or beyond a limit; None where a
        source is not a file.

    Raises:
        DataError: A file cannot be read.
    """
    if any(source.path is None for source in config.train):
        return None
    parts = [prepare(source, known=config.classes) for source in config.train]
    ids = assign_ids(parts)
    found = [take_rows(_every_column(one.source), pc.subtract(one.rows, 1)) for one in parts]
    # One name in all files, so that a column of another does not come under it.
    called = free_name(
        EXAMPLE_ID, {EXAMPLE_ID, *(name for one in found for name in one.column_names)}
    )
    repeated = all(source.id == EXAMPLE_ID for source in config.train)
    tables, start = [], 0
    for rows, part in zip(found, parts, strict=True):
        if repeated:
            rows = rows.drop_columns(EXAMPLE_ID)
        names = [called if name == EXAMPLE_ID else name for name in rows.column_names]
        rows = rows.rename_columns(names)
        tables.append(rows.add_column(0, EXAMPLE_ID, [ids.slice(start, len(part))]))
        start += len(part)
    return pa.concat_tables(tables, promote_options="default")


def _every_column(source: DataSource) -> pa.Table:
    with local_file(source) as (path, chosen):
        nested = list(read_head(path).columns) if chosen in ("jsonl", "parquet") else []
        dialect = dialect_of(source, chosen)
        return read_as(chosen, path, dialect, None, nested, in_source=True).columns
