"""Two data maps of the same examples, side by side: do they select the same?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD, DataMap, checked_fraction
from ftft.cartography.ranking import Rows, top_set
from ftft.errors import DynamicsError

# What each kind of selection ranks by, and whether high values come first.
RANKED_BY = {
    AMBIGUOUS: ("variability", True),
    HARD: ("confidence", False),
    EASY: ("confidence", True),
}


@dataclass(frozen=True)
class Overlap:
    """How much two selections of the same size share.

    Attributes:
        shared: Share of the one selection that is in the other too, in [0, 1]; higher is
            better.
        chance: What two random selections of that size share on average.
    """

    shared: float
    chance: float


@dataclass(frozen=True)
class GroupAgreement:
    """How two maps agree within one group of examples, such as a label.

    Attributes:
        examples: Size of the group.
        selected: Share of the group in each map's ambiguous selection.
        ambiguous: Overlap of these parts. ``shared`` is their intersection over the smaller of
            the two, NaN where one of them is empty; ``chance`` is the larger one's share of the
            group.
        variability: Spearman's rank correlation of the variabilities in the group, in [-1, 1].
    """

    examples: int
    selected: tuple[float, float]
    ambiguous: Overlap
    variability: float


@dataclass(frozen=True)
class Difference:
    """An example on which two maps differ.

    Attributes:
        example_id: Its id.
        label: Its label.
        confidence: Its confidence in each map.
        variability: Its variability in each map.
        ranks: The share of all examples that are less variable, in each map, in [0, 1].
    """

    example_id: str
    label: str
    confidence: tuple[float, float]
    variability: tuple[float, float]
    ranks: tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """How two maps of the same examples agree.

    Attributes:
        examples: Examples that both maps hold.
        only_in: Examples that only the first and only the second map hold; they take no part.
        fraction: Share of the examples that a selection takes.
        overlaps: ``ambiguous``, ``hard-to-learn`` and ``easy-to-learn`` to the overlap of the
            selections (highest variability, lowest and highest confidence).
        confidence: Spearman's rank correlation of the confidences, in [-1, 1]; NaN where one
            map gives all examples the same.
        variability: The same of the variabilities.
        groups: Column (``label`` or a slice) to value to the agreement within it.
        differences: The examples whose rank by variability differs most, the first the most.
    """

    examples: int
    only_in: tuple[int, int]
    fraction: float
    overlaps: dict[str, Overlap]
    confidence: float
    variability: float
    groups: dict[str, dict[str, GroupAgreement]]
    differences: tuple[Difference, ...]


def agreement(
    one: DataMap,
    other: DataMap,
    fraction: float = 0.33,
    *,
    slices: Mapping[str, Mapping[str, str]] | None = None,
    differences: int = 10,
) -> Agreement:
    """Compare two maps of the same training examples.

    Args:
        one: A map.
        other: Another map, of the same data by another model, seed or length; rows may be in
            another order.
        fraction: Share of the examples that a selection takes, in (0, 1].
        slices: Further groups besides the label: column to id to value. Ids that are missing
            are in no group of that column.
        differences: How many examples to list on which the maps differ most.

    Raises:
        DynamicsError: They have no two examples in common, label one differently, or the
            fraction is out of range or selects none.
    """
    fraction = checked_fraction(fraction, "The compared fraction")
    rows = _in_common(one, other)
    maps = (_Part(one, rows[0]), _Part(other, rows[1]))
    count = round(fraction * len(rows[0]))
    if count == 0:
        raise DynamicsError(
            f"A fraction of {fraction} of {len(rows[0])} examples in common selects none. Raise "
            "the fraction."
        )
    selections = {kind: [part.selected(kind, count) for part in maps] for kind in RANKED_BY}
    return Agreement(
        examples=len(rows[0]),
        only_in=(len(one) - len(rows[0]), len(other) - len(rows[0])),
        fraction=fraction,
        overlaps={
            kind: Overlap(float((a & b).sum()) / count, count / len(rows[0]))
            for kind, (a, b) in selections.items()
        },
        confidence=spearman(maps[0].confidence, maps[1].confidence),
        variability=spearman(maps[0].variability, maps[1].variability),
        groups=_groups(maps, selections[AMBIGUOUS], slices or {}),
        differences=_differences(maps, differences),
    )


def overlap_of(one: Rows, other: Rows, total: int) -> Overlap:
    """The overlap of two selections of the same number of rows out of ``total``."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return Overlap(shared / len(one), len(one) / total)


