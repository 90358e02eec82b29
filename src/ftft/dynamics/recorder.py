"""Records training dynamics from any training loop, into a folder, while it runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

from ftft.dynamics.buffering import batch_size, detach_copy, to_host
from ftft.dynamics.checks import (
    IdsOfRows,
    at_least,
    check_finite,
    checked_chance,
    checked_epoch,
    checked_measures,
    warn_of_probabilities,
)
from ftft.dynamics.container import TrainingDynamics, point_positions
from ftft.dynamics.examples import check_unique, classes_of, fingerprint, to_ids, to_lengths
from ftft.dynamics.header import HEADER_NAME, Header, check_same, read_header
from ftft.dynamics.index_lookup import (
    UNKNOWN,
    Integers,
    Positions,
    check_clear,
    find_rows,
    meaning_of_integers,
)
from ftft.dynamics.shards import Flush, covered, latest, list_flushes, write_flush
from ftft.dynamics.store import read_dynamics, write_start
from ftft.dynamics.values import Encoding, Recorded, unusable
from ftft.dynamics.words import WordRecorder
from ftft.errors import DynamicsError

_Batch: TypeAlias = tuple[Any, Any]  # ids or row numbers, and logits or values


@dataclass(frozen=True)
class EpochCoverage:
    """How much of a recording point is on the disk, over all ranks.

    Attributes:
        epoch: The recording point.
        seen: Examples recorded at it, at most ``total``.
        total: All examples.
    """

    epoch: int
    seen: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether every example was recorded; incomplete points are left out of a map."""
        return self.seen == self.total


