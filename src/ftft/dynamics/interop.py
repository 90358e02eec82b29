"""Dynamics in the formats of other tools.

dynamics_epoch_N.jsonl   allenai/cartography (Swayamdipta et al. 2020): one JSON object
                         an example with ``guid``, ``logits_epoch_N`` and ``gold``
uid_to_logits.pt         the research code of FTFT: a torch file with a dictionary of
                         id to (epochs, classes) tensor, without gold labels
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ftft.dynamics.container import TrainingDynamics, point_positions
from ftft.dynamics.examples import check_unique, json_ids, to_ids
from ftft.dynamics.values import Logits
from ftft.errors import DynamicsError, first_line, reason
from ftft.utils.atomic import atomic_path

# Which of the examples an epoch has, (N,).
Present: TypeAlias = npt.NDArray[np.bool_]

# The published code writes .jsonl; its first version looked for .json when it read.
_EPOCH_FILE = re.compile(r"dynamics_epoch_(\d+)\.jsonl?")
_ROWS_AT_ONCE = 1 << 16
# An epoch that fewer of the examples have was not finished; otherwise rows are missing.
_FINISHED = 0.9


def read_cartography(
    folder: str | PathLike[str], *, class_names: Sequence[str] | None = None
) -> TrainingDynamics:
    """Read the ``dynamics_epoch_N.jsonl`` files of allenai/cartography.

    The ids of the first epoch set the examples and their order. An epoch that lacks more than
    a tenth of them is left out, as incomplete; so is an example that another epoch lacks,
    which ``meta["left_out"]`` names.

    Args:
        folder: The folder of the files, the one above ``training_dynamics``, or one of the
            files, for that epoch alone.
        class_names: C names; "0" to "C-1" where None.

    Raises:
        DynamicsError: No or missing files, a line that is not as expected, or ids or
            gold labels that differ between epochs.
    """
    folder = Path(folder)
    paths = _epoch_files(folder)
    arrays: dict[int, Logits] = {}
    present: dict[int, Present] = {}
    ids, gold = None, None
    for epoch, path in paths.items():
        found, logits, labels = _read_epoch(path, epoch)
        if ids is None or gold is None:
            ids, gold = found, labels
        rows = _match(found, ids, path)
        if not np.array_equal(gold[rows], labels):
            name = found[int(np.argmax(gold[rows] != labels))].as_py()
            raise DynamicsError(
                f"{path}: the gold label of {name!r} differs from that of the first epoch. The "
                "files come from different runs: put those of one run into a folder."
            )
        arrays[epoch] = np.zeros((len(ids), logits.shape[1]), dtype=np.float32)
        arrays[epoch][rows] = logits
        present[epoch] = np.zeros(len(ids), dtype=np.bool_)
        present[epoch][rows] = True
    _check_widths(folder, arrays)
    return _assemble(arrays, present, gold, ids, class_names)


def write_cartography(folder: str | PathLike[str], dynamics: TrainingDynamics) -> None:
    """Write ``dynamics_epoch_N.jsonl`` files that allenai/cartography and its users read.

    Complete recording points only, numbered from 0. Ids that are all decimal integers are
    written as numbers, as the original does; logits with the digits that float32 needs.

    Args:
        folder: Where the files go; made where it is missing.
        dynamics: What to write.

    Raises:
        DynamicsError: The folder cannot be written, or a recording point not be read.
    """
    ids = json_ids(dynamics.example_ids)
    gold = pa.array(dynamics.labels).cast(pa.string())
    for number, epoch in enumerate(dynamics.epochs):
        logits = dynamics.epoch_logits(epoch)
        path = Path(folder) / f"dynamics_epoch_{number}.jsonl"
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            for start in range(0, len(dynamics), _ROWS_AT_ONCE):
                rows = slice(start, start + _ROWS_AT_ONCE)
                file.write(_json_lines(ids[rows], logits[rows], gold[rows], number))


def read_uid_to_logits(
    path: str | PathLike[str],
    labels: Mapping[Any, int] | Sequence[int],
    *,
    class_names: Sequence[str] | None = None,
) -> TrainingDynamics:
    """Read ``uid_to_logits.pt`` of the FTFT research code.

    The file is loaded with ``weights_only``, so it cannot run code. An example that an epoch
    did not reach has only zeros there: that row is missing. An epoch that lacks more than a
    tenth of the examples is left out, as incomplete; so is an example that another epoch
    lacks, which ``meta["left_out"]`` names.

    Args:
        path: The torch file.
        labels: Gold class indices, which the file lacks: by id, or in the file's order.
        class_names: C names; "0" to "C-1" where None.

    Raises:
        DynamicsError: The file is not such a dictionary, or labels are missing.
    """
    path = Path(path)
    content = _load_tensors(path)
    ids = to_ids(list(content))
    gold = _labels_of(list(content), labels, path)
    try:
        stacked = np.stack([tensor.float().numpy() for tensor in content.values()], axis=1)
    except (ValueError, AttributeError, TypeError, RuntimeError) as error:
        raise DynamicsError(
            f"{path}: the values are not tensors of one shape (epochs, classes): "
            f"{reason(error)}. Give the file `uid_to_logits.pt` of a finished run."
        ) from error
    if stacked.ndim != 3:
        raise DynamicsError(
            f"{path}: the tensors have {stacked.ndim - 1} dimensions, expected (epochs, classes). "
            "Give the file `uid_to_logits.pt` of a finished run."
        )
    present = dict(enumerate((stacked != 0).any(axis=2)))
    return _assemble(dict(enumerate(stacked)), present, gold, ids, class_names)


def _assemble(
    arrays: Mapping[int, Logits],
    present: Mapping[int, Present],
    labels: Any,
    ids: pa.StringArray,
    class_names: Sequence[str] | None,
) -> TrainingDynamics:
    """Dynamics of the examples that every finished epoch has."""
    seen = {epoch: int(rows.sum()) for epoch, rows in sorted(present.items())}
    epochs = tuple(epoch for epoch, count in seen.items() if count >= _FINISHED * len(ids) > 0)
    if not epochs:
        raise DynamicsError(
            f"No epoch is complete: of {len(ids)} examples, the epochs have {seen}. Give "
            "the dynamics of a run that finished at least one epoch."
        )
    whole = np.logical_and.reduce([present[epoch] for epoch in epochs])
    if not whole.any():
        raise DynamicsError(
            f"Each of the {len(ids)} examples lacks its row in some epoch: the epochs have {seen}. "
            "Give the dynamics of a run that saw its examples in every epoch."
        )
    dynamics = TrainingDynamics.from_arrays(
        [arrays[epoch][whole] for epoch in epochs],
        np.asarray(labels)[whole],
        ids.filter(pa.array(whole)),
        class_names,
        meta=_left_out(ids, epochs, present, whole),
    )
    by_position = dynamics.reader
    return replace(
        dynamics,
        epochs=epochs,
        incomplete={epoch: count for epoch, count in seen.items() if epoch not in epochs},
        points=point_positions(epochs, 1),
        reader=lambda epoch, start, stop: by_position(epochs.index(epoch), start, stop),
    )


def _left_out(
    ids: pa.StringArray, epochs: Sequence[int], present: Mapping[int, Present], whole: Present
) -> dict[str, Any]:
    """How many examples lack a row, and where the first of them does."""
    if whole.all():
        return {}
    first = int(np.argmin(whole))
    lacking = [epoch for epoch in epochs if not present[epoch][first]]
    count = int((~whole).sum())
    return {"left_out": {"examples": count, "first": ids[first].as_py(), "epochs": lacking}}


def _epoch_files(folder: Path) -> dict[int, Path]:
    single = _EPOCH_FILE.fullmatch(folder.name)
    if single and folder.is_file():
        return {int(single[1]): folder}
    inner = folder / "training_dynamics"
    place = inner if inner.is_dir() else folder
    try:
        names = sorted(path.name for path in place.iterdir())
    except OSError as error:
        raise DynamicsError(
            f"{place} cannot be listed: {error.strerror or error}. Give the folder that holds "
            "dynamics_epoch_0.jsonl and its fellows."
        ) from error
    matches = [match for match in map(_EPOCH_FILE.fullmatch, names) if match]
    paths = {int(match[1]): place / match[0] for match in matches}
    # Counted, not listed: a file name may hold any number.
    if max(paths, default=0) + 1 > len(paths):
        first = next(epoch for epoch in itertools.count() if epoch not in paths)
        raise DynamicsError(
            f"{place} has no file dynamics_epoch_{first}.jsonl. Epochs are numbered from 0 "
            "without gaps; give the folder with all of them."
        )
    return dict(sorted(paths.items()))


def _read_epoch(path: Path, epoch: int) -> tuple[pa.StringArray, Logits, Any]:
    column = f"logits_epoch_{epoch}"
    table = read_guid_lines(
        path,
        {column: pa.list_(pa.float64()), "gold": pa.int64()},
        "Each line must be a JSON object with an integer or text guid, a list of numbers and an "
        "integer gold label.",
    )
    for name in ("guid", column, "gold"):
        if name not in table.column_names or table.column(name).null_count:
            raise DynamicsError(
                f"{path}: the key {name!r} is missing in a line. Each line must be a JSON object "
                f'with "guid", "{column}" and "gold".'
            )
    lists = table.column(column).combine_chunks()
    widths = pc.unique(lists.value_lengths()).to_pylist()
    if len(widths) != 1 or lists.flatten().null_count:
        raise DynamicsError(
            f"{path}: the lists in {column} have the lengths {sorted(widths)} or hold nulls; every "
            "example must have one logit for each class."
        )
    with np.errstate(over="ignore"):  # infinite logits are refused, by id, further on
        logits = lists.flatten().to_numpy().reshape(-1, widths[0]).astype(np.float32)
    ids = to_ids(table.column("guid"))
    check_unique(ids, str(path))
    return ids, logits, table.column("gold").to_numpy()


def read_guid_lines(path: Path, kinds: Mapping[str, pa.DataType], expected: str) -> pa.Table:
    """Read one of allenai/cartography's files, as far as JSON goes.

    Args:
        path: The JSON lines file.
        kinds: The columns whose types are known.
        expected: A sentence for the message: what the file should be.

    Returns:
        All columns; ``guid``, where there is one, as it is written: integers or texts.

    Raises:
        DynamicsError: The file cannot be read, or a value has another type.
    """
    options = pj.ParseOptions(explicit_schema=pa.schema(list(kinds.items())))
    try:
        table = pj.read_json(path, parse_options=options)
        table.validate(full=True)  # texts that are not UTF-8 are read as if they were
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DynamicsError(
            f"{path} cannot be read as JSON lines: {reason(error)}. {expected}"
        ) from error
    if "guid" in table.column_names and pa.types.is_temporal(table.column("guid").type):
        # Arrow takes ids that look like dates for dates.
        return read_guid_lines(path, {**kinds, "guid": pa.string()}, expected)
    return table


def _match(found: pa.StringArray, ids: pa.StringArray, path: Path) -> Any:
    rows = pc.index_in(found, value_set=ids)
    if rows.null_count:
        unknown = found.filter(rows.is_null())[0].as_py()
        raise DynamicsError(
            f"{path}: the id {unknown!r} is not in the first epoch ({rows.null_count} ids are "
            "not). The files come from different runs or the first is cut off: put complete files "
            "of one run into a folder."
        )
    return rows.to_numpy()


def _check_widths(folder: Path, arrays: Mapping[int, Logits]) -> None:
    widths = {epoch: array.shape[1] for epoch, array in arrays.items()}
    if len(set(widths.values())) > 1:
        raise DynamicsError(
            f"{folder}: the number of logits an example differs between epochs: {widths}. The "
            "files come from different runs: put those of one run into a folder."
        )


def _json_lines(ids: Any, logits: Logits, gold: Any, epoch: int) -> str:
    columns = [pa.array(column).cast(pa.string()) for column in logits.T]
    numbers = pc.binary_join_element_wise(*columns, ",")
    pieces = ['{"guid":', ids, f',"logits_epoch_{epoch}":[', numbers, '],"gold":', gold, "}\n"]
    return "".join(pc.binary_join_element_wise(*pieces, "").to_pylist())


def _load_tensors(path: Path) -> dict[Any, Any]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DynamicsError(f"{path} does not exist. Give the file `uid_to_logits.pt`.") from error
    # Any exception: what torch raises for a damaged file depends on where the damage is.
    except Exception as error:
        raise DynamicsError(
            f"{path} cannot be loaded as tensors only: {first_line(error)[:300]}. It is damaged, "
            "or holds other objects, which are refused because loading them could run code; give "
            "the file `uid_to_logits.pt` of a finished run."
        ) from error
    if not isinstance(content, dict) or not content:
        raise DynamicsError(
            f"{path} holds no dictionary of id to logits. Give the file `uid_to_logits.pt`."
        )
    return content


def _labels_of(
    names: Sequence[Any], labels: Mapping[Any, int] | Sequence[int], path: Path
) -> list[int]:
    if not isinstance(labels, Mapping):
        if len(labels) != len(names):
            raise DynamicsError(
                f"{path} has {len(names)} examples, but {len(labels)} gold labels were given. Give "
                "one label an example in the order of the file, or a mapping from id to label."
            )
        return [int(label) for label in labels]
    by_text = {str(name): label for name, label in labels.items()}
    missing = [name for name in names if str(name) not in by_text]
    if missing:
        raise DynamicsError(
            f"{path}: no gold label was given for the id {missing[0]!r} ({len(missing)} ids lack "
            "one). Give the labels of all examples of that run."
        )
    return [int(by_text[str(name)]) for name in names]
