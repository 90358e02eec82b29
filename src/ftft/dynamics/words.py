"""What was recorded of each word of a sentence, for label errors that name it.

The files lie beside the others of a dynamics folder, which do without them:

    words-000.rank-00.000000.parquet …  index (int32), word (int32, from 0), given and preferred
                                        tag (int32), probability of the given tag (float32)

A word that was cut off has no entry. Where a word was recorded more than once at a recording
point, the latest counts.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ftft.dynamics.buffering import detach_copy, to_host
from ftft.errors import DynamicsError, reason
from ftft.utils.atomic import atomic_path

_NAME = re.compile(r"words-(\d{3,})\.rank-(\d{2,})\.(\d{6,})\.parquet")
_CRC = b"ftft.crc32"
_READ_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)


@dataclass(frozen=True, eq=False)
class WordValues:
    """Values of M words at one recording point, each an array of shape (M,).

    Attributes:
        index: int32, the example, by its position.
        word: int32, the word's position in its sentence, from 0.
        given: int32, the tag in the data, a position in the model's tags.
        preferred: int32, the tag of highest probability.
        probability: float32, that of the given tag.
    """

    index: npt.NDArray[np.int32]
    word: npt.NDArray[np.int32]
    given: npt.NDArray[np.int32]
    preferred: npt.NDArray[np.int32]
    probability: npt.NDArray[np.float32]

    def take(self, rows: Any) -> WordValues:
        """The values of some words, by position or as a mask."""
        return WordValues(*(getattr(self, name)[rows] for name in _COLUMNS))


_COLUMNS = tuple(field.name for field in fields(WordValues))


class WordRecorder:
    """Writes what is recorded of words into a dynamics folder; see ``DynamicsRecorder``."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._folder, self._rank = folder, rank
        self._next = 1 + max((number for _, number, _ in _files(folder)), default=-1)
        self._held: dict[int, list[tuple[Any, ...]]] = {}

    def record(self, epoch: int, rows: Any, given: Any, preferred: Any, probability: Any) -> None:
        """Hold the words of a batch of n examples, with places for L words each.

        Args:
            epoch: The recording point.
            rows: (n,) positions of the examples.
            given: (n, L) gold tags, negative where there is no word.
            preferred: (n, L) tags of highest probability.
            probability: (n, L) probabilities of the gold tags.
        """
        batch = tuple(detach_copy(one) for one in (rows, given, preferred, probability))
        self._held.setdefault(epoch, []).append(batch)

    def flush(self) -> None:
        """Write everything held, one file a recording point."""
        for epoch in sorted(self._held):
            parts = [_words_of(batch) for batch in self._held[epoch]]
            name = f"words-{epoch:03d}.rank-{self._rank:02d}.{self._next:06d}.parquet"
            _write(self._folder / name, _joined(parts))
            self._next += 1
            del self._held[epoch]


def read_words(folder: Path) -> dict[int, WordValues]:
    """What was recorded of words, by recording point, in the order of examples and words.

    Raises:
        DynamicsError: Nothing was recorded of words, or a file is damaged.
    """
    by_epoch: dict[int, list[Path]] = {}
    for epoch, _, path in _files(folder):
        by_epoch.setdefault(epoch, []).append(path)
    if not by_epoch:
        raise DynamicsError(
            f"{folder} holds nothing about single words: trainings of task token-classification "
            "record them from this version on, other training loops with "
            "DynamicsRecorder.record_words. Record again: of a run, with --force-stage reference."
        )
    return {epoch: _latest(_joined([_read(one) for one in by_epoch[epoch]])) for epoch in by_epoch}


def _files(folder: Path) -> list[tuple[int, int, Path]]:
    """Recording point, number and path of each file, oldest first: by number, then rank."""
    if not folder.is_dir():
        return []
    found = [(match, path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    keys = sorted((int(match[3]), int(match[2]), int(match[1]), path) for match, path in found)
    return [(epoch, number, path) for number, _, epoch, path in keys]


def _words_of(batch: tuple[Any, ...]) -> WordValues:
    rows, given, preferred = (to_host([one], np.int64) for one in batch[:3])
    there = given >= 0
    place = np.cumsum(there, axis=1) - 1
    index = np.broadcast_to(rows[:, None], given.shape)
    return WordValues(
        index=index[there].astype(np.int32),
        word=place[there].astype(np.int32),
        given=given[there].astype(np.int32),
        preferred=preferred[there].astype(np.int32),
        probability=to_host([batch[3]], np.float32)[there],
    )


def _joined(parts: list[WordValues]) -> WordValues:
    return WordValues(*(np.concatenate([getattr(p, name) for p in parts]) for name in _COLUMNS))


def _latest(words: WordValues) -> WordValues:
    """Sorted by example and word, the last of equal ones kept."""
    keys = words.index.astype(np.int64) << 32 | words.word
    _, last = np.unique(keys[::-1], return_index=True)
    return words.take(len(keys) - 1 - last)


def _write(path: Path, words: WordValues) -> None:
    columns = {name: np.ascontiguousarray(getattr(words, name)) for name in _COLUMNS}
    table = pa.table(columns).replace_schema_metadata({_CRC: _crc(columns)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


def _read(path: Path) -> WordValues:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=list(_COLUMNS))
        columns = {name: table.column(name).to_numpy() for name in _COLUMNS}
        if (table.schema.metadata or {}).get(_CRC) != _crc(columns):
            raise ValueError("its content does not match its checksum")
    except _READ_ERRORS as error:
        raise DynamicsError(
            f"{path} is damaged: {reason(error)}. Copy the folder again from where it was "
            "recorded, or record again."
        ) from error
    return WordValues(**columns)


def _crc(columns: dict[str, npt.NDArray[Any]]) -> bytes:
    found = 0
    for name in _COLUMNS:
        found = zlib.crc32(np.ascontiguousarray(columns[name]).data, found)
    return f"{found:08x}".encode()
