"""Generated pairs: natural-language inference in plain English, with a known truth.

``generate_pairs`` makes pairs with ``pairs.make``. In the training and
in-distribution sets the words of a pair give its label away nine times in ten:
a hypothesis in the premise's own words is entailed, one with a new word is
neutral, and one that says "not" is contradicted. The others are
counter-examples, and marked. The out-of-distribution set has no "not", and in
it the label is independent of the words. A few training labels are wrong, and
marked. ``write_pairs`` writes the sets as CSV files.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeAlias

from ftft.demo.generate import FILES, check_sizes, write_sets, wrong_labels
from ftft.errors import DataError
from pairs.grammar import LABELS, Label
from pairs.make import SHORTCUT, SURFACES, Pair, Surface, make_pair

# A set this many times harder to fill than its size has run out of sentences.
_PATIENCE = 50


Cell: TypeAlias = tuple[Surface, Label]


@dataclass(frozen=True)
class PairRow:
    """One pair and what is known about it.

    Attributes:
        id: Unique over all sets.
        premise: One or two sentences.
        hypothesis: One sentence.
        label: The label to train or score on.
        true_label: What follows from the premise; differs from ``label`` where flipped.
        construction: The pattern of English that decides the true label.
        surface: What the hypothesis adds to the premise's words.
        counterexample: Whether the shortcut gives the wrong answer.
        flipped: Whether ``label`` was made wrong on purpose.
    """

    id: str
    premise: str
    hypothesis: str
    label: Label
    true_label: Label
    construction: str
    surface: Surface
    counterexample: bool
    flipped: bool


@dataclass(frozen=True)
class PairData:
    """The four sets of pairs."""

    train: tuple[PairRow, ...]
    dev: tuple[PairRow, ...]
    test_id: tuple[PairRow, ...]
    test_ood: tuple[PairRow, ...]


def generate_pairs(
    *,
    seed: int = 0,
    train: int = 1200,
    dev: int = 200,
    test: int = 600,
    shortcut_rate: float = 0.9,
    ood_shortcut_rate: float = 1 / 3,
    flip_rate: float = 0.05,
    second_sentence_rate: float = 0.0,
) -> PairData:
    """Make the pairs, the same for the same arguments on every machine.

    The evaluation sets do not depend on the size of the training set.

    Args:
        seed: Any integer.
        train: Training pairs.
        dev: Development pairs, in distribution.
        test: Pairs in each of the two test sets.
        shortcut_rate: Share of in-distribution pairs whose words give the label away.
        ood_shortcut_rate: The same out of distribution; 1/3 makes words and label independent.
        flip_rate: Share of training labels made wrong.
        second_sentence_rate: Share of premises with a second sentence.

    Returns:
        Four sets in which no pair of texts occurs twice.

    Raises:
        DataError: If a size or a rate makes no sense, or there are not enough sentences.
    """
    rates = {
        "shortcut_rate": shortcut_rate,
        "ood_shortcut_rate": ood_shortcut_rate,
        "flip_rate": flip_rate,
        "second_sentence_rate": second_sentence_rate,
    }
    check_sizes({"train": train, "dev": dev, "test": test}, rates)
    if shortcut_rate < 1 / 3:
        raise DataError(
            "pairs: shortcut_rate is below 1/3, the share of the denials, "
            "for which the shortcut always holds"
        )
    seen: set[tuple[str, str]] = set()

    def draw(name: str, size: int, rate: float) -> tuple[PairRow, ...]:
        rng = Random(f"ftft-demo/{seed}/{name}")
        return _draw(name, size, rate, second_sentence_rate, rng, seen)

    test_ood = draw("test_ood", test, ood_shortcut_rate)
    test_id = draw("test_id", test, shortcut_rate)
    dev_rows = draw("dev", dev, shortcut_rate)
    train_rows = draw("train", train, shortcut_rate)
    flips = Random(f"ftft-demo/{seed}/flips")
    wrong = wrong_labels([row.true_label for row in train_rows], flip_rate, LABELS, flips)
    flipped = (
        replace(row, label=wrong[place], flipped=True) if place in wrong else row
        for place, row in enumerate(train_rows)
    )
    return PairData(tuple(flipped), dev_rows, test_id, test_ood)


def write_pairs(folder: str | os.PathLike[str], data: PairData) -> dict[str, Path]:
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


def _draw(
    name: str,
    size: int,
    shortcut_rate: float,
    second_sentence_rate: float,
    rng: Random,
    seen: set[tuple[str, str]],
) -> tuple[PairRow, ...]:
    """Draw a set of pairs that are not in ``seen``, and add them to it."""
    rows: list[PairRow] = []
    cells = _cells(size, shortcut_rate, name != "test_ood", rng)
    for _ in range(_PATIENCE * size):
        if len(rows) == size:
            return tuple(rows)
        surface, label = cells[len(rows)]
        pair = make_pair(rng, surface, label, second_sentence_rate)
        if (pair.premise, pair.hypothesis) not in seen:
            seen.add((pair.premise, pair.hypothesis))
            rows.append(_row(f"{name}-{len(rows):05d}", pair))
    raise DataError(f"pairs: the grammar has not enough sentences for {size} in {name}")


def _cells(size: int, shortcut_rate: float, denials: bool, rng: Random) -> list[Cell]:
    """Which surface goes with which label, in random order; surfaces in equal shares."""
    surfaces = SURFACES if denials else SURFACES[:2]
    chosen: list[Surface] = [surfaces[i % len(surfaces)] for i in range(size)]
    wrong = round(size * (1 - shortcut_rate))
    cells: list[Cell] = []
    for i, surface in enumerate(chosen):
        others = [label for label in LABELS if label != SHORTCUT[surface]]
        fails = surface != "denial" and wrong > 0
        wrong -= fails
        cells.append((surface, others[i // len(surfaces) % 2] if fails else SHORTCUT[surface]))
    rng.shuffle(cells)
    return cells


def _row(row_id: str, pair: Pair) -> PairRow:
    """A pair as a row, its label true."""
    return PairRow(
        id=row_id,
        premise=pair.premise,
        hypothesis=pair.hypothesis,
        label=pair.label,
        true_label=pair.label,
        construction=pair.construction,
        surface=pair.surface,
        counterexample=pair.label != SHORTCUT[pair.surface],
        flipped=False,
    )
