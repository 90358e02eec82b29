"""From training data and a way to read a set to all the data of an experiment, for every task."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import HOLDOUT_NAME, DataConfig, EvaluationSet
from ftft.data.dataset import LabelledDataset, TaskData, digest
from ftft.data.holdout import choose_held_out
from ftft.errors import DataError

HOLDOUT_SEED = 0
"""Which training rows are held out is the same for all seeds of an experiment."""

Texts = Callable[[LabelledDataset], pa.ChunkedArray]


@contextlib.contextmanager
def named(what: str) -> Iterator[None]:
    """Name the data set that an error is about."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{what}: {error}") from error


def joined_texts(data: LabelledDataset) -> pa.ChunkedArray:
    """What a person reads of each example, as one text."""
    columns = data.shown
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "\0")


def assemble(
    config: DataConfig,
    train: LabelledDataset,
    remarks: Sequence[str],
    evaluation: Callable[[str, EvaluationSet], tuple[LabelledDataset, Sequence[str]]],
    *,
    seed: int = HOLDOUT_SEED,
    alike: Texts = joined_texts,
    copied: Texts = joined_texts,
) -> TaskData:
    """Read the development and test sets, or hold a development set out where none is named.

    Args:
        config: What to read.
        train: The training data, nothing held out yet.
        remarks: What should be known of it.
        evaluation: Reads a set, given its name and source, and returns it with remarks.
        seed: Decides which training rows are held out.
        alike: What two training examples must share to stay on one side when some are held out.
        copied: What two examples must share for one to count as a copy of the other.

    Raises:
        DataError: Sets cannot be read or do not fit, or none can be held out; names each set.
    """
    roles: dict[str, dict[str, LabelledDataset]] = {}
    said, problems = list(remarks), []
    for role, sets in config.evaluation_sets.items():
        roles[role] = {}
        for name, source in sets.items():
            what = f"{role} set {name!r}"
            try:
                with named(what):
                    roles[role][name], found = evaluation(name, source)
            except DataError as error:
                problems.append(str(error))
                continue
            said += [f"{what}: {remark}" for remark in found]
    if len(problems) == 1:
        raise DataError(problems[0])
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise DataError(f"{len(problems)} data sets have problems:{listed}")
    if not config.dev:
        with named("training data"):
            train, roles["dev"][HOLDOUT_NAME] = hold_out(train, config.holdout, seed, alike)
    known = copied(train)
    overlaps = {
        name: int(pc.sum(pc.is_in(copied(one), value_set=known)).as_py() or 0)
        for sets in roles.values()
        for name, one in sets.items()
    }
    return TaskData(
        train=train,
        dev=roles["dev"],
        dev_ood=roles["dev_ood"],
        test=roles["test"],
        test_ood=roles["test_ood"],
        class_names=train.model_classes,
        fingerprint=data_fingerprint(train, roles),
        overlaps=overlaps,
        remarks=tuple(said),
    )


def hold_out(
    train: LabelledDataset, share: float, seed: int, alike: Texts = joined_texts
) -> tuple[LabelledDataset, LabelledDataset]:
    """Split the training data in two: what remains, and the development set.

    Args:
        train: The training data.
        share: The share to hold out.
        seed: Decides which rows.
        alike: What two examples must share to stay on one side.
    """
    texts = alike(train).to_pylist()
    held = choose_held_out(texts, train.labels, share, salt=f"holdout {seed}")
    if not held.any():
        raise DataError(
            f"no development set can be held out of {len(train):,} examples with "
            f"{len(set(texts)):,} different texts: equal texts stay together, and no class may "
            "lose its last training example. Name a development set under 'dev', which makes "
            "'holdout' needless, or give more examples."
        )
    left, development = (train.table.filter(pa.array(rows)) for rows in (~held, held))
    return train.of_rows("train", left), train.of_rows(HOLDOUT_NAME, development)


def data_fingerprint(train: LabelledDataset, roles: dict[str, dict[str, LabelledDataset]]) -> str:
    """A hash of all sets, their names and roles."""
    parts = ["train", train.fingerprint]
    for role, sets in roles.items():
        parts += [part for name, s in sets.items() for part in (role, name, s.fingerprint)]
    return digest(parts)
