"""From the ``data`` part of an experiment to labelled data sets, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import HOLDOUT_NAME, DataConfig, EvaluationSet
from ftft.data.dataset import LabelledDataset, TaskData, digest
from ftft.data.holdout import choose_held_out
from ftft.data.ids import choose_by_hash, content_ids, first_repeat, number_repeats
from ftft.data.labels import as_indices, find_classes, merged_classes
from ftft.data.normalize import Prepared, prepare
from ftft.data.remarks import label_remarks
from ftft.data.slips import refuse_slips
from ftft.errors import DataError
from ftft.utils.plural import counted

HOLDOUT_SEED = 0
"""Which training rows are held out is the same for all seeds of an experiment."""


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
    train, remarks, places = _load_training(config)
    classes = train.class_names
    _check_classes(train, places)
    roles: dict[str, dict[str, LabelledDataset]] = {}
    for role, sets in config.evaluation_sets.items():
        loaded = {name: _load_evaluation(role, name, s, classes) for name, s in sets.items()}
        roles[role] = {name: dataset for name, (dataset, _) in loaded.items()}
        remarks += tuple(remark for _, more in loaded.values() for remark in more)
    if not config.dev:
        train, roles["dev"][HOLDOUT_NAME] = hold_out(train, config.holdout, seed)
    return task_data(train, roles, classes, remarks)


def _load_training(config: DataConfig) -> tuple[LabelledDataset, tuple[str, ...], str]:
    """Return all training data, nothing held out yet, remarks on it, and where it comes from."""
    remarks: tuple[str, ...] = ()
    try:
        parts = [prepare(source, known=config.classes) for source in config.train]
        classes = config.classes
        if classes is None:
            joined = pa.chunked_array([part.classes for part in parts])
            classes = find_classes(joined, config.train[0].label)
            refuse_slips(parts, classes)
            remarks = label_remarks(parts, classes)
        table = join(parts, classes)
    except DataError as error:
        raise DataError(f"training data: {error}") from error
    remarks = (*(f"training data: {one}" for part in parts for one in part.remarks), *remarks)
    places = " and ".join(part.source.place for part in parts)
    return LabelledDataset.from_table("train", table, classes), remarks, places


def _load_evaluation(
    role: str, name: str, source: EvaluationSet, classes: Sequence[str]
) -> tuple[LabelledDataset, list[str]]:
    """Return a development or test set, and remarks on it."""
    try:
        names, class_of_model_class = merged_classes(classes, source.merge)
        part = prepare(source, known=names, merge=source.merge)
        table = join([part], names)
    except DataError as error:
        raise DataError(f"{role} set {name!r}: {error}") from error
    dataset = LabelledDataset.from_table(
        name, table, names, model_classes=classes, class_of_model_class=class_of_model_class
    )
    return dataset, [f"{role} set {name!r}: {remark}" for remark in part.remarks]


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
    made = [
        content_ids((*p.texts, *p.choices.values()), pa.chunked_array([p.classes]))
        for p in parts
        if p.ids is None
    ]
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
        first, second, count = repeat
        rows = f"{counted(count, 'row')} {'repeats' if count == 1 else 'repeat'}"
        raise DataError(
            f"the example id {str(ids[first])[:80]!r} is there twice, in {place_of(parts, first)} "
            f"and in {place_of(parts, second)}; {rows} an earlier id. Ids must be unique: repair "
            "the column, or leave 'id' out to have ids made from the content."
        )
    return ids


def place_of(parts: Sequence[Prepared], position: int) -> str:
    """Row and file of an example, by its position in all parts."""
    for part in parts:
        if position < len(part):
            return f"row {part.rows[position].as_py():,} of {part.source.place}"
        position -= len(part)
    raise IndexError(position)


def limited(table: pa.Table, part: Prepared) -> pa.Table:
    """The examples of a source that its ``limit`` keeps."""
    limit = part.source.limit
    if limit is None or limit >= len(table):
        return table
    ids = table.column("example_id").to_pylist()
    return table.filter(pa.array(choose_by_hash(ids, limit, salt=f"limit {part.source.seed}")))


def hold_out(
    train: LabelledDataset, share: float, seed: int
) -> tuple[LabelledDataset, LabelledDataset]:
    """Split the training data in two: what remains, and the development set."""
    texts = joined_texts(train).to_pylist()
    held = choose_held_out(texts, train.labels, share, salt=f"holdout {seed}")
    if not held.any():
        raise DataError(
            f"training data: no development set can be held out of {len(train):,} examples with "
            f"{len(set(texts)):,} different texts: equal texts stay together, and no class may "
            "lose its last training example. Name a development set under 'dev', which makes "
            "'holdout' needless, or give more examples."
        )
    remaining = train.table.filter(pa.array(~held))
    development = train.table.filter(pa.array(held))
    return (
        LabelledDataset.from_table("train", remaining, train.class_names, task=train.task),
        LabelledDataset.from_table(HOLDOUT_NAME, development, train.class_names, task=train.task),
    )


def _check_classes(train: LabelledDataset, places: str) -> None:
    present = np.unique(train.labels)
    if len(present) < 2:
        only = [train.class_names[i] for i in present]
        raise DataError(
            f"training data: all {len(train):,} examples of {places} have one class "
            f"({', '.join(map(repr, only))}); a classifier needs at least two. Check 'label', "
            "'labels', 'where' and 'limit'."
        )


def joined_texts(data: LabelledDataset) -> pa.ChunkedArray:
    """What a person reads of each example, as one text."""
    columns = data.shown
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "\0")


def task_data(
    train: LabelledDataset,
    roles: dict[str, dict[str, LabelledDataset]],
    class_names: Sequence[str],
    remarks: Sequence[str],
    texts: Callable[[LabelledDataset], pa.ChunkedArray] = joined_texts,
) -> TaskData:
    """Put together what was read.

    Args:
        train: The training data.
        roles: Role (``dev``, ``dev_ood``, ``test``, ``test_ood``) to set name to set.
        class_names: What the model's outputs stand for, or groups.
        remarks: What should be known of the data.
        texts: What two examples must share for one to count as a copy of the other.
    """
    known = texts(train)
    overlaps = {
        name: int(pc.sum(pc.is_in(texts(one), value_set=known)).as_py() or 0)
        for sets in roles.values()
        for name, one in sets.items()
    }
    return TaskData(
        train=train,
        dev=roles["dev"],
        dev_ood=roles["dev_ood"],
        test=roles["test"],
        test_ood=roles["test_ood"],
        class_names=tuple(class_names),
        fingerprint=data_fingerprint(train, roles),
        overlaps=overlaps,
        remarks=tuple(remarks),
    )


def data_fingerprint(train: LabelledDataset, roles: dict[str, dict[str, LabelledDataset]]) -> str:
    """A hash of all sets, their names and roles."""
    parts = ["train", train.fingerprint]
    for role, sets in roles.items():
        parts += [part for name, s in sets.items() for part in (role, name, s.fingerprint)]
    return digest(parts)
