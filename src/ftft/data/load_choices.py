"""From the ``data`` part of an experiment to questions with choices, checked as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataConfig, DataSource, EvaluationSet
from ftft.data.assembly import HOLDOUT_SEED, TRAINING, Evaluation, ReadSet, assemble, read_set
from ftft.data.choices import (
    LETTERS,
    MOST_CHOICES,
    Answers,
    read_answers,
    read_choices,
    right_choices,
)
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.faults import Faults
from ftft.data.load import join
from ftft.data.normalize import Prepared, Rows, check_ids, prepared, read_rows, usable_rows

TASK = "multiple-choice"


@dataclass(frozen=True)
class _Read:
    """A source as it was read, right choices still to be counted."""

    source: DataSource
    rows: Rows
    table: pa.Table
    answers: Answers


def load_choices(config: DataConfig, *, seed: int = HOLDOUT_SEED) -> TaskData:
    """Read, check and join all the data of a multiple-choice experiment.

    The data sets have the columns ``choice_0``, ``choice_1`` …, as many as the row with the most
    choices; a row with fewer has empty ones at the end. ``label`` is the right one's position, and
    the classes are its letters.

    Args:
        config: What to read; relative paths count from the current folder.
        seed: Decides which training rows are held out where there is no development set.

    Raises:
        DataError: As for :func:`ftft.data.load.load_data`; a row has too few or too many choices,
            or its answer is none of them.
    """

    def training() -> tuple[ReadSet, Evaluation]:
        parts, first = _read_training(config)

        def evaluation(name: str, source: EvaluationSet) -> ReadSet:
            part = _prepare(_read_evaluation(source), first)
            return read_set(_dataset(name, [part]), [part])

        return read_set(_dataset("train", parts), parts, what=TRAINING), evaluation

    return assemble(config, training, _read_evaluation, seed=seed)


def _read_training(config: DataConfig) -> tuple[list[Prepared], int | None]:
    """The sources of the training data, and the position that stands for the first choice."""
    faults = Faults(config.train[0].place if len(config.train) == 1 else "")
    tried = [faults(partial(_read, source, faults), None) for source in config.train]
    read = [one for one in tried if one is not None]
    known = [one.answers.first for one in read if one.answers.first is not None]
    first = known[0] if known else None
    made = [faults(partial(_prepare, one, first), None) for one in read]
    faults.raise_found()
    return [part for part in made if part is not None], first


def _read_evaluation(source: EvaluationSet) -> _Read:
    faults = Faults(source.place)
    read = _read(source, faults)
    faults.raise_found()
    assert read is not None, "else it was raised"
    return read


def _read(source: DataSource, faults: Faults) -> _Read | None:
    """Read a source.

    Args:
        source: What to read.
        faults: Receives what is wrong with rows, which are left out.

    Returns:
        Its rows; None where their choices cannot be read.
    """
    rows = read_rows(source, faults)
    table = rows.table
    check_ids(table, source, faults)
    if faults:
        table = table.filter(usable_rows(table, source))
    labels = table.column(source.label).to_pylist()
    answers = faults(lambda: read_answers(read_choices(source, table), labels), None)
    return None if answers is None else _Read(source, rows, table, answers)


def _prepare(read: _Read, first: int | None) -> Prepared:
    right = right_choices(read.answers, first)
    texts = read.answers.choices.texts
    # Always all columns, so that an example's id does not depend on other rows.
    columns = {
        f"choice_{place}": pa.array(
            [row[place] if place < len(row) else "" for row in texts], pa.string()
        )
        for place in range(MOST_CHOICES)
    }
    letters = pa.array([LETTERS[place] for place in right], pa.string())
    return prepared(read.source, read.rows, read.table, letters, columns)


def _dataset(name: str, parts: Sequence[Prepared]) -> LabelledDataset:
    table = join(parts, LETTERS)
    names = [column for column in table.column_names if column.startswith("choice_")]
    empty = [column for column in names if not pc.any(pc.not_equal(table[column], "")).as_py()]
    letters = LETTERS[: len(names) - len(empty)]
    return LabelledDataset.from_table(name, table.drop_columns(empty), letters, task=TASK)
