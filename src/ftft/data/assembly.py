"""From training data and a way to read a set to all the data of an experiment, for every task."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import HOLDOUT_NAME, DataConfig, EvaluationSet
from ftft.data.columns import count_shared
from ftft.data.dataset import LabelledDataset, TaskData, digest
from ftft.data.holdout import choose_held_out
from ftft.errors import DataError

HOLDOUT_SEED = 0
"""Which training rows are held out is the same for all seeds of an experiment."""

# From this difference on, as a share of what was asked for, a held-out share is remarked on.
_FAR = 0.5

Texts = Callable[[LabelledDataset], pa.ChunkedArray]
Look = Callable[[EvaluationSet], object]


@contextlib.contextmanager
def named(what: str) -> Iterator[None]:
    """Name the data set that an error is about."""
    try:
        yield
    except DataError as error:
        raise DataError.of([f"{what}: {problem}" for problem in error.problems]) from error


def joined_texts(data: LabelledDataset) -> pa.ChunkedArray:
    """What a person reads of each example, as one text."""
    columns = data.shown
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "\0")


TRAINING = "training data: "


@dataclass(frozen=True)
class ReadSet:
    """A data set, and what should be known of how it was read.

    Attributes:
        dataset: The data set.
        remarks: What looks odd, one sentence or two each.
        left_out: Key of its sources to how many rows it leaves out.
    """

    dataset: LabelledDataset
    remarks: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


class _Part(Protocol):
    """A source of a data set, before its ``limit``."""

    @property
    def remarks(self) -> Sequence[str]: ...
    @property
    def left_out(self) -> Mapping[str, int]: ...
    def __len__(self) -> int: ...


Evaluation = Callable[[str, EvaluationSet], ReadSet]
"""Reads a development or test set, given its name and source."""


def read_set(
    dataset: LabelledDataset,
    parts: Sequence[_Part],
    remarks: Sequence[str] = (),
    *,
    what: str = "",
) -> ReadSet:
    """A data set with the remarks on its sources, and what they leave out of it.

    Args:
        dataset: The data set.
        parts: Its sources.
        remarks: What else should be known of it.
        what: What the remarks on its sources begin with.
    """
    left_out: Counter[str] = Counter()
    for part in parts:
        left_out.update(part.left_out)
    left_out["limit"] += sum(map(len, parts)) - len(dataset)
    of_parts = [f"{what}{remark}" for part in parts for remark in part.remarks]
    return ReadSet(dataset, (*of_parts, *remarks), {k: n for k, n in left_out.items() if n})


def assemble(
    config: DataConfig,
    training: Callable[[], tuple[ReadSet, Evaluation]],
    look: Look,
    *,
    seed: int = HOLDOUT_SEED,
    alike: Texts = joined_texts,
    copied: Texts = joined_texts,
) -> TaskData:
    """Read all sets, and hold a development set out where none is named.

    Args:
        config: What to read.
        training: Reads the training data, nothing held out yet; also returns what then reads a
            set, given its name and source.
        look: Checks of a set what does not depend on the training data.
        seed: Decides which training rows are held out.
        alike: What two training examples must share to stay on one side when some are held out.
        copied: What two examples must share for one to count as a copy of the other.

    Raises:
        DataError: Sets cannot be read or do not fit, or none can be held out; names each set.
    """
    try:
        with named("training data"):
            read, evaluation = training()
    except DataError as error:
        raise DataError.of([*error.problems, *_problems(config, look)]) from error
    roles: dict[str, dict[str, LabelledDataset]] = {}
    train, said = read.dataset, [*read.remarks]
    left_out = {train.name: read.left_out}
    problems: list[str] = []
    for role, sets in config.evaluation_sets.items():
        roles[role] = {}
        for name, source in sets.items():
            what = f"{role} set {name!r}"
            try:
                with named(what):
                    found = evaluation(name, source)
            except DataError as error:
                problems += error.problems
                continue
            roles[role][name], left_out[name] = found.dataset, found.left_out
            said += [f"{what}: {remark}" for remark in found.remarks]
    if problems:
        raise DataError.of(problems)
    if not config.dev:
        with named("training data"):
            train, held = hold_out(train, config.holdout, seed, alike)
        roles["dev"][HOLDOUT_NAME] = held
        said += _share_in_words(len(held), len(train) + len(held), config.holdout)
    known = copied(train)
    overlaps = {
        name: count_shared(copied(one), known)
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
        left_out={name: lost for name, lost in left_out.items() if lost},
    )


def _problems(config: DataConfig, look: Look) -> list[str]:
    """What is wrong with the development and test sets, whatever the training data are."""
    problems: list[str] = []
    for role, sets in config.evaluation_sets.items():
        for name, source in sets.items():
            try:
                with named(f"{role} set {name!r}"):
                    look(source)
            except DataError as error:
                problems += error.problems
    return problems


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


def _share_in_words(held: int, examples: int, share: float) -> list[str]:
    """That many more or fewer examples were held out than was asked for, if that is so."""
    wanted = max(1, round(share * examples))
    if abs(held - wanted) <= max(1, _FAR * wanted):
        return []
    return [
        f"{held:,} of {examples:,} training examples are held out as the development set "
        f"{HOLDOUT_NAME}, a share of {held / examples:.2g} where data.holdout asks for {share:g}: "
        "equal texts stay together, and labels in proportion. For another share, name a "
        "development set of your own under data.dev"
    ]


def data_fingerprint(train: LabelledDataset, roles: dict[str, dict[str, LabelledDataset]]) -> str:
    """A hash of all sets, their names and roles."""
    parts = ["train", train.fingerprint]
    for role, sets in roles.items():
        parts += [part for name, s in sets.items() for part in (role, name, s.fingerprint)]
    return digest(parts)
