"""Rows without labels, for a finished model: how they are read, and how predictions are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.config.data import DataSource
from ftft.config.formats import format_by_name
from ftft.data.dataset import LabelledDataset
from ftft.data.faults import Faults
from ftft.data.messages import listed, require_columns
from ftft.data.normalize import ROW, with_texts
from ftft.data.readers.delimited import Dialect
from ftft.data.readers.sniff import read_head
from ftft.data.sources import check_file, read_as
from ftft.errors import DataError

ROW_NUMBER, PREDICTION, PROBABILITY = "row", "prediction", "probability"

_OTHERS = " Name the text column of this file with --text, twice for pairs."


@dataclass(frozen=True)
class Unlabelled:
    """Rows to predict.

    Attributes:
        dataset: The texts; ids are the rows of the file, counted from 1, and labels mean nothing.
        columns: What is written beside the predictions: the row, the id if asked for, the texts.
        left_out: Rows without a text.
    """

    dataset: LabelledDataset
    columns: pa.Table
    left_out: int


def read_unlabelled(
    path: Path,
    text: Sequence[str],
    example_id: str | None,
    classes: Sequence[str],
    *,
    as_in_run: bool = False,
) -> Unlabelled:
    """Read the texts of a file, however it is written; other columns do not matter.

    Args:
        path: A CSV, TSV, JSON-lines or Parquet file.
        text: One or two columns.
        example_id: A column to write beside the predictions.
        classes: The model's classes.
        as_in_run: Whether the text columns are those of the model's run, not named for this file.

    Raises:
        DataError: It cannot be read, lacks a column, or no row has a text.
    """
    if ROW_NUMBER in (*text, example_id):
        raise DataError(
            f"{path} has a column {ROW_NUMBER!r}, as the predictions do; rename it in the file."
        )
    ids = {} if example_id is None else {example_id: "--id"}
    named_by, advice = ("the model's run", _OTHERS) if as_in_run else ("--text", "")
    raw = _columns(path, ids | dict.fromkeys(text, named_by), advice)
    if not len(raw):
        raise DataError(f"{path} has no rows; at least one text was expected.")
    table = raw.append_column(ROW, pa.array(np.arange(1, len(raw) + 1)))
    source = DataSource(path=str(path), text=list(text), label=ROW, drop_empty=True)
    faults = Faults(str(path))
    kept = faults(lambda: with_texts(table, source), table)
    faults.raise_found()
    canonical = {"example_id": kept.column(ROW).cast(pa.string())}
    canonical |= {f"text_{i}": kept.column(name) for i, name in enumerate(text)}
    canonical["label"] = pa.array(np.zeros(len(kept), dtype=np.int64))
    dataset = LabelledDataset.from_table(path.name, pa.table(canonical), classes)
    shown = kept.rename_columns([*kept.column_names[:-1], ROW_NUMBER])
    order = dict.fromkeys([ROW_NUMBER, *([] if example_id is None else [example_id]), *text])
    return Unlabelled(dataset, shown.select(list(order)), len(raw) - len(kept))


def has_column(path: Path, name: str) -> bool:
    """Whether a file has a column of a name that can stand beside the predictions."""
    try:
        return name != ROW_NUMBER and name in read_head(path).columns
    except DataError:
        return False  # of texts alone, or said where it is read


def _columns(path: Path, wanted: dict[str, str], advice: str) -> pa.Table:
    check_file(path)  # before the try, which would read what is not there again
    named = format_by_name(path)
    try:
        head = read_head(path)
    except DataError:
        if named not in ("csv", "tsv"):
            raise
        # Texts alone: a file of one column has no delimiter that could be found.
        table = read_as(named, path, Dialect("\t" if named == "tsv" else ","), None).columns
        require_columns(wanted, table.column_names, str(path), advice)
        return table.select(list(wanted))
    require_columns(wanted, list(head.columns), str(path), advice)
    columns = None if head.header else tuple(head.columns)
    delimiter = head.delimiter or ("\t" if head.format == "tsv" else ",")
    dialect = Dialect(delimiter, head.quoting, columns, head.escape)
    return read_as(head.format, path, dialect, wanted).columns


def prediction_columns(classes: Sequence[str]) -> list[str]:
    """The columns that :func:`with_predictions` adds."""
    return [PREDICTION, PROBABILITY, *(f"probability of {name}" for name in classes)]


def with_predictions(
    columns: pa.Table, classes: Sequence[str], probabilities: npt.NDArray[np.float64]
) -> pa.Table:
    """The rows with the most probable class, its probability, and that of each class.

    Args:
        columns: N rows.
        classes: C class names.
        probabilities: Shape (N, C).

    Raises:
        DataError: A column is called as one of those that are added.
    """
    added = prediction_columns(classes)
    if twice := [name for name in columns.column_names if name in added]:
        raise DataError(
            f"the data have a column {listed(twice)}, as the predictions do; rename it in the file."
        )
    best = probabilities.argmax(axis=1)
    values = [
        pa.array(np.asarray(classes, dtype=object)[best], pa.string()),
        pa.array(probabilities.max(axis=1)),
        *(pa.array(probabilities[:, place]) for place in range(len(classes))),
    ]
    for name, value in zip(added, values, strict=True):
        columns = columns.append_column(name, value)
    return columns
