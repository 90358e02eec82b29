"""From a file or a hub data set to a table of strings: no types guessed, nothing filtered."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataSource
from ftft.config.formats import ENDINGS, SUFFIXES, TABLES, FileFormat, format_by_name
from ftft.data.columns import narrowed, text_chunks
from ftft.data.messages import require_columns
from ftft.data.readers.delimited import Dialect, read_delimited
from ftft.data.readers.json_lines import read_json_lines
from ftft.data.readers.reading import reading
from ftft.errors import DataError
from ftft.utils.below import one_of
from ftft.utils.nearest import nearest
from ftft.utils.remote import is_remote, local_copy
from ftft.utils.web_page import is_web_page, raw_address

if TYPE_CHECKING:
    from datasets import Features

_OWN_FILES = ("map.parquet", "selection.parquet", "examples.parquet")


@dataclass(frozen=True)
class RawTable:
    """The columns that were asked for, as strings.

    Attributes:
        columns: Table of string columns; null where the source has no value.
        place: The file or data set, for messages.
        value_names: For columns stored as integers with names (``ClassLabel``), the names.
            The column itself holds the names already; an integer without a name, such as
            -1, is kept as it is.
    """

    columns: pa.Table
    place: str
    value_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.columns.num_rows)


def read_source(source: DataSource) -> RawTable:
    """Read the columns that a source names: texts, label, id, slices and conditions.

    Args:
        source: Where the data is and how it is read; relative paths count from the
            current folder.

    Returns:
        All rows in the order of the source.

    Raises:
        DataError: The source cannot be read, lacks a column or has no rows.
    """
    wanted = columns_of(source)
    table = _read_hub(source, wanted) if source.path is None else _read_file(source, wanted)
    if len(table) == 0:
        raise DataError(f"{source.place} has no rows; at least one example was expected.")
    return table


def columns_of(source: DataSource) -> dict[str, str]:
    """The columns that a source names, each with the first key that names it, quoted."""
    text, label = ("text", "label") if source.prompt is None else ("prompt", "completion")
    if source.messages is not None:
        text = label = "messages"
    named = {
        text: source.text,
        "choices": source.choices,
        label: [source.label],
        "slices": source.slices,
        "where": source.where,
        "group": [] if source.group is None else [source.group],
        "id": [] if source.id is None else [source.id],
    }
    if label == text:
        named[text] = source.text
    found: dict[str, str] = {}
    for key, columns in named.items():
        for column in columns:
            found.setdefault(column, repr(key))
    return found


def format_of(path: Path) -> FileFormat:
    """Tell a file's format from its suffix, ``.gz`` left aside.

    Raises:
        DataError: The suffix is not known.
    """
    found = format_by_name(path)
    if found is None:
        raise DataError(
            f"{path}: its name does not say its format. End it in {ENDINGS}, "
            "or give a source of an experiment file 'format': csv, tsv, jsonl, parquet or conll."
        )
    return found


def check_file(path: Path, *, in_source: bool = False) -> None:
    """Check that a path is a file.

    Args:
        path: The path.
        in_source: Whether it is the ``path`` of a source, which may be ``hub`` instead.

    Raises:
        DataError: It does not exist, or is a folder.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise DataError(
            f"{str(path)[:100]} cannot be read: {error.strerror or error}. Name a data file."
        ) from error
    if is_folder:
        raise DataError(_folder_instead(path, in_source=in_source))
    if not is_file:
        folder = path.absolute().parent
        if not folder.is_dir():
            raise DataError(f"{path} does not exist, nor does the folder {folder}.")
        names = [entry.name for entry in _entries(folder)]
        raise DataError(f"{path} does not exist in {folder}.{nearest(path.name, names)}")
    if is_web_page(path):
        raise DataError(
            f"{path} is a web page (HTML), where a data file was expected; download it again, from "
            f"{raw_address('')}."
        )


def _folder_instead(folder: Path, *, in_source: bool) -> str:
    """What to say where a folder was given for a data file."""
    files = sorted(one for one in _entries(folder) if one.suffix.lower() in SUFFIXES)
    # What a run writes is no table of examples, nor are the settings of a model or a stage.
    tables = [one for one in files if one.suffix.lower() != ".json" and one.name not in _OWN_FILES]
    hint = f", such as {one_of(tables)}" if tables else ""
    hub = " A folder that holds a data set goes under 'hub'." if in_source else ""
    return f"{folder} is a folder, where a file was expected. Give a {TABLES} file{hint}.{hub}"


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, as far as it may be listed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


@contextmanager
def local_file(source: DataSource) -> Iterator[tuple[Path, FileFormat]]:
    """The file of a source, fetched where it is elsewhere, and its format.

    Errors within name the place that the source names.

    Raises:
        DataError: There is no such file, or nobody knows its format.
    """
    place = str(source.path)
    path = local_copy(place, DataError) if is_remote(place) else Path(place)
    try:
        check_file(path, in_source=True)
        yield path, source.format or format_of(path)
    except DataError as error:
        if not is_remote(place):
            raise
        raise DataError(str(error).replace(str(path), source.place)) from error


