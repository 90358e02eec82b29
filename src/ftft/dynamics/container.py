"""What a training run recorded of every example at every recording point."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.dynamics.checks import check_finite, checked_chance, stacked_arrays
from ftft.dynamics.examples import check_unique, classes_of, to_ids
from ftft.dynamics.values import (
    COLUMNS,
    FIRST_MEASURE,
    Encoding,
    Labels,
    Lengths,
    Logits,
    PointValues,
    Recorded,
    values_of_columns,
    values_of_logits,
)
from ftft.errors import DynamicsError
from ftft.utils.nearest import nearest
from ftft.utils.notebook import html_table
from ftft.utils.plural import counted

# (epoch, start, stop) -> what was recorded of those rows at that point, (stop - start, W).
Reader: TypeAlias = Callable[[int, int, int], Recorded]


@dataclass(frozen=True, eq=False, repr=False)
class TrainingDynamics:
    """Logits or values of N examples at E recording points, read when asked for.

    A recording point is numbered from 0 and is called an epoch throughout: with plain
    recording there is one an epoch. Only complete points, at which every example was
    seen, take part; the others are named in ``incomplete``.

    Attributes:
        example_ids: (N,) unique ids, always strings.
        labels: (N,) int64 gold class indices in [0, C). Of values they are the group of each
            example, for label proportions and the like; all 0 where there is none.
        num_classes: C; of logits at least 2.
        class_names: The C names; none where the labels are no group of examples.
        epochs: The complete recording points in ascending order.
        incomplete: Examples seen at each recording point that is left out.
        points: For each of ``epochs``, the epochs of training done by its end (1.0, 2.0, …
            with one recording point an epoch).
        chance: Mean probability of the right answer of a model that knows nothing, in [0, 1).
        encoding: "logits", or "values" of tasks whose logits are too many to keep.
        measures: Other probabilities of the right answer that were recorded beside the values.
        measure: The one of them that counts as the probability; None: that of the values.
        lengths: (N,) int32 tokens of each example, where they are known.
        meta: Free notes of whoever recorded.
    """

    example_ids: pa.StringArray
    labels: Labels
    num_classes: int
    class_names: tuple[str, ...]
    epochs: tuple[int, ...]
    incomplete: dict[int, int]
    points: tuple[float, ...]
    reader: Reader = field(repr=False)
    chance: float
    encoding: Encoding = "logits"
    measures: tuple[str, ...] = ()
    measure: str | None = None
    lengths: Lengths | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """The number of examples N."""
        return len(self.labels)

    def __repr__(self) -> str:
        points = counted(len(self.epochs), "recording point")
        return f"<TrainingDynamics of {counted(len(self), 'example')} at {points}>"

    def epoch_logits(self, epoch: int) -> Logits:
        """The logits of all examples at one recording point.

        Args:
            epoch: One of ``epochs`` (the number it was recorded under, not a position).

        Returns:
            float32 array of shape (N, C), in the order of ``example_ids``, all finite.

        Raises:
            DynamicsError: The point is not there, is not complete, or cannot be read; or
                values were recorded instead of logits.
        """
        if self.encoding != "logits":
            raise DynamicsError(
                "These dynamics hold values of each example and no logits, as those of a task "
                "without one label a text do. Statistics, maps and selections work as usual; "
                "what needs a probability for each class, as cleanlab and the formats of other "
                "tools do, is not available."
            )
        return self.epoch_recorded(epoch)

    def epoch_recorded(self, epoch: int) -> Recorded:
        """What was recorded of all examples at one recording point: float32 array (N, W).

        Raises:
            DynamicsError: The point is not there, is not complete, or cannot be read.
        """
        if epoch not in self.epochs:
            seen = self.incomplete.get(epoch)
            state = "was not recorded"
            if seen is not None:
                state = f"is not complete (only {seen} of {len(self)} examples were seen)"
            raise DynamicsError(
                f"Recording point {epoch} {state}. The complete ones are {list(self.epochs)}; ask "
                "for one of them or record the missing examples."
            )
        return self.reader(epoch, 0, len(self))

    def point_values(self, epoch: int) -> PointValues:
        """What one recording point says about each example.

        Args:
            epoch: One of ``epochs``.

        Returns:
            Arrays of shape (N,), in the order of ``example_ids``.

        Raises:
            DynamicsError: As ``epoch_recorded``.
        """
        recorded = self.epoch_recorded(epoch)
        if self.encoding == "values":
            at = 0 if self.measure is None else len(COLUMNS) + self.measures.index(self.measure)
            return values_of_columns(recorded, at)
        return values_of_logits(recorded, self.labels)

    def logits(self) -> Logits:
        """All logits at once: float32 array of shape (E, N, C).

        Raises:
            DynamicsError: There is no complete recording point, or one cannot be read.
        """
        if not self.epochs:
            raise DynamicsError(
                "There is no complete recording point. Record at least one epoch in which every "
                "example is seen."
            )
        return np.stack([self.epoch_logits(epoch) for epoch in self.epochs])

    def _repr_html_(self) -> str:
        """What a notebook shows: examples by label, and what was recorded. Reads no logits."""
        counts = np.bincount(self.labels, minlength=self.num_classes)
        rows = [
            [name, f"{count:,}", f"{count / max(len(self), 1):.1%}"]
            for name, count in zip(self.class_names, counts.tolist(), strict=False)
        ]
        partly = f", {len(self.incomplete)} more incomplete" if self.incomplete else ""
        notes = "".join(
            f"; {name}: {self.meta[name]}" for name in ("model", "seed") if name in self.meta
        )
        size, points = counted(len(self), "example"), counted(len(self.epochs), "recording point")
        title = f"training dynamics of {size} at {points}{partly}{notes}"
        return html_table(title, ["label", "examples", "share"], rows)

    def measured_by(self, measure: str) -> TrainingDynamics:
        """The same dynamics, with another probability of the right answer, still read lazily.

        Args:
            measure: One of ``measures``, or "inverse-perplexity", what the values hold anyway.

        Raises:
            DynamicsError: It was not recorded.
        """
        if measure == FIRST_MEASURE:
            return replace(self, measure=None)
        if measure not in self.measures:
            near = nearest(measure, (FIRST_MEASURE, *self.measures))
            raise DynamicsError(
                f"These dynamics do not hold {measure}.{near} Their task has none, or an older "
                f"ftft or a recorder without measures=[{measure!r}] recorded them. Use "
                f"{FIRST_MEASURE}, or record again: of a run, with --force-stage reference."
            )
        return replace(self, measure=measure)

    def rows(self, start: int, stop: int) -> TrainingDynamics:
        """The examples [start, stop) only, still read lazily.

        Lets dynamics that do not fit into memory be processed part by part: everything
        computed from the part needs memory of the order of the part.

        Args:
            start: First row, at least 0.
            stop: Row after the last, at most N and greater than ``start``.

        Raises:
            DynamicsError: The range is empty or outside.
        """
        if not 0 <= start < stop <= len(self):
            raise DynamicsError(
                f"The rows {start} to {stop} are not a part of {len(self)} examples. Give "
                f"0 <= start < stop <= {len(self)}."
            )
        whole = self.reader

        def part(epoch: int, first: int, last: int) -> Recorded:
            return whole(epoch, start + first, start + last)

        return replace(
            self,
            example_ids=self.example_ids.slice(start, stop - start),
            labels=self.labels[start:stop],
            lengths=None if self.lengths is None else self.lengths[start:stop],
            reader=part,
        )

    def take(self, example_ids: pa.StringArray) -> TrainingDynamics:
        """Some of the examples only, in the order of the given ids, still read lazily.

        Raises:
            DynamicsError: An id is not that of an example.
        """
        if example_ids.equals(self.example_ids):
            return self
        found = pc.index_in(example_ids, value_set=self.example_ids)
        if found.null_count:
            unknown = example_ids.filter(found.is_null())[0].as_py()
            raise DynamicsError(
                f"The dynamics hold no example {unknown!r} ({found.null_count} ids are unknown). "
                "Give the dynamics that the map was made from."
            )
        rows, whole = found.to_numpy(), self.reader
        return replace(
            self,
            example_ids=example_ids,
            labels=self.labels[rows],
            lengths=None if self.lengths is None else self.lengths[rows],
            reader=lambda epoch, start, stop: whole(epoch, 0, len(self))[rows[start:stop]],
        )

    def first_epochs(self, epochs: float) -> TrainingDynamics:
        """What was recorded in the first epochs of training only, still read lazily.

        Args:
            epochs: Epochs of training, above 0; with several recording points in one, a
                share of an epoch will do. More than there are leaves out nothing.

        Raises:
            DynamicsError: ``epochs`` is not a number above 0, or no point is that early.
        """
        if isinstance(epochs, bool) or not isinstance(epochs, int | float) or not epochs > 0:
            raise DynamicsError(f"first_epochs is {epochs!r}; it must be a number above 0.")
        # Points are multiples of 1 / points_per_epoch, most of which no float holds exactly.
        early = [
            epoch
            for epoch, point in zip(self.epochs, self.points, strict=True)
            if point <= epochs + 1e-9
        ]
        if not early:
            raise DynamicsError(
                f"first_epochs is {epochs}, but the first complete recording point is at the end "
                f"of {min(self.points, default=math.nan):g} epochs. Take more epochs in."
            )
        return replace(
            self,
            epochs=tuple(early),
            points=self.points[: len(early)],
            incomplete={k: count for k, count in self.incomplete.items() if k <= early[-1]},
        )

    @classmethod
    def from_arrays(
        cls,
        logits: Any,
        labels: Any = None,
        example_ids: Any = None,
        class_names: Sequence[str] | None = None,
        *,
        points_per_epoch: int = 1,
        encoding: Encoding = "logits",
        chance: float | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> TrainingDynamics:
        """Build dynamics from arrays in memory.

        Args:
            logits: (E, N, C) numbers, or a sequence of E arrays (N, C), in training order; of
                values (E, N, 5), in the order of the fields of ``PointValues``.
            labels: (N,) gold class indices in [0, C); of values the groups, if there are any.
            example_ids: (N,) unique strings or integers; "0" to "N-1" where None.
            class_names: C names; "0" to "C-1" where None; none at all where the labels are no
                group of examples.
            points_per_epoch: Recording points in one epoch of training.
            encoding: "logits" or "values".
            chance: Mean probability of the right answer of a model that knows nothing; where
                None one in C of logits, and 0 of values.
            meta: Free notes to keep with the dynamics.

        Raises:
            DynamicsError: Shapes do not fit, logits are not finite, labels are out of
                range or ids are repeated.
        """
        where = "The given arrays"
        stacked = stacked_arrays(logits, encoding)
        num_epochs, num_examples, width = stacked.shape
        ids = to_ids(np.arange(num_examples) if example_ids is None else example_ids)
        checked, num_classes, names = classes_of(
            labels, width, class_names, where, encoding, num_examples
        )
        if not len(ids) == len(checked) == num_examples or not num_examples:
            raise DynamicsError(
                f"{where} do not fit together: {encoding} of {num_examples} examples, "
                f"{len(checked)} labels and {len(ids)} ids. Give at least one example and as many "
                "of each."
            )
        check_unique(ids, where)
        for epoch in range(num_epochs):
            check_finite(stacked[epoch], ids, f"{where}, recording point {epoch}", encoding)
        return cls(
            example_ids=ids,
            labels=checked,
            num_classes=num_classes,
            class_names=names,
            epochs=tuple(range(num_epochs)),
            incomplete={},
            points=point_positions(range(num_epochs), points_per_epoch),
            reader=lambda epoch, start, stop: stacked[epoch, start:stop],
            chance=checked_chance(chance, encoding, num_classes),
            encoding=encoding,
            meta=dict(meta or {}),
        )


def point_positions(epochs: Sequence[int], points_per_epoch: int) -> tuple[float, ...]:
    """Epochs of training done by the end of each recording point.

    Raises:
        DynamicsError: ``points_per_epoch`` is not a positive integer.
    """
    if isinstance(points_per_epoch, bool) or not isinstance(points_per_epoch, int):
        points_per_epoch = 0
    if points_per_epoch < 1:
        raise DynamicsError("The number of recording points an epoch must be an integer above 0.")
    return tuple((epoch + 1) / points_per_epoch for epoch in epochs)
