"""From the ``data`` part of an experiment to labelled data sets, checked as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from ftft.config.data import DataConfig, DataSource, EvaluationSet
from ftft.data.assembly import HOLDOUT_SEED, TRAINING, Evaluation, ReadSet, assemble, read_set
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.faults import Faults
from ftft.data.ids import choose_by_hash, content_ids, first_repeat, number_repeats, repeat_message
from ftft.data.labels import as_indices, find_classes, merged_classes
from ftft.data.lines import rows_in
from ftft.data.normalize import Prepared, check_ids, prepare, read_rows
from ftft.data.remarks import label_remarks
from ftft.data.slips import refusal, slips_beside, slips_in
from ftft.data.sources import RawTable
from ftft.errors import DataError
from ftft.utils.plural import counted


def load_data(config: DataConfig, *, seed: int = HOLDOUT_SEED) -> TaskData:
    """Read, check and join all the data of an experiment.

    Example ids are assigned here, once: taken from the ``id`` column, or made from texts
    and class, where the second of two equal rows gets ``-2`` at the end.

    Args:
        config: What to read; relative paths count from the current folder.
        seed: Decides which training rows are held out where there is no development set.

    Returns:
        Training data, development and test sets.

    Raises:
        DataError: Something cannot be read or does not fit; names the data set, the file and
            the column, row or value, and says what to do.
    """

    def training() -> tuple[ReadSet, Evaluation]:
        train = _load_training(config)
        return train, partial(_load_evaluation, classes=train.dataset.class_names)

    return assemble(config, training, _look, seed=seed)


def _load_training(config: DataConfig) -> ReadSet:
    """Return all training data, nothing held out yet, and remarks on it."""
    parts, classes = read_training(config.train, config.classes)
    remarks = label_remarks(parts, classes) if config.classes is None else ()
    train = LabelledDataset.from_table("train", join(parts, classes), classes)
    _check_classes(train, " and ".join(part.source.place for part in parts))
    return read_set(train, parts, remarks, what=TRAINING)


def read_training(
    sources: Sequence[DataSource],
    classes: Sequence[str] | None = None,
    raw: RawTable | None = None,
) -> tuple[list[Prepared], list[str]]:
    """Read the sources of the training data, and find its classes.

    Args:
        sources: What to read.
        classes: The classes, where they are given.
        raw: The one source, where it was read before.

    Raises:
        DataError: Texts, labels or ids are missing, labels stand for no class or are probably
            typing errors, or ids are there twice; all of it together.
    """
    faults = Faults(sources[0].place if len(sources) == 1 else "")
    read = [
        faults(partial(prepare, source, known=classes, faults=faults, raw=raw), None)
        for source in sources
    ]
    parts = [part for part in read if part is not None]
    slipped = slips_in(parts) if classes is None else {}
    unknown = [part.unknown for part in parts if part.unknown is not None]
    for one in unknown:
        faults.note(one.message(slipped | slips_beside(parts)))
    if slipped:
        faults.note(refusal(parts, slipped, advised=bool(unknown)))
    found = list(classes or ())
    if classes is None and any(map(len, parts)):
        joined = pa.chunked_array([part.classes for part in parts])
        found = faults(lambda: find_classes(joined, sources[0].label), found)
    if faults and any(map(len, parts)):
        faults(lambda: assign_ids(parts), None)
    faults.raise_found()
    return parts, found


def _load_evaluation(name: str, source: EvaluationSet, classes: Sequence[str]) -> ReadSet:
    """Return a development or test set, and remarks on it."""
    names, class_of_model_class = merged_classes(classes, source.merge)
    part = prepare(source, known=names, merge=source.merge)
    dataset = LabelledDataset.from_table(
        name,
        join([part], names),
        names,
        model_classes=classes,
        class_of_model_class=class_of_model_class,
    )
    return read_set(dataset, [part])


def _look(source: EvaluationSet) -> None:
    """Check all of a set but its labels, which depend on the classes of the training data."""
    faults = Faults(source.place)
    check_ids(read_rows(source, faults).table, source, faults)
    faults.raise_found()


def join(parts: Sequence[Prepared], classes: Sequence[str]) -> pa.Table:
    """Put the examples of several sources together, with unique ids, and limit each source."""
    ids = assign_ids(parts)
    slices = dict.fromkeys(column for part in parts for column in part.slices)
    tables = []
    start = 0
    for part in parts:
        columns = {"example_id": ids.slice(start, len(part))}
        columns |= {f"text_{i}": column for i, column in enumerate(part.texts)}
        columns |= part.choices
        columns["label"] = as_indices(part.classes, classes)
        nothing = pa.repeat("", len(part))
        columns |= {column: part.slices.get(column, nothing) for column in slices}
        tables.append(limited(pa.table(columns), part))
        start += len(part)
    return pa.concat_tables(tables)


def assign_ids(parts: Sequence[Prepared]) -> pa.Array:
    """Return the ids of all examples of all parts, in order.

    Raises:
        DataError: An id column repeats an id.
    """
    made = [content_ids((*p.texts, *p.choices.values()), p.classes) for p in parts if p.ids is None]
    numbered = iter(number_repeats([example_id for ids in made for example_id in ids]))
    arrays = []
    for part in parts:
        if part.ids is not None:
            arrays += part.ids.chunks
        else:
            arrays.append(pa.array([next(numbered) for _ in range(len(part))], pa.string()))
    ids = pa.concat_arrays(arrays)
    repeat = first_repeat(ids)
    if repeat is not None:
        first, others = repeat
        places = (place_of(parts, first), place_of(parts, others[0]))
        count = counted(len(others), "row") if len(others) > 1 else ""
        raise DataError(repeat_message(str(ids[first]), *places, count))
    return ids


def place_of(parts: Sequence[Prepared], position: int) -> str:
    """Row and file of an example, by its position in all parts."""
    for part in parts:
        if position < len(part):
            return f"{rows_in(part.source, [part.rows[position].as_py()])} of {part.source.place}"
        position -= len(part)
    raise IndexError(position)


def limited(table: pa.Table, part: Prepared) -> pa.Table:
    """The examples of a source that its ``limit`` keeps."""
    limit = part.source.limit
    if limit is None or limit >= len(table):
        return table
    ids = table.column("example_id").to_pylist()
    return table.filter(pa.array(choose_by_hash(ids, limit, salt=f"limit {part.source.seed}")))


def _check_classes(train: LabelledDataset, places: str) -> None:
    present = np.unique(train.labels)
    if len(present) < 2:
        only = [train.class_names[i] for i in present]
        raise DataError(
            f"all {len(train):,} examples of {places} have one class "
            f"({', '.join(map(repr, only))}); a classifier needs at least two. Check 'label', "
            "'labels', 'where' and 'limit'."
        )
