"""The files of a dynamics folder that hold logits: one Parquet file a flush.

Each file has the columns `index` (int32, a row of `examples.parquet`) and `logits`
(fixed-size list of float32), no row twice. The checksums of both columns are kept in
the file, because Parquet's own page checksums leave its headers and footer unprotected.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ftft.dynamics.values import Logits
from ftft.errors import DynamicsError, reason
from ftft.utils.atomic import atomic_path

Index: TypeAlias = npt.NDArray[np.int32]

Read = TypeVar("Read")

_THREADS = 2
_NAME = re.compile(r"epoch-(\d{3,})\.rank-(\d{2,})\.(\d{6,})\.parquet")
_INDEX_CRC, _LOGITS_CRC = b"ftft.crc32.index", b"ftft.crc32.logits"
# What Arrow raises for a damaged file depends on where the damage is.
_READ_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Flush:
    """One flush file: its place, recording point, rank of the writer and number."""

    path: Path
    epoch: int
    rank: int
    number: int

    @classmethod
    def named(cls, folder: Path, epoch: int, rank: int, number: int) -> Flush:
        """The flush file with its regular name in `folder`."""
        name = f"epoch-{epoch:03d}.rank-{rank:02d}.{number:06d}.parquet"
        return cls(folder / name, epoch, rank, number)


def list_flushes(folder: Path) -> list[Flush]:
    """All flush files of `folder`, oldest first: by number, then rank.

    Where two files hold the same example of the same recording point, the later in this
    order counts. A recorder numbers on from the highest number of any rank that it finds
    when it opens the folder, so what is recorded after a restart is later than what was
    recorded before, also where the number of processes changed.

    Raises:
        DynamicsError: the folder cannot be listed, or a file is named almost but not
            quite like a flush file.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise DynamicsError(
            f"{folder} cannot be listed: {error.strerror or error}. Give a dynamics folder."
        ) from error
    flushes = []
    for name in names:
        if not name.startswith("epoch-"):
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            raise DynamicsError(
                f"{folder / name} is not named like a file of dynamics "
                "(epoch-000.rank-00.000000.parquet). Move it out of the folder, or give it the "
                "name back that it was recorded under."
            )
        flushes.append(Flush(folder / name, *map(int, match.groups())))
    return sorted(flushes, key=lambda flush: (flush.number, flush.rank))


def write_flush(flush: Flush, index: Index, logits: Logits) -> None:
    """Write one flush file, whole or not at all.

    Args:
        flush: the file to write.
        index: (n,) int32 rows of `examples.parquet`, none twice.
        logits: (n, C) finite float32 logits.

    Raises:
        DynamicsError: the file exists already or cannot be written.
    """
    if flush.path.exists():
        raise DynamicsError(
            f"{flush.path} exists already: another process records into the same folder with the "
            f"same rank {flush.rank}. Give each process its own rank, or each run its own folder."
        )
    logits = np.ascontiguousarray(logits, dtype="<f4")
    index = np.ascontiguousarray(index, dtype="<i4")
    values = pa.FixedSizeListArray.from_arrays(pa.array(logits.reshape(-1)), logits.shape[1])
    checksums = {_INDEX_CRC: _crc(index), _LOGITS_CRC: _crc(logits)}
    table = pa.table({"index": pa.array(index), "logits": values}, metadata=checksums)
    with atomic_path(flush.path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="none",  # logits do not compress; reading is faster without
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )


def read_index(flush: Flush, num_examples: int) -> Index:
    """The (n,) int32 rows that a flush file holds, each in [0, num_examples).

    Raises:
        DynamicsError: the file is missing, damaged, or does not belong to the folder.
    """
    table = _read(flush.path, ["index"])
    return _checked_index(flush.path, table, num_examples)


def read_flush(flush: Flush, num_examples: int, num_classes: int) -> tuple[Index, Logits]:
    """The rows and the logits of a flush file.

    Args:
        flush: the file.
        num_examples: N; every row must be below it.
        num_classes: C; every row must have as many logits.

    Returns:
        int32 rows of shape (n,) and finite or non-finite float32 logits of shape (n, C).

    Raises:
        DynamicsError: the file is missing, damaged, or does not belong to the folder.
    """
    path = flush.path
    table = _read(path, ["index", "logits"])
    index = _checked_index(path, table, num_examples)
    column = table.column("logits").combine_chunks()
    if not pa.types.is_fixed_size_list(column.type) or column.type.value_type != pa.float32():
        raise _damaged(path, f"its logits are {column.type}, not lists of float32")
    if column.type.list_size != num_classes:
        raise DynamicsError(
            f"{path} holds {column.type.list_size} logits an example, but the header names "
            f"{num_classes} classes. The file comes from another run: remove it, or record again."
        )
    flat = column.flatten()
    if column.null_count or flat.null_count:
        raise _damaged(path, "logits are missing")
    logits: Logits = flat.to_numpy().reshape(-1, num_classes)
    _check_crc(path, table, _LOGITS_CRC, logits)
    return index, logits


def covered(flushes: Iterable[Flush], num_examples: int) -> npt.NDArray[np.bool_]:
    """Which examples some flush files hold together: bool array of shape (N,).

    Raises:
        DynamicsError: a file is missing or damaged.
    """
    seen = np.zeros(num_examples, dtype=np.bool_)
    for index in ahead(lambda flush: read_index(flush, num_examples), flushes):
        seen[index] = True
    return seen


def ahead(read: Callable[[Flush], Read], flushes: Iterable[Flush]) -> Iterator[Read]:
    """Yield what `read` makes of each file, in order, reading a few files in advance."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[Read]] = deque()
        for flush in flushes:
            waiting.append(pool.submit(read, flush))
            if len(waiting) > 2 * _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read(path: Path, columns: list[str]) -> Any:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=columns)
    except FileNotFoundError as error:
        raise DynamicsError(
            f"{path} does not exist any more. Copy the folder again, or record again."
        ) from error
    except _READ_ERRORS as error:
        raise _damaged(path, f"it cannot be read ({reason(error)})") from error
    if table.column_names != columns:
        raise _damaged(path, f"it has the columns {table.column_names}, expected {columns}")
    return table


def _checked_index(path: Path, table: Any, num_examples: int) -> Index:
    column = table.column("index").combine_chunks()
    if column.type not in (pa.int32(), pa.int64()) or column.null_count:
        raise _damaged(path, f"its index is {column.type} with {column.null_count} missing")
    index = column.to_numpy()
    _check_crc(path, table, _INDEX_CRC, index)
    if len(index) and (index.min() < 0 or index.max() >= num_examples):
        raise DynamicsError(
            f"{path} holds the example indices {index.min()} to {index.max()}, but the folder has "
            f"{num_examples} examples. The file comes from another run: remove it, or record again."
        )
    return np.asarray(index, dtype=np.int32)


def _check_crc(path: Path, table: Any, key: bytes, values: npt.NDArray[Any]) -> None:
    if (table.schema.metadata or {}).get(key) != _crc(values):
        raise _damaged(path, "its content does not match its checksum")


def _crc(values: npt.NDArray[Any]) -> bytes:
    return f"{zlib.crc32(np.ascontiguousarray(values).data):08x}".encode()


def _damaged(path: Path, problem: str) -> DynamicsError:
    return DynamicsError(
        f"{path} is damaged: {problem}. Copy the folder again from where it was recorded; or "
        "remove this file, and the recording points it belongs to count as incomplete."
    )
