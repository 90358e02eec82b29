"""Records training dynamics from any training loop, into a folder, while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

from ftft.dynamics.buffering import batch_size, detach_copy, to_host
from ftft.dynamics.container import (
    IdsOfRows,
    Logits,
    TrainingDynamics,
    check_finite,
    point_positions,
)
from ftft.dynamics.examples import check_unique, fingerprint, resolve_classes, to_ids
from ftft.dynamics.header import HEADER_NAME, Header, check_same, read_header
from ftft.dynamics.index_lookup import (
    UNKNOWN,
    Integers,
    Positions,
    check_clear,
    find_rows,
    meaning_of_integers,
)
from ftft.dynamics.shards import Flush, Index, covered, list_flushes, write_flush
from ftft.dynamics.store import read_dynamics, write_start
from ftft.errors import DynamicsError

_Batch: TypeAlias = tuple[Any, Any]  # ids or row numbers, and logits


@dataclass(frozen=True)
class EpochCoverage:
    """How much of a recording point is on the disk, over all ranks.

    Attributes:
        epoch: the recording point.
        seen: examples recorded at it, at most `total`.
        total: all examples.
    """

    epoch: int
    seen: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether every example was recorded; incomplete points are left out of a map."""
        return self.seen == self.total


class DynamicsRecorder:
    """Writes the logits of every training step, by example, to a dynamics folder.

    Batches are held where they are (on the device, cut from the graph) and moved and
    written in bulk, so that a step never waits for the device. A process that dies
    loses what was not flushed and nothing else. An example recorded twice at the same
    recording point keeps the later logits.

    An existing folder of the same examples is continued; numbers of files go on, so
    what is recorded now counts over what is there. With several processes, each makes a
    recorder with its own `rank`, all before the first of them writes.

    Example:
        >>> with DynamicsRecorder("dynamics", example_ids=ids, labels=labels) as recorder:
        ...     for epoch in range(3):
        ...         for batch in loader:
        ...             logits = model(batch["x"])
        ...             recorder.record(epoch, batch["index"], logits)
        ...         recorder.finish_epoch(epoch)
        ...     dynamics = recorder.read()
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        example_ids: Any,
        labels: Any,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        integers: Integers | None = None,
        rank: int = 0,
        buffer_examples: int = 65_536,
        points_per_epoch: int = 1,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Open or start a dynamics folder.

        Args:
            folder: the folder; made where it does not exist.
            example_ids: (N,) unique ids (strings or integers) of all training examples.
            labels: (N,) gold class indices in [0, C).
            num_classes: C; from the class names, else from the largest label, where None.
            class_names: C names; "0" to "C-1" where None.
            integers: what integers in a batch are: "ids" or "positions" (in `example_ids`).
                Where None, ids if `example_ids` are integers, else positions. Where the
                ids are 0 to N-1 in another order, integers are refused until this is set.
            rank: number of this process, from 0; each process writes files of its own.
            buffer_examples: examples held before they are written; the memory is this
                many times C numbers. What is held is lost when the process is killed.
            points_per_epoch: recording points in one epoch of training, if more than one.
            meta: free notes for the header (JSON); those of an existing folder stay.

        Raises:
            DynamicsError: ids, labels and classes do not fit together; or the folder has
                other examples, is damaged or cannot be written.
        """
        where = f"The recorder of {folder}"
        self._folder = Path(folder)
        given = example_ids if hasattr(example_ids, "__len__") else list(example_ids)
        self._ids = to_ids(given)
        self._integers = meaning_of_integers(integers, given, self._ids)
        checked, num_classes, names = resolve_classes(labels, num_classes, class_names, where)
        if len(self._ids) != len(checked) or not len(checked):
            raise DynamicsError(
                f"{where} was given {len(self._ids)} ids and {len(checked)} labels. Give at least "
                "one example, and one label for each id."
            )
        check_unique(self._ids, where)
        self._rank = _at_least(0, rank, f"{where}: rank")
        self._capacity = _at_least(1, buffer_examples, f"{where}: buffer_examples")
        point_positions((), points_per_epoch)  # checks it
        self._header = Header(
            num_examples=len(checked),
            num_classes=num_classes,
            class_names=names,
            points_per_epoch=points_per_epoch,
            examples_sha256=fingerprint(self._ids, checked),
            meta=dict(meta or {}),
        )
        self._open(checked)
        flushes = list_flushes(self._folder)
        self._next = 1 + max((flush.number for flush in flushes), default=-1)
        self._started = bool(flushes)
        self._pending: dict[int, list[_Batch]] = {}
        self._held = 0
        self._checked_first = False

    def _open(self, labels: Any) -> None:
        # Listed first: another rank may start the folder at this very moment, and it
        # writes the header before its first flush.
        has_flushes = self._folder.is_dir() and bool(list_flushes(self._folder))
        if (self._folder / HEADER_NAME).exists():
            check_same(self._folder, read_header(self._folder), self._header)
        elif has_flushes:
            raise DynamicsError(
                f"{self._folder} holds recorded logits but no {HEADER_NAME}, so they cannot be "
                "continued. Record into a new folder, or restore the header."
            )
        else:
            write_start(self._folder, self._header, self._ids, labels)

    def record(self, epoch: int, ids_or_indices: Any, logits: Any) -> None:
        """Record the logits of one batch.

        Args:
            epoch: recording point from 0 (the epoch, unless there are several in one).
            ids_or_indices: (n,) strings: ids; or (n,) integers: ids where `example_ids`
                were given as integers, else positions in `example_ids` (see `integers`
                of the recorder). A torch tensor, NumPy or JAX array, or a list; a single
                one for a batch of one with logits (C,).
            logits: (n, C) torch, NumPy or JAX array of any float type on any device, or
                nested lists. Half precision is kept exactly, as float32.

        Raises:
            DynamicsError: shapes, ids or values are not as expected. Shapes are checked
                at once; ids and values of the first batch at once, of later batches when
                the buffer is written (checking them earlier would wait for the device).
        """
        epoch = _checked_epoch(epoch)
        if epoch > 0 and not self._started:
            raise DynamicsError(
                f"The first recording in {self._folder} is of epoch {epoch}. Epochs count from 0 "
                "without gaps: record the first epoch as 0."
            )
        ids, values = detach_copy(ids_or_indices), detach_copy(logits)
        if ids.ndim == 0 and values.ndim == 1:
            ids, values = ids.reshape(1), values.reshape(1, -1)
        check_clear(ids, self._integers, f"{self._folder}, of {len(self._ids)} examples")
        count = batch_size(ids, values, self._header.num_classes)
        if count == 0:
            return
        if not self._checked_first:
            self._raise_on(epoch, *self._resolve([(ids, values)]))
            self._checked_first = True
        self._pending.setdefault(epoch, []).append((ids, values))
        self._started = True
        self._held += count
        if self._held >= self._capacity:
            self.flush()

    def flush(self) -> None:
        """Write everything held, one file a recording point.

        Raises:
            DynamicsError: an index or id is unknown or a logit is not finite (the other
                examples are written first), or the file cannot be written (the buffer is
                kept, so flushing can be tried again).
        """
        for epoch in sorted(self._pending):
            self._flush_epoch(epoch)

    def _flush_epoch(self, epoch: int) -> None:
        rows, logits, problem = self._resolve(self._pending[epoch])
        finite = np.isfinite(logits).all(axis=1)
        usable = finite & (rows != UNKNOWN)
        index, values = _latest(rows[usable].astype(np.int32), logits[usable])
        if len(index):
            write_flush(Flush.named(self._folder, epoch, self._rank, self._next), index, values)
            self._next += 1
        del self._pending[epoch]
        self._held -= len(rows)
        self._raise_on(epoch, rows, logits, problem)

    def _resolve(self, batches: list[_Batch]) -> tuple[Positions, Logits, str | None]:
        logits = to_host([values for _, values in batches], np.float32)
        held = [ids for ids, _ in batches]
        rows, problem = find_rows(held, self._ids, integers=self._integers)
        return rows, logits, problem

    def _raise_on(self, epoch: int, rows: Positions, logits: Logits, problem: str | None) -> None:
        where = f"{self._folder}, recording point {epoch}"
        if problem:
            raise DynamicsError(f"{where}: {problem}")
        check_finite(logits, IdsOfRows(self._ids, rows), where)

    def finish_epoch(self, epoch: int) -> EpochCoverage:
        """Flush, and say how complete a recording point is on the disk.

        Other processes count with what they have flushed: call it on all, then a barrier,
        then once more on one of them for the figure over all ranks.

        Raises:
            DynamicsError: as `flush`; or a file of the recording point is damaged.
        """
        epoch = _checked_epoch(epoch)
        self.flush()
        files = [flush for flush in list_flushes(self._folder) if flush.epoch == epoch]
        total = self._header.num_examples
        return EpochCoverage(epoch, int(covered(files, total).sum()), total)

    def check_recorded(self, points: int) -> None:
        """Check that something of each of the first recording points is on the disk.

        For a training that goes on: what it recorded before must be in this folder.

        Raises:
            DynamicsError: of one of them there is nothing; or the folder cannot be listed.
        """
        missing = set(range(points)) - {flush.epoch for flush in list_flushes(self._folder)}
        if missing:
            raise DynamicsError(
                f"{self._folder} holds no recording of epoch {min(missing)}, which the training "
                "has behind it. Give the recorder the folder that this training recorded to, or "
                "train from the start."
            )

    def discard_from(self, epoch: int, *, all_ranks: bool = False) -> int:
        """Remove the recordings of a recording point and of all later ones.

        For a training that starts again from an earlier point. A training that goes on in
        the middle of an epoch needs no removal: what is recorded again counts.

        Args:
            epoch: the first recording point to remove.
            all_ranks: remove the files of every rank, not only of this one; for one
                process to call before any records, where their number may have changed.

        Returns:
            The number of files removed.

        Raises:
            DynamicsError: a file cannot be removed.
        """
        epoch = _checked_epoch(epoch)
        for pending in [point for point in self._pending if point >= epoch]:
            self._held -= sum(len(values) for _, values in self._pending.pop(pending))
        doomed = [
            flush
            for flush in list_flushes(self._folder)
            if flush.epoch >= epoch and (all_ranks or flush.rank == self._rank)
        ]
        # Latest points first: killed half-way, this leaves no gap between points.
        for flush in sorted(doomed, key=lambda flush: flush.epoch, reverse=True):
            try:
                flush.path.unlink(missing_ok=True)
            except OSError as error:
                raise DynamicsError(
                    f"{flush.path} cannot be removed: {error.strerror or error}. Check the "
                    "permissions of the folder."
                ) from error
        return len(doomed)

    def read(self) -> TrainingDynamics:
        """Flush, then open what was recorded so far by all ranks.

        Raises:
            DynamicsError: as `flush` and `read_dynamics`.
        """
        self.flush()
        return read_dynamics(self._folder)

    def __enter__(self) -> DynamicsRecorder:
        """Return the recorder itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush; after an error in the training, that error is the one reported."""
        try:
            self.flush()
        except DynamicsError:
            if error is None:
                raise


def _checked_epoch(epoch: int) -> int:
    if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or epoch < 0:
        raise DynamicsError(f"The epoch is {epoch!r}; it must be an integer from 0.")
    return int(epoch)


def _at_least(least: int, value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DynamicsError(f"{name} is {value!r}; it must be an integer of at least {least}.")
    return value


def _latest(index: Index, logits: Logits) -> tuple[Index, Logits]:
    """Keep the last of the rows that share an index; the order of the rest stays."""
    unique, last = np.unique(index[::-1], return_index=True)
    if len(unique) == len(index):
        return index, logits
    keep = np.sort(len(index) - 1 - last)
    return index[keep], logits[keep]
