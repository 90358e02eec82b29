"""Prompts and completions: from the ``data`` part of an experiment to data sets without classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import HOLDOUT_NAME, DataConfig, DataSource
from ftft.data.chats import MESSAGES
from ftft.data.dataset import SLICE_PREFIX, LabelledDataset, TaskData
from ftft.data.holdout import choose_held_out
from ftft.data.load import HOLDOUT_SEED, assign_ids, limited, place_of, task_data
from ftft.data.normalize import Prepared, prepare_answers
from ftft.errors import DataError

CAUSAL_LM = "causal-lm"
"""The task's name, in experiments and data sets."""

PROMPT, COMPLETION = "text_0", "text_1"
"""The columns of a data set that hold them."""


def load_completions(config: DataConfig, *, seed: int = HOLDOUT_SEED) -> TaskData:
    """Read, check and join all the data of an experiment on prompts and completions.

    Ids come from the ``id`` column, or are made from prompt and completion. Where no development
    set is named, one is held out; rows with the same prompt stay on one side.

    Args:
        config: What to read; relative paths count from the current folder.
        seed: Decides which training rows are held out.

    Returns:
        Data sets with the texts ``text_0`` (prompt) and ``text_1`` (completion); with chats also
        ``messages``, what stands before the completion, as JSON. ``class_names``
        are the groups of the training data; there are none where no ``group`` column is named.

    Raises:
        DataError: Something cannot be read, or a prompt or completion is missing or empty.
    """
    parts = _prepared("training data", config.train)
    groups = _groups(parts)
    train = _dataset("train", parts, groups)
    remarks = [f"training data: {one}" for part in parts for one in part.remarks]
    roles: dict[str, dict[str, LabelledDataset]] = {}
    for role, sets in config.evaluation_sets.items():
        roles[role] = {}
        for name, source in sets.items():
            what = f"{role} set {name!r}"
            found = _prepared(what, [source])
            roles[role][name] = _dataset(name, found, _groups(found))
            remarks += [f"{what}: {one}" for part in found for one in part.remarks]
    if not config.dev:
        train, roles["dev"][HOLDOUT_NAME] = _hold_out(train, config.holdout, seed)
    return task_data(train, roles, groups, remarks)


def places(sources: Sequence[DataSource], example_ids: Sequence[str]) -> list[str]:
    """Row and file of some examples of a set, which is read again for it.

    Raises:
        DataError: It cannot be read any more.
    """
    parts = _prepared("the set", sources)
    found = pc.index_in(pa.array(example_ids, pa.string()), value_set=assign_ids(parts))
    return [place_of(parts, position) for position in found.to_pylist()]


def _prepared(what: str, sources: Sequence[DataSource]) -> list[Prepared]:
    try:
        return [prepare_answers(source) for source in sources]
    except DataError as error:
        raise DataError(f"{what}: {error}") from error


def _groups(parts: Sequence[Prepared]) -> tuple[str, ...]:
    """The values of the group columns, sorted; none where no source names one."""
    columns = [_group_of(part) for part in parts if part.source.group is not None]
    found = {value for column in columns for value in pc.unique(column).to_pylist()}
    if columns and len(columns) < len(parts):
        found.add("")
    return tuple(sorted(found))


def _group_of(part: Prepared) -> pa.ChunkedArray:
    return part.slices[f"{SLICE_PREFIX}{part.source.group}"]


def _dataset(name: str, parts: Sequence[Prepared], groups: Sequence[str]) -> LabelledDataset:
    ids = assign_ids(parts)
    slices = dict.fromkeys(column for part in parts for column in part.slices)
    with_chats = any(part.messages is not None for part in parts)
    codes, tables, start = pa.array(groups, pa.string()), [], 0
    for part in parts:
        nothing = pa.repeat("", len(part))
        group = nothing if part.source.group is None else _group_of(part)
        code = pc.index_in(group, value_set=codes) if groups else np.zeros(len(part))
        columns = {
            "example_id": ids.slice(start, len(part)),
            PROMPT: part.texts[0],
            COMPLETION: part.classes,
            "label": pa.chunked_array([np.asarray(code, dtype=np.int64)]),
        }
        if with_chats:
            columns[MESSAGES] = nothing if part.messages is None else part.messages
        columns |= {column: part.slices.get(column, nothing) for column in slices}
        tables.append(limited(pa.table(columns), part))
        start += len(part)
    return _made(name, pa.concat_tables(tables), groups)


def _made(name: str, table: pa.Table, groups: Sequence[str]) -> LabelledDataset:
    return LabelledDataset.from_table(name, table, groups, task=CAUSAL_LM)


def _hold_out(
    train: LabelledDataset, share: float, seed: int
) -> tuple[LabelledDataset, LabelledDataset]:
    prompts = train.table.column(PROMPT).to_pylist()
    held = choose_held_out(prompts, train.labels, share, salt=f"holdout {seed}")
    if not held.any():
        raise DataError(
            f"training data: no development set can be held out of {len(train):,} examples with "
            f"{len(set(prompts)):,} different prompts: equal prompts stay together. Name a "
            "development set under 'dev', or give more examples."
        )
    left, development = (train.table.filter(pa.array(rows)) for rows in (~held, held))
    groups = train.class_names
    return _made("train", left, groups), _made(HOLDOUT_NAME, development, groups)
