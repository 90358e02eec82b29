"""Parquet files of a map or a selection: typed columns, and settings in the metadata."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftft.dynamics.header import HEADER_NAME
from ftft.errors import DynamicsError, reason
from ftft.utils.atomic import atomic_path
from ftft.utils.below import files_below, one_of
from ftft.utils.nearest import nearest_beside

MAP_NAME, SELECTION_NAME = "map.parquet", "selection.parquet"

_KEY, _MAGIC = b"ftft", b"PAR1"
# What Arrow and JSON raise for a damaged file depends on where the damage is.
_READ_ERRORS = (
    *(pa.ArrowException, OSError, ValueError, KeyError, TypeError),
    *(MemoryError, OverflowError, RecursionError),
)
_REPEATED = ("label", "region", "correctness", "forgetting", "learnt")


def write_table(
    path: str | PathLike[str], table: pa.Table, kind: str, schema: int, settings: Mapping[str, Any]
) -> None:
    """Write a table, whole or not at all.

    Args:
        path: The Parquet file.
        table: Its columns.
        kind: What it is ("map", "selection"); checked when it is read.
        schema: Version of the columns and settings.
        settings: What the table was made with; kept as JSON in the file's metadata.

    Raises:
        DynamicsError: The file cannot be written.
    """
    text = json.dumps({"kind": kind, "schema": schema, **settings})
    table = table.replace_schema_metadata({_KEY: text.encode()})
    # Dictionaries pay where few values repeat; on ids and scores they only cost time.
    repeated = [name for name in _REPEATED if name in table.column_names]
    with atomic_path(Path(path)) as temporary:
        pq.write_table(table, temporary, use_dictionary=repeated, write_page_checksum=True)


def read_table(
    path: str | PathLike[str],
    kind: str,
    schema: int,
    columns: Mapping[str, pa.DataType],
    more: Mapping[str, pa.DataType] | None = None,
    since: Collection[str] = (),
) -> tuple[pa.Table, dict[str, Any]]:
    """Read a table that ``write_table`` wrote.

    Args:
        path: The Parquet file.
        kind: What it must be.
        schema: The newest version that can be read.
        columns: The needed columns and the types they are cast to.
        more: Likewise columns that may be there.
        since: Those of them that older files of this version lack; they are null there.

    Returns:
        The table with exactly these columns, and the settings.

    Raises:
        DynamicsError: The file is missing, damaged, something else, or newer.
    """
    with _opened(file_in(Path(path), kind), kind) as (file, settings):
        if int(settings["schema"]) > schema:
            raise DynamicsError(
                f"{path} has schema version {settings['schema']}; this version of ftft reads "
                f"up to {schema}. Update with `pip install -U ftft`."
            )
        table = file.read()
        for name in since:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table)))
        there = {name: (more or {})[name] for name in more or () if name in table.column_names}
        wanted = {**columns, **there}
        return table.select(list(wanted)).cast(pa.schema(list(wanted.items()))), settings


def check_kind(path: str | PathLike[str], kind: str) -> None:
    """Check that a path is the file of a map or a selection, without reading its rows.

    Args:
        path: As :func:`file_in` takes it.
        kind: ``map`` or ``selection``.

    Raises:
        DynamicsError: The file is missing, damaged or something else.
    """
    with _opened(file_in(Path(path), kind), kind):
        pass


@contextlib.contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[pq.ParquetFile, dict[str, Any]]]:
    """A file of a map or a selection and its settings; what fails inside is said as its fault."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            settings = json.loads((file.schema_arrow.metadata or {}).get(_KEY, b"{}"))
            if not isinstance(settings, dict):
                raise ValueError("its settings are not a JSON object")
            if settings.get("kind") != kind:
                raise DynamicsError(
                    f"{path} is a Parquet file, but not a {kind} that ftft wrote (it has the "
                    f"columns {', '.join(file.schema_arrow.names)}). {_give(kind)}"
                )
            yield file, settings
    except FileNotFoundError as error:
        raise DynamicsError(
            f"{path} does not exist.{nearest_beside(path)} {_give(kind)}"
        ) from error
    except _READ_ERRORS as error:
        if os.path.isdir(path):
            raise DynamicsError(_folder_instead(path, kind)) from error
        if not _is_parquet(path):
            raise DynamicsError(f"{path} is not a {kind}. {_give(kind)}") from error
        raise DynamicsError(
            f"{path} is not a readable {kind}: {_damage(error)}. Make it again, or give "
            f"the file of a {kind}."
        ) from error


def _give(kind: str) -> str:
    return (
        f"Give the file of a {kind}, such as runs/NAME/{kind}/seed-0/{kind}.parquet, or the folder "
        "of a run of one seed, such as runs/NAME."
    )


def _is_parquet(path: Path) -> bool:
    """Whether a file that could not be read is called Parquet, begins so, or cannot be opened."""
    if path.suffix == ".parquet":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return True


def _damage(error: Exception) -> str:
    """What is wrong with a file; Arrow's own words, which name no remedy, stay with --debug."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    is_arrow = isinstance(error, pa.ArrowException | OSError)
    return "the file is damaged" if is_arrow else reason(error)


def file_in(path: Path, kind: str) -> Path:
    """The file of a map or a selection that is meant by a path.

    Args:
        path: The file, the folder of the stage that wrote it, or a run with one of FTFT's own.
        kind: ``map`` or ``selection``.

    Returns:
        The file; the path itself where it is none of these.
    """
    name = f"{kind}.parquet"
    if os.path.isfile(path / name):
        return path / name
    # os.path's answer is no where a name is too long; that of Path is an OSError.
    found = sorted(path.glob(f"{kind}/seed-*/{name}")) if os.path.isdir(path) else []
    return found[0] if len(found) == 1 else path


def _folder_instead(folder: Path, kind: str) -> str:
    """What to say where a folder was given for a file: which of those below it to give."""
    found = files_below(folder, f"{kind}.parquet")
    if found:
        return (
            f"{folder} is a folder, where the file of a {kind} was expected. Give {one_of(found)}."
        )
    recorded = [one.parent for one in files_below(folder, HEADER_NAME)]
    if recorded and kind == "map":
        return (
            f"{folder} holds training dynamics and no map, where the file of a map was expected. "
            f"Draw it with `ftft map`, from {one_of(recorded)}."
        )
    return (
        f"{folder} is a folder with no {kind} in it. Give the file of a {kind}, such as "
        f"runs/NAME/{kind}/seed-0/{kind}.parquet."
    )


def label_names(names: tuple[str, ...], codes: npt.NDArray[Any]) -> pa.StringArray:
    """Names of codes as an Arrow string array."""
    indices = pa.array(codes.astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).cast(pa.string())


def codes_of(names: tuple[str, ...], table: pa.Table, column: str) -> npt.NDArray[Any]:
    """Positions in ``names`` of the values of a column; the inverse of :func:`label_names`.

    Raises:
        ValueError: A value is not one of them.
    """
    values = table.column(column).combine_chunks()
    codes = pc.index_in(values, value_set=pa.array(names, pa.string()))
    if codes.null_count:
        unknown = values.filter(codes.is_null())[0].as_py()
        raise ValueError(f"the {column} {unknown!r} is not one of {list(names)}")
    result: npt.NDArray[Any] = codes.to_numpy()
    return result