def spearman(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Spearman's rank correlation, ties by their mean rank; NaN where one is constant."""
    from scipy.stats import rankdata  # heavy

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


class _Part:
    """The rows of a map that the other one has too, in the other's order."""

    def __init__(self, datamap: DataMap, rows: Rows) -> None:
        self.ids = datamap.example_ids.take(rows)
        self.labels = np.array(datamap.group_names, dtype=object)[datamap.labels[rows]]
        self.confidence = datamap.confidence[rows]
        self.variability = datamap.variability[rows]

    def selected(self, kind: str, count: int) -> npt.NDArray[np.bool_]:
        score, largest = RANKED_BY[kind]
        chosen = np.zeros(len(self.ids), dtype=np.bool_)
        chosen[top_set(getattr(self, score), self.ids, count, largest=largest)] = True
        return chosen


def _in_common(one: DataMap, other: DataMap) -> tuple[Rows, Rows]:
    places = pc.index_in(one.example_ids, value_set=other.example_ids)
    mine = np.flatnonzero(places.is_valid().to_numpy(zero_copy_only=False))
    theirs: Rows = places.drop_null().to_numpy().astype(np.int64)
    if len(mine) < 2:
        raise DynamicsError(
            f"The maps have {len(mine)} example ids in common, of {len(one):,} and {len(other):,}: "
            "they are of different data. Compare maps of the same training set."
        )
    names = [
        np.array(datamap.group_names, dtype=object)[datamap.labels[rows]]
        for datamap, rows in ((one, mine), (other, theirs))
    ]
    different = np.flatnonzero(names[0] != names[1])
    if len(different):
        row = different[0]
        raise DynamicsError(
            f"The maps label {len(different):,} of {len(mine):,} examples differently, such as "
            f"{one.example_ids[int(mine[row])].as_py()!r}: {names[0][row]!r} and "
            f"{names[1][row]!r}. Compare maps of the same training set."
        )
    return mine, theirs


def _groups(
    maps: tuple[_Part, _Part],
    selected: list[npt.NDArray[np.bool_]],
    slices: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, GroupAgreement]]:
    ids = maps[0].ids.to_pylist() if slices else []
    columns = {"label": maps[0].labels} | {
        column: np.array([values.get(one, "") for one in ids], dtype=object)
        for column, values in slices.items()
    }
    return {
        column: {
            value: _group(maps, selected, values == value)
            for value in sorted(set(values.tolist()) - {""})
        }
        for column, values in columns.items()
    }


def _group(
    maps: tuple[_Part, _Part],
    selected: list[npt.NDArray[np.bool_]],
    inside: npt.NDArray[np.bool_],
) -> GroupAgreement:
    size = int(inside.sum())
    one, other = (chosen & inside for chosen in selected)
    smaller, larger = sorted((int(one.sum()), int(other.sum())))
    shared = float((one & other).sum() / smaller) if smaller else float("nan")
    return GroupAgreement(
        examples=size,
        selected=(float(one.sum() / size), float(other.sum() / size)),
        ambiguous=Overlap(shared, larger / size),
        variability=spearman(maps[0].variability[inside], maps[1].variability[inside]),
    )


def _differences(maps: tuple[_Part, _Part], count: int) -> tuple[Difference, ...]:
    from scipy.stats import rankdata  # heavy

    one, other = maps
    ranks = [(rankdata(part.variability) - 1) / (len(part.ids) - 1) for part in maps]
    apart = np.abs(ranks[0] - ranks[1])
    rows = np.argsort(-apart, kind="stable")[:count]
    return tuple(
        Difference(
            example_id=one.ids[int(row)].as_py(),
            label=str(one.labels[row]),
            confidence=(float(one.confidence[row]), float(other.confidence[row])),
            variability=(float(one.variability[row]), float(other.variability[row])),
            ranks=(float(ranks[0][row]), float(ranks[1][row])),
        )
        for row in rows
    )
