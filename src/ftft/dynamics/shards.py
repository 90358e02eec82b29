"""The files of a dynamics folder that hold what was recorded: one Parquet file a flush.

Each file has the columns ``index`` (int32, a row of ``examples.parquet``) and ``logits`` or
``values`` (fixed-size list of float32), no row twice. The checksums of both columns are kept in
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

from ftft.dynamics.values import Encoding, Recorded
from ftft.errors import DynamicsError, reason
from ftft.utils.atomic import atomic_path

Index: TypeAlias = npt.NDArray[np.int32]

Read = TypeVar("Read")

_THREADS = 2
_NAME = re.compile(r"epoch-(\d{3,})\.rank-(\d{2,})\.(\d{6,})\.parquet")
_CRC = "ftft.crc32."
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
        """The flush file with its regular name in ``folder``."""
        name = f"epoch-{epoch:03d}.rank-{rank:02d}.{number:06d}.parquet"
        return cls(folder / name, epoch, rank, number)


def list_flushes(folder: Path) -> list[Flush]:
    """All flush files of ``folder``, oldest first: by number, then rank.

    Where two files hold the same example of the same recording point, the later in this
    order counts. A recorder numbers on from the highest number of any rank that it finds
    when it opens the folder, so what is recorded after a restart is later than what was
    recorded before, also where the number of processes changed.

    Raises:
        DynamicsError: The folder cannot be listed, or a file is named almost but not
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


def write_flush(
    flush: Flush, index: Index, recorded: Recorded, encoding: Encoding = "logits"
) -> None:
    """Write one flush file, whole or not at all.

    Args:
        flush: The file to write.
        index: (n,) int32 rows of ``examples.parquet``, none twice.
        recorded: (n, W) float32 rows.
        encoding: What they are.

    Raises:
        DynamicsError: The file already exists or cannot be written.
    """
    if flush.path.exists():
        raise DynamicsError(
            f"{flush.path} already exists: another process records into the same folder with the "
            f"same rank {flush.rank}. Give each process its own rank, or each run its own folder."
        )
    recorded = np.ascontiguousarray(recorded, dtype="<f4")
    index = np.ascontiguousarray(index, dtype="<i4")
    lists = pa.FixedSizeListArray.from_arrays(pa.array(recorded.reshape(-1)), recorded.shape[1])
    checksums = {f"{_CRC}index": _crc(index), f"{_CRC}{encoding}": _crc(recorded)}
    table = pa.table({"index": pa.array(index), encoding: lists}, metadata=checksums)
    with atomic_path(flush.path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="none",  # float32 does not compress; reading is faster without
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )


def latest(index: Index, recorded: Recorded) -> tuple[Index, Recorded]:
    """Keep the last of the rows that share an index; the order of the rest stays."""
    unique, last = np.unique(index[::-1], return_index=True)
    if len(unique) == len(index):
        return index, recorded
    keep = np.sort(len(index) - 1 - last)
    return index[keep], recorded[keep]


def read_index(flush: Flush, num_examples: int) -> Index:
    """The (n,) int32 rows that a flush file holds, each in [0, num_examples).

    Raises:
        DynamicsError: The file is missing, damaged, or does not belong to the folder.
    """
    table = _read(flush.path, ["index"])
    return _checked_index(flush.path, table, num_examples)


def read_flush(
    flush: Flush, num_examples: int, width: int, encoding: Encoding
) -> tuple[Index, Recorded]:
    """The rows of a flush file and what was recorded of them.

    Args:
        flush: The file.
        num_examples: N; every row must be below it.
        width: W; every row must have as many numbers.
        encoding: What they are.

    Returns:
        int32 rows of shape (n,) and finite or non-finite float32 numbers of shape (n, W).

    Raises:
        DynamicsError: The file is missing, damaged, or does not belong to the folder.
    """
    path = flush.path
    table = _read(path, ["index", encoding])
    index = _checked_index(path, table, num_examples)
    column = table.column(encoding).combine_chunks()
    if not pa.types.is_fixed_size_list(column.type) or column.type.value_type != pa.float32():
        raise _damaged(path, f"its {encoding} are {column.type}, not lists of float32")
    if column.type.list_size != width:
        raise DynamicsError(
            f"{path} holds {column.type.list_size} {encoding} an example, but the header names "
            f"{width}. The file comes from another run: remove it, or record again."
        )
    flat = column.flatten()
    if column.null_count or flat.null_count:
        raise _damaged(path, f"{encoding} are missing")
    recorded: Recorded = flat.to_numpy().reshape(-1, width)
    _check_crc(path, table, encoding, recorded)
    return index, recorded


def covered(flushes: Iterable[Flush], num_examples: int) -> npt.NDArray[np.bool_]:
    """Which examples some flush files hold together: bool array of shape (N,).

    Raises:
        DynamicsError: A file is missing or damaged.
    """
    seen = np.zeros(num_examples, dtype=np.bool_)
    for index in ahead(lambda flush: read_index(flush, num_examples), flushes):
        seen[index] = True
    return seen


def ahead(read: Callable[[Flush], Read], flushes: Iterable[Flush]) -> Iterator[Read]:
    """Yield what ``read`` makes of each file, in order, reading a few files in advance."""
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
    _check_crc(path, table, "index", index)
    if len(index) and (index.min() < 0 or index.max() >= num_examples):
        raise DynamicsError(
            f"{path} holds the example indices {index.min()} to {index.max()}, but the folder has "
            f"{num_examples} examples. The file comes from another run: remove it, or record again."
        )
    return np.asarray(index, dtype=np.int32)


def _check_crc(path: Path, table: Any, column: str, values: npt.NDArray[Any]) -> None:
    if (table.schema.metadata or {}).get(f"{_CRC}{column}".encode()) != _crc(values):
        raise _damaged(path, "its content does not match its checksum")


def _crc(values: npt.NDArray[Any]) -> bytes:
    return f"{zlib.crc32(np.ascontiguousarray(values).data):08x}".encode()


def _damaged(path: Path, problem: str) -> DynamicsError:
    return DynamicsError(
        f"{path} is damaged: {problem}. Copy the folder again from where it was recorded; or "
        "remove this file, and the recording points it belongs to count as incomplete."
    )
