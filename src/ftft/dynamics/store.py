"""A folder of training dynamics: ``header.json``, ``examples.parquet`` and the flush files.

    header.json                             schema, sizes, class names, checksum, notes
    examples.parquet                        example_id (string), label (int64), and where they are
                                            known length (int32); N rows
    epoch-000.rank-00.000000.parquet …      index (int32), logits (C × float32) or
                                            values (5 × float32, more with measures)

Any number of processes write flush files, each under its own rank; nothing is ever
changed in place, so a reader sees whole files only.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ftft.dynamics.checks import IdsOfRows, check_finite
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.examples import fingerprint, to_ids, to_labels, to_lengths
from ftft.dynamics.header import HEADER_NAME, Header, read_header
from ftft.dynamics.shards import (
    Flush,
    Index,
    ahead,
    covered,
    list_flushes,
    read_flush,
    write_flush,
)
from ftft.dynamics.values import Labels, Lengths, Recorded
from ftft.errors import DynamicsError
from ftft.utils.atomic import atomic_path

EXAMPLES_NAME = "examples.parquet"
# Rows in one file where a whole recording point is written at once.
_ROWS_PER_FILE = 1 << 20


def read_dynamics(folder: str | PathLike[str]) -> TrainingDynamics:
    """Open a dynamics folder.

    Ids, labels and row numbers are read and checked now, logits when they are asked for.
    Where an example was recorded more than once at a recording point, the latest counts.

    Args:
        folder: A folder that a ``DynamicsRecorder`` or ``write_dynamics`` wrote.

    Raises:
        DynamicsError: A file is missing, damaged, of a newer schema, or does not belong
            to the others; or a recording point between others is missing altogether.
    """
    folder = Path(folder)
    header = read_header(folder)
    ids, labels, lengths = read_examples(folder, header)
    by_epoch = _group(folder)
    seen = {
        epoch: int(covered(flushes, header.num_examples).sum())
        for epoch, flushes in by_epoch.items()
    }
    complete = tuple(epoch for epoch, count in seen.items() if count == header.num_examples)
    return TrainingDynamics(
        example_ids=ids,
        labels=labels,
        num_classes=header.num_classes,
        class_names=header.class_names,
        epochs=complete,
        incomplete={epoch: count for epoch, count in seen.items() if epoch not in complete},
        points=header.points(complete),
        reader=_FolderReader(header, ids, by_epoch),
        chance=header.chance,
        encoding=header.encoding,
        measures=header.measures,
        lengths=lengths,
        meta=header.meta,
    )


def check_dynamics(folder: Path, files: Collection[str] = ()) -> None:
    """Read a dynamics folder whole, against its checksums.

    Args:
        folder: The folder.
        files: Names of flush files that must be there.

    Raises:
        DynamicsError: A file is missing or damaged; the message names it.
    """
    header = read_header(folder)
    read_examples(folder, header)
    flushes = list_flushes(folder)
    gone = sorted(set(files) - {flush.path.name for flush in flushes})
    if gone:
        raise DynamicsError(
            f"{folder / gone[0]} does not exist any more. Copy the folder again, or record again."
        )

    def read(flush: Flush) -> None:
        read_flush(flush, header.num_examples, header.width, header.encoding)

    for _ in ahead(read, flushes):
        pass


def write_dynamics(folder: str | PathLike[str], dynamics: TrainingDynamics) -> None:
    """Write dynamics as a new folder, complete recording points only, renumbered from 0.

    Args:
        folder: An absent or empty folder.
        dynamics: What to write; one recording point is in memory at a time.

    Raises:
        DynamicsError: The folder holds something already or cannot be written.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise DynamicsError(
            f"{folder} is not empty. Dynamics are written to a folder of their own: give a new "
            "folder, or remove this one first."
        )
    header = Header(
        num_examples=len(dynamics),
        num_classes=dynamics.num_classes,
        class_names=dynamics.class_names,
        points_per_epoch=1,
        examples_sha256=fingerprint(dynamics.example_ids, dynamics.labels),
        positions=dynamics.points,
        encoding=dynamics.encoding,
        chance=dynamics.chance,
        measures=dynamics.measures,
        meta=dict(dynamics.meta),
    )
    write_start(folder, header, dynamics.example_ids, dynamics.labels, dynamics.lengths)
    for number, epoch in enumerate(dynamics.epochs):
        recorded = dynamics.epoch_recorded(epoch)
        for part, start in enumerate(range(0, len(dynamics), _ROWS_PER_FILE)):
            stop = min(start + _ROWS_PER_FILE, len(dynamics))
            flush = Flush.named(folder, number, 0, part)
            index = np.arange(start, stop, dtype=np.int32)
            write_flush(flush, index, recorded[start:stop], dynamics.encoding)


