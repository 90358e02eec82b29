"""Labelled data in its one canonical form, which everything after loading works on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.data.columns import take_rows, text_chunks
from ftft.data.messages import listed
from ftft.errors import DataError

if TYPE_CHECKING:
    import datasets

SLICE_PREFIX = "slice:"

# Columns that no person reads: words and tags are shown as one sentence, messages as a text.
_NOT_SHOWN = ("example_id", "label", "words", "tags", "messages")


@dataclass(frozen=True, eq=False)
class LabelledDataset:
    """Examples with texts, gold labels and ids. Made by :meth:`from_table`.

    Attributes:
        name: The set's name: ``train``, or the name in the experiment.
        rows: One row an example, with the columns ``example_id`` (string, unique),
            ``text_0`` and, for pairs, ``text_1`` (string), ``label`` (int64, an index into
            ``class_names``) and ``slice:<column>`` (string, empty where there is no value).
        class_names: The classes of this set's labels.
        num_texts: 1 or 2.
        model_classes: The classes of the model's outputs.
        class_of_model_class: For each model class the index into ``class_names`` of the
            class it counts as here: the identity, unless classes are merged.
        slices: The slice columns, without prefix.
        fingerprint: A hash of the content, 32 hexadecimal digits; the same on every
            machine, whatever file the rows came from.
        task: What its labels are for; a key of ``ftft.tasks.TASKS``.
    """

    name: str
    rows: datasets.Dataset
    class_names: tuple[str, ...]
    num_texts: int
    model_classes: tuple[str, ...]
    class_of_model_class: tuple[int, ...]
    slices: tuple[str, ...]
    fingerprint: str
    task: str = "classification"

    @classmethod
    def from_table(
        cls,
        name: str,
        table: pa.Table,
        class_names: Sequence[str],
        *,
        model_classes: Sequence[str] | None = None,
        class_of_model_class: Sequence[int] | None = None,
        task: str = "classification",
    ) -> LabelledDataset:
        """Make a data set from a table with the canonical columns.

        Args:
            name: The set's name.
            table: Columns as described for ``rows``; the ids are taken to be unique.
            class_names: The classes that ``label`` counts.
            model_classes: The model's classes; by default ``class_names``.
            class_of_model_class: By default the identity.
            task: What the labels are for.
        """
        import datasets
        from datasets.table import InMemoryTable

        slices = tuple(
            column.removeprefix(SLICE_PREFIX)
            for column in table.column_names
            if column.startswith(SLICE_PREFIX)
        )
        models = tuple(class_names if model_classes is None else model_classes)
        classes = tuple(
            range(len(models)) if class_of_model_class is None else class_of_model_class
        )
        fingerprint = _fingerprint(table, [*class_names, "", *models, *map(str, classes)])
        return cls(
            name=name,
            # The fingerprint is given so that caches of `datasets` hold across machines.
            rows=datasets.Dataset(InMemoryTable(table), fingerprint=fingerprint),
            class_names=tuple(class_names),
            num_texts=2 if "text_1" in table.column_names else 1,
            model_classes=models,
            class_of_model_class=classes,
            slices=slices,
            fingerprint=fingerprint,
            task=task,
        )

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @cached_property
    def table(self) -> pa.Table:
        """The rows as one Arrow table."""
        return self.rows.with_format("arrow")[:]

    @property
    def shown(self) -> list[pa.ChunkedArray]:
        """What a person reads of each example: the columns beside id, label and slices, as text."""
        names = [name for name in self.table.column_names if not name.startswith(SLICE_PREFIX)]
        columns = [self.table.column(name) for name in names if name not in _NOT_SHOWN]
        return [_as_text(column) for column in columns]

    @cached_property
    def example_ids(self) -> pa.StringArray:
        """The example ids, of shape (N,)."""
        return self.table.column("example_id").combine_chunks()

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """The gold labels as indices into ``class_names``, int64 of shape (N,)."""
        return np.asarray(self.table.column("label").to_numpy(), dtype=np.int64)

    def take(self, example_ids: Sequence[str] | pa.Array) -> LabelledDataset:
        """Return the examples with these ids, in the order of the ids.

        Raises:
            DataError: An id is not in the data set, or is given twice.
        """
        wanted: Any = example_ids
        if not isinstance(wanted, pa.Array | pa.ChunkedArray):
            wanted = pa.array(wanted, pa.string())
        positions = pc.index_in(wanted, value_set=self.example_ids)
        if positions.null_count:
            unknown = wanted.filter(positions.is_null())
            raise DataError(
                f"data set {self.name!r}: {len(unknown):,} of {len(wanted):,} example ids are not "
                f"in it, among them {listed([str(i) for i in unknown[:3]])}. "
                "Were they made from other data, or with another label mapping?"
            )
        if len(pc.unique(positions)) < len(positions):
            raise DataError(f"data set {self.name!r}: an example id was asked for twice.")
        return self.of_rows(self.name, take_rows(self.table, positions))

    def of_rows(self, name: str, table: pa.Table) -> LabelledDataset:
        """A data set of the same task and classes with other rows."""
        return LabelledDataset.from_table(
            name,
            table,
            self.class_names,
            model_classes=self.model_classes,
            class_of_model_class=self.class_of_model_class,
            task=self.task,
        )

    def slice_columns(self) -> dict[str, npt.NDArray[Any]]:
        """The value of each slice column for each example, (N,)."""
        return {name: self.table.column(SLICE_PREFIX + name).to_numpy() for name in self.slices}

    def slice_values(
        self, column: str | None, example_ids: Sequence[str] | pa.Array
    ) -> list[str] | None:
        """The values of a slice column for some examples; None where there is no column.

        Raises:
            DataError: An id is not in the data set.
        """
        if column is None:
            return None
        values: list[str] = self.take(example_ids).table.column(SLICE_PREFIX + column).to_pylist()
        return values


@dataclass(frozen=True, eq=False)
class TaskData:
    """Everything an experiment trains and evaluates on.

    Attributes:
        train: The training data.
        dev: In-distribution development sets by name; at least one.
        dev_ood: Out-of-distribution development sets.
        test: In-distribution test sets.
        test_ood: Out-of-distribution test sets.
        class_names: The classes of the model, in the order of its outputs.
        fingerprint: A hash of all sets, their names and roles.
        overlaps: For every evaluation set, how many of its rows have the same texts as
            some row of the training data.
        remarks: What looks odd about the labels of the training data, a sentence or two each.
        left_out: Set name to the key of the experiment that leaves rows out of it to how many, of
            those that lost some: ``where``, ``drop_empty``, ``limit``, ``without_room``.
    """

    train: LabelledDataset
    dev: dict[str, LabelledDataset]
    dev_ood: dict[str, LabelledDataset]
    test: dict[str, LabelledDataset]
    test_ood: dict[str, LabelledDataset]
    class_names: tuple[str, ...]
    fingerprint: str
    overlaps: dict[str, int]
    remarks: tuple[str, ...]
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def num_texts(self) -> int:
        """1 or 2: how many texts an example has."""
        return self.train.num_texts

    @property
    def evaluation_sets(self) -> dict[str, dict[str, LabelledDataset]]:
        """All evaluation sets by role: ``dev``, ``dev_ood``, ``test``, ``test_ood``."""
        return {
            "dev": self.dev,
            "dev_ood": self.dev_ood,
            "test": self.test,
            "test_ood": self.test_ood,
        }


def digest(parts: Sequence[str]) -> str:
    """Hash a list of strings to 32 hexadecimal digits; no two lists run together."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        return column
    texts = (" · ".join(map(str, values)) for values in column.to_pylist())
    return pa.chunked_array(text_chunks(texts), pa.string())


def _fingerprint(table: pa.Table, context: Sequence[str]) -> str:
    """Hash the cells of a table column by column, however it is cut into chunks."""
    hasher = hashlib.blake2b(digest([*context, *table.column_names]).encode(), digest_size=16)
    for column in table.itercolumns():
        if pa.types.is_list(column.type):
            hasher.update(pc.list_value_length(column).to_numpy().astype("<i8").tobytes())
            column = pc.list_flatten(column)
        if pa.types.is_integer(column.type):
            hasher.update(column.to_numpy().astype("<i8").tobytes())
            continue
        for chunk in column.chunks:
            hasher.update(pc.binary_length(chunk).to_numpy().astype("<i8").tobytes())
        for chunk in column.chunks:
            hasher.update(_bytes_of(chunk))
    return hasher.hexdigest()


def _bytes_of(chunk: pa.StringArray) -> memoryview:
    """Return the bytes of all strings of an array without nulls, one after the other."""
    _, offsets, values = chunk.buffers()
    if len(chunk) == 0 or values is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype=np.int32)[chunk.offset :]
    return memoryview(values)[bounds[0] : bounds[len(chunk)]]