class DynamicsRecorder:
    """Writes the logits or values of every training step, by example, to a dynamics folder.

    Batches are held where they are (on the device, cut from the graph) and moved and
    written in bulk, so that a step never waits for the device. A process that dies
    loses what was not flushed and nothing else. An example recorded twice at the same
    recording point keeps the later one.

    An existing folder of the same examples is continued; numbers of files continue, so
    what is recorded now counts over what is there. With several processes, each makes a
    recorder with its own ``rank``, all before the first of them writes.

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
        labels: Any = None,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        integers: Integers | None = None,
        encoding: Encoding = "logits",
        chance: float | None = None,
        measures: Sequence[str] = (),
        lengths: Any = None,
        rank: int = 0,
        buffer_examples: int = 65_536,
        points_per_epoch: int = 1,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Open or start a dynamics folder.

        Args:
            folder: The folder; made where it does not exist.
            example_ids: (N,) unique ids (strings or integers) of all training examples.
            labels: (N,) gold class indices in [0, C); of values the groups, if there are any.
            num_classes: C; from the class names, else from the largest label, where None.
            class_names: C names; "0" to "C-1" where None; none at all (``()``) where the labels
                are no group of examples.
            integers: What integers in a batch are: "ids" or "positions" (in ``example_ids``).
                Where None, ids if ``example_ids`` are integers, else positions. Where the
                ids are 0 to N-1 in another order, integers are refused until this is set.
            encoding: "logits" to record those of each class; "values" for tasks with too many
                of them: probability, loss, margin, error norm and correct of each example, as
                ``PointValues`` describes them.
            chance: Mean probability of the right answer of a model that knows nothing; where
                None one in C of logits, and 0 of values.
            measures: Names of other probabilities of the right answer, which follow the five
                values of each example.
            lengths: (N,) tokens of each example, for statistics by length; None: not known.
            rank: Number of this process, from 0; each process writes files of its own.
            buffer_examples: Examples held before they are written; the memory is this
                many times C (or 5) numbers. What is held is lost when the process is killed.
            points_per_epoch: Recording points in one epoch of training, if more than one.
            meta: Free notes for the header (JSON); those of an existing folder stay.

        Raises:
            DynamicsError: Ids, labels and classes do not fit together; or the folder has
                other examples, is damaged or cannot be written.
        """
        where = f"The recorder of {folder}"
        self._folder = Path(folder)
        given = example_ids if hasattr(example_ids, "__len__") else list(example_ids)
        self._ids = to_ids(given)
        self._integers = meaning_of_integers(integers, given, self._ids)
        checked, num_classes, names = classes_of(
            labels, num_classes, class_names, where, encoding, len(self._ids)
        )
        if len(self._ids) != len(checked) or not len(checked):
            raise DynamicsError(
                f"{where} was given {len(self._ids)} ids and {len(checked)} labels. Give at least "
                "one example, and one label for each id."
            )
        check_unique(self._ids, where)
        self._rank = at_least(0, rank, f"{where}: rank")
        self._capacity = at_least(1, buffer_examples, f"{where}: buffer_examples")
        point_positions((), points_per_epoch)  # checks it
        self._header = Header(
            num_examples=len(checked),
            num_classes=num_classes,
            class_names=names,
            points_per_epoch=points_per_epoch,
            examples_sha256=fingerprint(self._ids, checked),
            encoding=encoding,
            chance=checked_chance(chance, encoding, num_classes),
            measures=checked_measures(measures, encoding),
            meta=dict(meta or {}),
        )
        self._open(checked, None if lengths is None else to_lengths(lengths, len(checked)))
        flushes = list_flushes(self._folder)
        self._next = 1 + max((flush.number for flush in flushes), default=-1)
        self._started = bool(flushes)
        self._last_found = max((flush.epoch for flush in flushes), default=-1)
        self._pending: dict[int, list[_Batch]] = {}
        self._held = 0
        self._checked_first = False
        self._words: WordRecorder | None = None

    def _open(self, labels: Any, lengths: Any) -> None:
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
            write_start(self._folder, self._header, self._ids, labels, lengths)

    @property
    def width(self) -> int:
        """Numbers that are recorded of an example."""
        return self._header.width

    def record(self, epoch: int, ids_or_indices: Any, recorded: Any) -> None:
        """Record the logits or values of one batch.

        Args:
            epoch: Recording point from 0 (the epoch, unless there are several in one).
            ids_or_indices: (n,) strings: ids; or (n,) integers: ids where ``example_ids``
                were given as integers, else positions in ``example_ids`` (see ``integers``
                of the recorder). A torch tensor, NumPy or JAX array, or a list; a single
                one for a batch of one with logits (C,).
            recorded: (n, C) logits, or (n, 5) values: a torch, NumPy or JAX array of any float
                type on any device, or nested lists. Half precision is kept exactly, as
                float32. Values that an example does not have are all NaN.

        Raises:
            DynamicsError: Shapes, ids or values are not as expected. Shapes are checked
                at once; ids and values of the first batch at once, of later batches when
                the buffer is written (checking them earlier would wait for the device).
        """
        epoch = checked_epoch(epoch)
        if epoch > 0 and not self._started:
            raise DynamicsError(
                f"The first recording in {self._folder} is of epoch {epoch}. Epochs count from 0 "
                "without gaps: record the first epoch as 0."
            )
        if epoch < self._last_found:
            self._warn_of_older(epoch)
        ids, values = detach_copy(ids_or_indices), detach_copy(recorded)
        if ids.ndim == 0 and values.ndim == 1:
            ids, values = ids.reshape(1), values.reshape(1, -1)
        check_clear(ids, self._integers, f"{self._folder}, of {len(self._ids)} examples")
        count = batch_size(ids, values, self._header.width, self._header.encoding)
        if count == 0:
            return
        if not self._checked_first:
            rows, first, problem = self._resolve([(ids, values)])
            self._raise_on(epoch, rows, first, problem)
            self._checked_first = True
            if self._header.encoding == "logits":
                warn_of_probabilities(first, str(self._folder))
        self._pending.setdefault(epoch, []).append((ids, values))
        self._started = True
        self._held += count
        if self._held >= self._capacity:
            self.flush()

    def _warn_of_older(self, epoch: int) -> None:
        last, self._last_found = self._last_found, -1
        warnings.warn(
            f"{self._folder}: epoch {epoch} is recorded again over what was recorded before. "
            f"Later epochs, up to {last}, are still those of before until they are recorded too: "
            "give another training a new folder.",
            stacklevel=3,
        )

    def record_words(self, epoch: int, rows: Any, *words: Any) -> None:
        """Record the words of sentences, given by position; see ``WordRecorder.record``."""
        self._words = self._words or WordRecorder(self._folder, self._rank)
        self._words.record(epoch, rows, *words)

    def flush(self) -> None:
        """Write everything held, one file a recording point.

        Raises:
            DynamicsError: An index or id is unknown or a logit is not finite (the other
                examples are written first), or the file cannot be written (the buffer is
                kept, so flushing can be tried again).
        """
        for epoch in sorted(self._pending):
            self._flush_epoch(epoch)
        if self._words is not None:
            self._words.flush()

    def _flush_epoch(self, epoch: int) -> None:
        rows, recorded, problem = self._resolve(self._pending[epoch])
        encoding = self._header.encoding
        usable = ~unusable(recorded, encoding) & (rows != UNKNOWN)
        index, values = latest(rows[usable].astype(np.int32), recorded[usable])
        if len(index):
            flush = Flush.named(self._folder, epoch, self._rank, self._next)
            write_flush(flush, index, values, encoding)
            self._next += 1
        del self._pending[epoch]
        self._held -= len(rows)
        self._raise_on(epoch, rows, recorded, problem)

    def _resolve(self, batches: list[_Batch]) -> tuple[Positions, Recorded, str | None]:
        recorded = to_host([values for _, values in batches], np.float32)
        held = [ids for ids, _ in batches]
        rows, problem = find_rows(held, self._ids, integers=self._integers)
        return rows, recorded, problem

    def _raise_on(
        self, epoch: int, rows: Positions, recorded: Recorded, problem: str | None
    ) -> None:
        where = f"{self._folder}, recording point {epoch}"
        if problem:
            raise DynamicsError(f"{where}: {problem}")
        check_finite(recorded, IdsOfRows(self._ids, rows), where, self._header.encoding)

    def finish_epoch(self, epoch: int) -> EpochCoverage:
        """Flush, and say how complete a recording point is on the disk.

        Other processes count with what they have flushed: call it on all, then a barrier,
        then once more on one of them for the figure over all ranks.

        Raises:
            DynamicsError: As ``flush``; or a file of the recording point is damaged.
        """
        epoch = checked_epoch(epoch)
        self.flush()
        files = [flush for flush in list_flushes(self._folder) if flush.epoch == epoch]
        total = self._header.num_examples
        return EpochCoverage(epoch, int(covered(files, total).sum()), total)

    def check_recorded(self, points: int) -> None:
        """Check that something of each of the first recording points is on the disk.

        For a training that is continued: what it recorded before must be in this folder, and what
        it records again from a checkpoint on is meant.

        Raises:
            DynamicsError: Of one of them there is nothing; or the folder cannot be listed.
        """
        self._last_found = -1
        missing = set(range(points)) - {flush.epoch for flush in list_flushes(self._folder)}
        if missing:
            raise DynamicsError(
                f"{self._folder} holds no recording of epoch {min(missing)}, which the training "
                "has behind it. Give the recorder the folder that this training recorded to, or "
                "train from the start."
            )

    def read(self) -> TrainingDynamics:
        """Flush, then open what was recorded so far by all ranks.

        Raises:
            DynamicsError: As ``flush`` and ``read_dynamics``.
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
