"""Maps, selections and candidates for other tools: CSV, Parquet, JSON lines, datasets."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from ftft.dynamics.examples import check_unique, to_ids
from ftft.errors import DynamicsError
from ftft.utils.atomic import atomic_path
from ftft.utils.names import free_name
from ftft.utils.table_files import ENDINGS, kind_written

FORMATS = ("csv", "parquet", "jsonl", "datasets")
# What a spreadsheet takes for a formula at the start of a cell, in full width too.
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"


def export_table(
    table: pa.Table,
    path: str | PathLike[str],
    *,
    kind: str | None = None,
    rows: pa.Table | None = None,
    id_column: str = "example_id",
) -> None:
    """Write a table with an ``example_id`` column for other tools, whole or not at all.

    Args:
        table: ``DataMap.to_table()``, ``Selection.to_table()`` or ``label_error_candidates(…)``.
        path: The file; for "datasets" a new folder, as ``datasets.load_from_disk`` reads it.
        kind: One of ``FORMATS``; by the ending of the path where None (none: datasets).
            In CSV, text that a spreadsheet would run as a formula (it starts with = + - @,
            a tab or a line break) gets a leading apostrophe.
        rows: The original rows, joined to the right by id. A column whose name the table
            has already is called ``original_…``.
        id_column: The column of ``rows`` that holds the ids.

    Raises:
        DynamicsError: An unknown format, an id without or with several rows, or a path
            that cannot be written.
    """
    path = Path(path)
    kind = format_written(path) if kind is None else kind
    writers: Mapping[str | None, Callable[[pa.Table, Path], None]] = {
        "csv": _write_csv,
        "parquet": _write_parquet,
        "jsonl": _write_jsonl,
        "datasets": _write_datasets,
    }
    if kind not in writers:
        raise DynamicsError(
            f"There is no format {kind!r} to export to. Use one of: {', '.join(FORMATS)}."
        )
    if rows is not None:
        table = _joined(table, rows, id_column)
    writers[kind](table.replace_schema_metadata(None), path)


def format_written(path: Path) -> str:
    """The one of ``FORMATS`` that the ending of a path says.

    Raises:
        DynamicsError: It says none.
    """
    kind = kind_written(path) if path.suffix else "datasets"
    if kind is None:
        raise DynamicsError(
            f"{path}: the format to export to is not known. End the name in {ENDINGS}; without an "
            "ending, a datasets folder is written."
        )
    return kind


def _joined(table: pa.Table, rows: pa.Table, id_column: str) -> pa.Table:
    if id_column not in rows.column_names:
        raise DynamicsError(
            f"The original rows have no column {id_column!r}, only {', '.join(rows.column_names)}. "
            "Name the one that holds the example ids."
        )
    ids = to_ids(rows.column(id_column))
    check_unique(ids, "The original rows")
    wanted = table.column("example_id")
    wanted = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
    positions = pc.index_in(wanted, value_set=ids)
    if positions.null_count:
        missing = wanted.filter(positions.is_null())[0].as_py()
        raise DynamicsError(
            f"The original rows lack the example id {missing!r} ({positions.null_count} ids are "
            "missing). Give the data that the dynamics were recorded on."
        )
    for name in rows.column_names:
        if name != id_column:
            taken = {*rows.column_names, *table.column_names}
            target = free_name(name, taken) if name in table.column_names else name
            table = table.append_column(target, rows.column(name).take(positions))
    return table


def _write_csv(table: pa.Table, path: Path) -> None:
    flat = pa.table([_flat(column) for column in table.columns], names=table.column_names)
    with atomic_path(path) as temporary:
        pcsv.write_csv(formulas_inert(flat), temporary)


def _write_parquet(table: pa.Table, path: Path) -> None:
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


def _write_jsonl(table: pa.Table, path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for batch in table.to_batches(max_chunksize=1 << 14):
            file.writelines(_json(row) + "\n" for row in batch.to_pylist())


def _write_datasets(table: pa.Table, path: Path) -> None:
    try:
        import datasets
    except ImportError as error:
        raise DynamicsError(
            "Exporting to a datasets folder needs the package `datasets`: `pip install datasets`. "
            "Or export to Parquet, which `datasets` reads too."
        ) from error
    if path.exists():
        raise DynamicsError(f"{path} already exists. Export to a new folder, or remove it first.")
    bars = datasets.are_progress_bars_disabled()
    # They show the temporary folder's shards, and say nothing that ours does not.
    datasets.disable_progress_bars()
    try:
        with atomic_path(path) as temporary:
            datasets.Dataset(table).save_to_disk(str(temporary))
    finally:
        if not bars:
            datasets.enable_progress_bars()


def _flat(column: Any) -> Any:
    """Lists and structures as JSON text; CSV has no other place for them."""
    if pa.types.is_nested(column.type):
        texts = [None if cell is None else _json(cell) for cell in column.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def formulas_inert(table: pa.Table) -> pa.Table:
    """A table whose texts and column names no spreadsheet runs as formulas."""
    names = _inert(pa.array(table.column_names, pa.string())).to_pylist()
    return pa.table([_inert(column) for column in table.columns], names=names)


def _inert(column: Any) -> Any:
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    risky = pc.match_substring_regex(column, _FORMULA)
    prefixed = pc.binary_join_element_wise(pa.scalar("'", kind), column, pa.scalar("", kind))
    return pc.if_else(risky, prefixed, column)


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    """NaN and infinities as null: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