def _read_file(source: DataSource, wanted: Collection[str]) -> RawTable:
    with local_file(source) as (path, chosen):
        if chosen == "conll":
            raise DataError(
                f"{path}: a CoNLL file has a tag for each word, and no classes of texts: set task: "
                "token-classification, or name another file or 'format'."
            )
        dialect = dialect_of(source, chosen)
        raw = read_as(chosen, path, dialect, wanted, source.nested, in_source=True)
    return replace(raw, place=source.place)


def read_as(
    chosen: FileFormat,
    path: Path,
    dialect: Dialect,
    wanted: Collection[str] | None,
    nested: Collection[str] = (),
    *,
    in_source: bool = False,
) -> RawTable:
    """Read columns as strings; of those in ``nested``, lists and mappings become JSON.

    Raises:
        DataError: The file cannot be read.
    """
    with reading(path, chosen, in_source=in_source):
        if chosen == "parquet":
            return _read_parquet(path, wanted, nested)
        if chosen == "jsonl":
            return RawTable(read_json_lines(path, wanted, nested), str(path))
        return RawTable(read_delimited(path, dialect, wanted), str(path))


def read_table(path: Path, wanted: Collection[str] | None = None) -> pa.Table:
    """Read a table that stands beside the data, in the format that its suffix says.

    Args:
        path: A CSV, TSV, JSON-lines or Parquet file, written in the usual way.
        wanted: The columns to return; None: all.

    Returns:
        A table of string columns; null where the file has no value.

    Raises:
        DataError: It cannot be read, or lacks a column.
    """
    check_file(path)
    chosen = format_of(path)
    return read_as(chosen, path, Dialect("\t" if chosen == "tsv" else ","), wanted).columns


def dialect_of(source: DataSource, chosen: FileFormat) -> Dialect:
    """Return how a source's CSV or TSV file is written."""
    delimiter = source.delimiter or ("\t" if chosen == "tsv" else ",")
    columns = None if source.columns is None else tuple(source.columns)
    return Dialect(delimiter, source.quoting, columns, source.escape)


def _read_parquet(path: Path, wanted: Collection[str] | None, nested: Collection[str]) -> RawTable:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        wanted = schema.names if wanted is None else wanted
        require_columns(wanted, schema.names, str(path))
        table = file.read(columns=list(wanted))
    if b"huggingface" not in (schema.metadata or {}):
        return RawTable(_as_strings(table, wanted, str(path), nested), str(path))

    from datasets import Features

    return _named(table, wanted, str(path), Features.from_arrow_schema(schema), nested)


def _read_hub(source: DataSource, wanted: Collection[str]) -> RawTable:
    from ftft.data.readers.hub import open_hub

    rows = open_hub(source)
    require_columns(wanted, rows.column_names, source.place)
    # A saved data set is mapped into memory, so damage shows when rows are looked at.
    with reading(Path(source.place), "a data set"):
        table = rows.select_columns(list(wanted)).with_format("arrow")[:]
        return _named(table, wanted, source.place, rows.features, source.nested)


def _named(
    table: pa.Table,
    wanted: Collection[str],
    place: str,
    features: Features,
    nested: Collection[str],
) -> RawTable:
    """Give ``ClassLabel`` columns the names of their values."""
    from datasets import ClassLabel

    strings = _as_strings(table, wanted, place, nested)
    names = {
        name: tuple(features[name].names)
        for name in wanted
        if isinstance(features[name], ClassLabel)
    }
    for name, values in names.items():
        known = pa.array([str(i) for i in range(len(values))], pa.string())
        position = pc.index_in(strings.column(name), value_set=known)
        named = pc.take(pa.array(values, pa.string()), position)
        column = pc.coalesce(named, strings.column(name))
        strings = strings.set_column(strings.schema.get_field_index(name), name, column)
    return RawTable(strings, place, names)


def _as_strings(
    table: pa.Table, wanted: Collection[str], place: str, nested: Collection[str]
) -> pa.Table:
    columns = {}
    for name in wanted:
        column = table.column(name)
        if name in nested and pa.types.is_nested(column.type):
            column = _as_json(column)
        if pa.types.is_nested(column.type):
            raise DataError(
                f"{place}: column {name!r} holds values of type {column.type}; "
                "texts or numbers were expected."
            )
        try:
            columns[name] = _cast(column)
            columns[name].validate(full=True)  # Parquet does not check that texts are UTF-8
        except pa.ArrowException as error:
            raise DataError(
                f"{place}: column {name!r} of type {column.type} cannot be read as text ({error})."
            ) from error
    return pa.table(columns)


def _as_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists and mappings as JSON, missing ones as null."""
    values = (None if one is None else json.dumps(one, default=str) for one in column.to_pylist())
    return pa.chunked_array(text_chunks(values), pa.string())


def _cast(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turn values into strings; numbers as pandas and ``json`` write them: 1.0, not 1; no NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type):
        return narrowed(column)
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    encoded = column.combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_numpy(zero_copy_only=False)
    names = [None if np.isnan(value) else str(value) for value in values]
    return pa.chunked_array([pa.array(names, pa.string()).take(encoded.indices)])