def write_start(
    folder: Path, header: Header, ids: pa.StringArray, labels: Labels, lengths: Lengths | None
) -> None:
    """Write ``examples.parquet``, then ``header.json``: with the header the folder is valid.

    Raises:
        DynamicsError: The folder cannot be written.
    """
    columns = {"example_id": ids, "label": pa.array(labels)}
    if lengths is not None:
        columns["length"] = pa.array(lengths, pa.int32())
    table = pa.table(columns)
    with atomic_path(folder / EXAMPLES_NAME) as temporary:
        pq.write_table(table, temporary, use_dictionary=["label"], write_page_checksum=True)
    header.write(folder)


def read_examples(folder: Path, header: Header) -> tuple[pa.StringArray, Labels, Lengths | None]:
    """The ids, labels and lengths of a folder, checked against its header.

    Returns:
        The (N,) ids, the (N,) int64 labels, and the (N,) int32 lengths, where they are known.

    Raises:
        DynamicsError: The file is missing or damaged or belongs to another header.
    """
    path = folder / EXAMPLES_NAME
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            known = [name for name in file.schema_arrow.names if name == "length"]
            table = file.read(columns=["example_id", "label", *known])
        ids = to_ids(table.column("example_id"))
        labels = to_labels(table.column("label").to_numpy(), header.num_classes, str(path))
        lengths = to_lengths(table.column("length").to_numpy(), len(ids)) if known else None
    except FileNotFoundError as error:
        raise DynamicsError(
            f"{path} does not exist, though {HEADER_NAME} does. Copy the folder again from where "
            "it was recorded, or record again."
        ) from error
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, DynamicsError) as error:
        raise _not_original(path, str(error).strip()) from error
    if len(ids) != header.num_examples or fingerprint(ids, labels) != header.examples_sha256:
        raise _not_original(path, f"its ids and labels are not those that {HEADER_NAME} names")
    return ids, labels, lengths


class _FolderReader:
    """Reads recording points of a folder: later files win, memory of one point."""

    def __init__(
        self, header: Header, ids: pa.StringArray, by_epoch: Mapping[int, list[Flush]]
    ) -> None:
        self._header = header
        self._ids = ids
        self._by_epoch = by_epoch

    def __call__(self, epoch: int, start: int, stop: int) -> Recorded:
        header = self._header
        result: Recorded = np.empty((stop - start, header.width), dtype=np.float32)
        whole = (start, stop) == (0, header.num_examples)

        def read(flush: Flush) -> tuple[Index, Recorded]:
            found = read_flush(flush, header.num_examples, header.width, header.encoding)
            ids = IdsOfRows(self._ids, found[0])
            check_finite(found[1], ids, str(flush.path), header.encoding)
            return found

        for index, recorded in ahead(read, self._by_epoch[epoch]):
            if not whole:
                inside = (index >= start) & (index < stop)
                index, recorded = index[inside] - start, recorded[inside]
            _place(result, index, recorded)
        return result


def _place(result: Recorded, index: Any, recorded: Recorded) -> None:
    if len(index) and index[-1] - index[0] == len(index) - 1 and (np.diff(index) == 1).all():
        result[index[0] : index[-1] + 1] = recorded  # a plain copy is several times faster
        return
    # A row as one opaque value is written twice as fast as its numbers.
    row = np.dtype((np.void, result.itemsize * result.shape[1]))
    result.view(row)[:, 0][index] = np.ascontiguousarray(recorded).view(row)[:, 0]


def _group(folder: Path) -> dict[int, list[Flush]]:
    by_epoch: dict[int, list[Flush]] = {}
    for flush in list_flushes(folder):
        by_epoch.setdefault(flush.epoch, []).append(flush)
    # Counted, not listed: a file name may hold any number.
    missing = max(by_epoch, default=-1) + 1 - len(by_epoch)
    if missing:
        first = next(epoch for epoch in itertools.count() if epoch not in by_epoch)
        raise DynamicsError(
            f"{folder} has no file of recording point {first}, though it has later ones "
            f"({missing} are missing). Points are numbered from 0 without gaps: copy the "
            "folder again, or record again."
        )
    return dict(sorted(by_epoch.items()))


def _not_original(path: Path, problem: str) -> DynamicsError:
    return DynamicsError(
        f"{path} is damaged or from another run: {problem}. Copy the folder again from where it "
        "was recorded, or record again."
    )
