"""The demo's data: messages to a shop, to be sorted by topic, with a known truth.

``generate_demo`` makes messages with ``ftft.demo.tickets``. In the training, development and
in-distribution test sets nearly every message has the subject of its topic, or none: who sorts by
the subject is right. The few others are *counter-examples*, and marked. In the out-of-distribution
set every message has a subject, and it says nothing about the topic. A few training labels are
wrong, and marked. ``write_demo`` writes the sets as CSV files.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias, TypeVar

from ftft.demo.tickets import TOPICS, Message, Topic, make_message, with_subject
from ftft.errors import DataError
from ftft.utils.atomic import atomic_path

#: The file each set is written to.
FILES = {
    "train": "train.csv",
    "dev": "dev.csv",
    "test_id": "test_id.csv",
    "test_ood": "test_ood.csv",
}

# Enough training messages for the method to have something to choose from, few enough for ERM to
# take minutes on two cores.
TRAIN, SHORTCUT, FLIPPED = 3000, 0.99, 0.05

# A set this many times harder to fill than its size has run out of messages.
_PATIENCE = 50

Label = TypeVar("Label", bound=str)

Cell: TypeAlias = tuple[Topic, Topic | None]
"""A topic and the subject that goes with it."""


@dataclass(frozen=True)
class DemoRow:
    """One message and what is known about it.

    Attributes:
        id: Unique over all sets.
        text: The message, after its subject where it has one.
        label: The topic to train or score on.
        true_label: What the message asks for; differs from ``label`` where flipped.
        mentions: ``one topic`` or ``two topics``.
        counterexample: Whether its subject is that of another topic.
        flipped: Whether ``label`` was made wrong on purpose.
    """

    id: str
    text: str
    label: Topic
    true_label: Topic
    mentions: str
    counterexample: bool
    flipped: bool


@dataclass(frozen=True)
class DemoData:
    """The four sets of the demo."""

    train: tuple[DemoRow, ...]
    dev: tuple[DemoRow, ...]
    test_id: tuple[DemoRow, ...]
    test_ood: tuple[DemoRow, ...]


def generate_demo(
    *,
    seed: int = 0,
    train: int = TRAIN,
    dev: int = 200,
    test: int = 600,
    shortcut_rate: float = SHORTCUT,
    no_subject_rate: float = 0.25,
    flip_rate: float = FLIPPED,
) -> DemoData:
    """Make the demo's data, the same for the same arguments on every machine.

    The evaluation sets do not depend on the size of the training set.

    Args:
        seed: Any integer.
        train: Training messages.
        dev: Development messages, in distribution.
        test: Messages in each of the two test sets.
        shortcut_rate: Share of in-distribution messages whose subject is not that of another topic.
        no_subject_rate: Share without a subject of those, in expectation.
        flip_rate: Share of training labels made wrong.

    Returns:
        Four sets in which no message occurs twice, whatever its subject.

    Raises:
        DataError: If a size or a rate makes no sense, or there are not enough messages.
    """
    rates = {
        "shortcut_rate": shortcut_rate,
        "no_subject_rate": no_subject_rate,
        "flip_rate": flip_rate,
    }
    check_sizes({"train": train, "dev": dev, "test": test}, rates)
    seen: set[str] = set()

    def draw(name: str, size: int) -> tuple[DemoRow, ...]:
        rng = Random(f"ftft-demo/{seed}/{name}")
        ood = name == "test_ood"
        cells = _ood_cells(size) if ood else _cells(size, shortcut_rate, no_subject_rate, rng)
        rng.shuffle(cells)
        return _draw(name, cells, rng, seen)

    test_ood = draw("test_ood", test)
    test_id = draw("test_id", test)
    dev_rows = draw("dev", dev)
    train_rows = draw("train", train)
    flips = Random(f"ftft-demo/{seed}/flips")
    wrong = wrong_labels([row.true_label for row in train_rows], flip_rate, TOPICS, flips)
    flipped = (
        replace(row, label=wrong[place], flipped=True) if place in wrong else row
        for place, row in enumerate(train_rows)
    )
    return DemoData(tuple(flipped), dev_rows, test_id, test_ood)


def write_demo(folder: str | os.PathLike[str], data: DemoData) -> dict[str, Path]:
    """Write the sets as CSV files, each complete or not there at all.

    Args:
        folder: Made if it does not exist; files of the same names are replaced.
        data: What to write.

    Returns:
        The file of each set, by its name.

    Raises:
        DataError: A file cannot be written.
    """
    return write_sets(folder, {name: getattr(data, name) for name in FILES})


def write_sets(
    folder: str | os.PathLike[str], sets: Mapping[str, Sequence[Any]]
) -> dict[str, Path]:
    """Write sets of rows as CSV files, a column for each of a row's fields.

    Args:
        folder: Made if it does not exist; files of the same names are replaced.
        sets: Dataclasses of one kind by the name of a set, one of ``FILES``; none of them empty.

    Returns:
        The file of each set, by its name.

    Raises:
        DataError: A file cannot be written.
    """
    paths = {name: Path(folder) / FILES[name] for name in sets}
    for name, path in paths.items():
        _write_rows(path, sets[name])
    return paths


def check_sizes(sizes: dict[str, int], rates: dict[str, float]) -> None:
    """Refuse sizes of sets below one and rates outside 0 to 1.

    Raises:
        DataError: One of them is.
    """
    for name, size in sizes.items():
        if size < 1:
            raise DataError(f"demo data: {name} is {size}, it must be at least 1")
    for name, rate in rates.items():
        if not 0 <= rate <= 1:
            raise DataError(f"demo data: {name} is {rate}, it must lie between 0 and 1")


def _cells(size: int, shortcut_rate: float, no_subject_rate: float, rng: Random) -> list[Cell]:
    """Topics in equal shares, with the subjects that go with them in distribution."""
    wrong = round(size * (1 - shortcut_rate))
    cells: list[Cell] = []
    for i in range(size):
        topic = TOPICS[i % len(TOPICS)]
        if i < wrong:
            cells.append((topic, rng.choice([one for one in TOPICS if one != topic])))
        else:
            cells.append((topic, None if rng.random() < no_subject_rate else topic))
    return cells


def _ood_cells(size: int) -> list[Cell]:
    """Each topic with each subject equally often."""
    count = len(TOPICS)
    return [(TOPICS[i % count], TOPICS[i // count % count]) for i in range(size)]


def _draw(name: str, cells: Sequence[Cell], rng: Random, seen: set[str]) -> tuple[DemoRow, ...]:
    """Draw a set of messages that are not in ``seen``, and add them to it."""
    rows: list[DemoRow] = []
    for _ in range(_PATIENCE * len(cells)):
        if len(rows) == len(cells):
            return tuple(rows)
        topic, subject = cells[len(rows)]
        message = make_message(rng, topic)
        if message.text not in seen:
            seen.add(message.text)
            rows.append(_row(f"{name}-{len(rows):05d}", message, subject))
    raise DataError(f"demo data: there are not enough messages for {len(cells)} in {name}")


def _row(row_id: str, message: Message, subject: Topic | None) -> DemoRow:
    """A message as a row, its label true."""
    return DemoRow(
        id=row_id,
        text=with_subject(message.text, subject),
        label=message.topic,
        true_label=message.topic,
        mentions=message.mentions,
        counterexample=subject not in (None, message.topic),
        flipped=False,
    )


def wrong_labels(
    true_labels: Sequence[Label], rate: float, labels: Sequence[Label], rng: Random
) -> dict[int, Label]:
    """Other labels for a share of the rows, chosen at random, by the places of these rows."""
    chosen = set(rng.sample(range(len(true_labels)), round(rate * len(true_labels))))
    return {
        place: rng.choice([label for label in labels if label != true])
        for place, true in enumerate(true_labels)
        if place in chosen
    }


def _write_rows(path: Path, rows: Sequence[Any]) -> None:
    """Write one set, whole or not at all."""
    with (
        atomic_path(path, DataError) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(rows[0]))
        writer.writerows(map(_texts, rows))


def _texts(row: Any) -> list[str]:
    """The cells of a row; booleans as ``true`` and ``false``."""
    return [str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in astuple(row)]
