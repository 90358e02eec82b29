"""Data-map coordinates of allenai/cartography: one JSON object an example.

``guid, index, threshold_closeness, confidence, variability, correctness, forgetfulness``
as its code writes them; its published files lack the closeness, which follows from the
confidence, and the forgetfulness. There, correctness is the *number* of epochs predicted
right, and the forgetfulness of an example that was never predicted right is 1000.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.cartography.datamap import DataMap, checked_fraction, region_codes
from ftft.cartography.map_columns import UNKNOWN_COUNT
from ftft.dynamics.examples import check_unique, json_ids, resolve_classes, to_ids
from ftft.dynamics.interop import read_guid_lines
from ftft.errors import DynamicsError
from ftft.utils.atomic import atomic_path

_NEVER_LEARNT = 1000
# What is read, and the highest value it can have; the lowest is 0. Numbers of epochs have
# no limit but what can be counted; the others get what rounding may add.
_NUMBERS = {"confidence": 1.001, "variability": 1.001, "correctness": 1e6}
_MOST_FORGOTTEN = 1e6


def write_coordinates(path: str | PathLike[str], datamap: DataMap) -> None:
    """Write the coordinates of a map as allenai/cartography does (``td_metrics.jsonl``).

    Ids that are all decimal integers are written as numbers, as the original does. A map
    that does not know its forgetting gives no forgetfulness.

    Args:
        path: The JSON lines file.
        datamap: The map; ddof 0 is what the original computes.

    Raises:
        DynamicsError: The file cannot be written.
    """
    confidence = datamap.confidence.astype(np.float64)
    right = np.rint(datamap.correctness * len(datamap.epochs)).astype(int)
    columns = {
        "index": range(len(datamap)),
        "threshold_closeness": (confidence * (1 - confidence)).tolist(),
        "confidence": confidence.tolist(),
        "variability": datamap.variability.astype(np.float64).tolist(),
        "correctness": right.tolist(),
    }
    if datamap.knows("forgetting"):
        columns["forgetfulness"] = np.where(right == 0, _NEVER_LEARNT, datamap.forgetting).tolist()
    ids = json_ids(datamap.example_ids).to_pylist()
    with atomic_path(Path(path)) as temporary, temporary.open("w", encoding="utf-8") as file:
        for guid, *row in zip(ids, *columns.values(), strict=True):
            numbers = json.dumps(dict(zip(columns, row, strict=True)))
            file.write(f'{{"guid": {guid}, {numbers[1:]}\n')


def read_coordinates(
    path: str | PathLike[str],
    *,
    num_epochs: int | None = None,
    labels: Mapping[Any, int] | None = None,
    class_names: Sequence[str] | None = None,
    region_fraction: float = 0.33,
) -> DataMap:
    """Read coordinates of allenai/cartography as a map.

    What they do not hold is unknown: AUM, loss and EL2N are NaN, and forgetting is -1 where
    no line has a forgetfulness, so strategies that need them refuse; ``epochs`` are numbered
    from 0; without labels, all examples count as class 0.

    Args:
        path: The JSON lines file.
        num_epochs: Epochs that the coordinates were computed from; the highest
            correctness where None.
        labels: Gold class indices by id.
        class_names: C names; "0" to "C-1" where None.
        region_fraction: Share of the examples that is ambiguous, in (0, 1].

    Raises:
        DynamicsError: The file is missing, or a line is not as expected.
    """
    path = Path(path)
    fraction = checked_fraction(region_fraction, "region_fraction")
    table = _read(path)
    ids = to_ids(table.column("guid"))
    check_unique(ids, str(path))
    numbers = {name: _numbers(table, name, most, path) for name, most in _NUMBERS.items()}
    right = numbers["correctness"]
    if (right % 1).any():
        raise DynamicsError(
            f"{path}: the correctness {right[right % 1 > 0][0]:g} is not a whole number, but there "
            "it counts the epochs that were predicted right. Multiply a share by the number of "
            "epochs."
        )
    total = max(1, int(right.max())) if num_epochs is None else num_epochs
    if total < right.max():
        raise DynamicsError(
            f"{path}: an example was predicted right {int(right.max())} times, more than the "
            f"{total} epochs that were given. Give the number of epochs of the run."
        )
    unknown: npt.NDArray[np.float32] = np.full(len(ids), np.nan, dtype=np.float32)
    gold, _, names = resolve_classes(_labels(ids, labels, path), None, class_names, str(path))
    confidence = numbers["confidence"].astype(np.float32)
    variability = numbers["variability"].astype(np.float32)
    return DataMap(
        example_ids=ids,
        labels=gold,
        class_names=names,
        confidence=confidence,
        variability=variability,
        correctness=(right / total).astype(np.float32),
        forgetting=_forgetting(table, path),
        aum=unknown,
        mean_loss=unknown,
        el2n=unknown,
        learnt=np.full(len(ids), UNKNOWN_COUNT, dtype=np.int8),
        region_code=region_codes(confidence, variability, ids, fraction),
        epochs=tuple(range(total)),
        burn_in=0,
        ddof=0,
        region_fraction=fraction,
    )


def _read(path: Path) -> pa.Table:
    expected = "Give the coordinates that allenai/cartography wrote."
    table = read_guid_lines(path, dict.fromkeys(_NUMBERS, pa.float64()), expected)
    if "guid" not in table.column_names or table.column("guid").null_count:
        raise DynamicsError(f"{path}: the key 'guid' is missing in a line, or in all. {expected}")
    return table


def _forgetting(table: pa.Table, path: Path) -> npt.NDArray[np.int32]:
    """As a map counts it; unknown in all lines where none has it."""
    name = "forgetfulness"
    if name not in table.column_names or table.column(name).null_count == len(table):
        return np.full(len(table), UNKNOWN_COUNT, dtype=np.int32)
    forgotten = _numbers(table, name, _MOST_FORGOTTEN, path)
    return np.where(forgotten == _NEVER_LEARNT, 0, forgotten).astype(np.int32)


def _numbers(table: pa.Table, name: str, most: float, path: Path) -> npt.NDArray[np.float64]:
    column = table.column(name)
    is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    values = column.to_numpy() if is_number else np.empty(0)
    # Written so that NaN fails it.
    if not is_number or column.null_count or not ((values >= 0) & (values <= most)).all():
        raise DynamicsError(
            f"{path}: {name!r} is missing in a line or not a number from 0 to {most:,.0f}. Each "
            f"line must have guid, {', '.join(_NUMBERS)}; all or none have forgetfulness."
        )
    return values.astype(np.float64)


def _labels(ids: pa.StringArray, labels: Mapping[Any, int] | None, path: Path) -> Any:
    if labels is None:
        return np.zeros(len(ids), dtype=np.int64)
    by_text = {str(name): label for name, label in labels.items()}
    missing = [name for name in ids.to_pylist() if name not in by_text]
    if missing:
        raise DynamicsError(
            f"{path}: no gold label was given for the id {missing[0]!r} ({len(missing)} ids lack "
            "one). Give the labels of all examples, or none."
        )
    return np.array([by_text[name] for name in ids.to_pylist()])
