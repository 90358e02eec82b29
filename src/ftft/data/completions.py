"""Prompts and completions: from the ``data`` part of an experiment to data sets without classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataConfig, DataSource, EvaluationSet
from ftft.data.answers import prepare_answers
from ftft.data.assembly import (
    HOLDOUT_SEED,
    TRAINING,
    Evaluation,
    ReadSet,
    assemble,
    named,
    read_set,
)
from ftft.data.chats import MESSAGES
from ftft.data.dataset import SLICE_PREFIX, LabelledDataset, TaskData
from ftft.data.faults import Faults
from ftft.data.load import assign_ids, limited, place_of
from ftft.data.normalize import Prepared

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

    def training() -> tuple[ReadSet, Evaluation]:
        parts = _read_training(config)
        return read_set(_dataset("train", parts), parts, what=TRAINING), evaluation

    def evaluation(name: str, source: EvaluationSet) -> ReadSet:
        part = prepare_answers(source)
        return read_set(_dataset(name, [part]), [part])

    def prompts(data: LabelledDataset) -> pa.ChunkedArray:
        return data.table.column(PROMPT)

    return assemble(config, training, prepare_answers, seed=seed, alike=prompts)


def _read_training(config: DataConfig) -> list[Prepared]:
    """The sources of the training data; all problems are reported together."""
    faults = Faults(config.train[0].place if len(config.train) == 1 else "")
    read = [faults(partial(prepare_answers, source, faults), None) for source in config.train]
    parts = [part for part in read if part is not None]
    if faults and any(map(len, parts)):
        faults(lambda: assign_ids(parts), None)
    faults.raise_found()
    return parts


def places(sources: Sequence[DataSource], example_ids: Sequence[str]) -> list[str]:
    """Row and file of some examples of a set, which is read again for it.

    Raises:
        DataError: It cannot be read any more.
    """
    with named("the set"):
        parts = [prepare_answers(source) for source in sources]
    found = pc.index_in(pa.array(example_ids, pa.string()), value_set=assign_ids(parts))
    return [place_of(parts, position) for position in found.to_pylist()]


def _groups(parts: Sequence[Prepared]) -> tuple[str, ...]:
    """The values of the group columns, sorted; none where no source names one."""
    columns = [_group_of(part) for part in parts if part.source.group is not None]
    found = {value for column in columns for value in pc.unique(column).to_pylist()}
    if columns and len(columns) < len(parts):
        found.add("")
    return tuple(sorted(found))


def _group_of(part: Prepared) -> pa.ChunkedArray:
    return part.slices[f"{SLICE_PREFIX}{part.source.group}"]


def _dataset(name: str, parts: Sequence[Prepared]) -> LabelledDataset:
    ids, groups = assign_ids(parts), _groups(parts)
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
    return LabelledDataset.from_table(name, pa.concat_tables(tables), groups, task=CAUSAL_LM)
