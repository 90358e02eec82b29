"""What was selected by label and region, and how far maps agree."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from ftft.cartography.datamap import AMBIGUOUS, HARD, REGIONS, DataMap
from ftft.cartography.lengths import length_bins
from ftft.errors import DynamicsError
from ftft.report.views import MapView, RunView
from ftft.transfer.agreement import agreement
from ftft.transfer.preflight import mark_of
from ftft.utils.plural import counted

MOST_PAIRS = 12


@dataclass(frozen=True)
class Share:
    """A group of examples and what of it was selected, mean over seeds.

    Attributes:
        name: Label or region.
        examples: Its examples.
        share: Of all examples, in [0, 1].
        selected: Of them, those selected.
        of_selection: Share of the selection that they make up.
        of_group: Share of the group that was selected.
        confidence: Mean confidence of its examples; None where there are none.
        variability: Mean variability of its examples; likewise.
    """

    name: str
    examples: float
    share: float
    selected: float
    of_selection: float
    of_group: float
    confidence: float | None
    variability: float | None


def shares(maps: Sequence[MapView], by: str) -> list[Share]:
    """The selection by ``label``, ``region`` or ``length``, over the seeds of one method."""
    first = maps[0].datamap
    names = _names(first, by)
    codes = [_codes(one.datamap, by, first) for one in maps]
    counts = [_counts(one, code, len(names)) for one, code in zip(maps, codes, strict=True)]
    rows = []
    for position, name in enumerate(names):
        examples = statistics.fmean(float(every[position]) for every, _ in counts)
        selected = statistics.fmean(float(chosen[position]) for _, chosen in counts)
        total = statistics.fmean(float(chosen.sum()) for _, chosen in counts)
        rows.append(
            Share(
                name=name,
                examples=examples,
                share=examples / len(first),
                selected=selected,
                of_selection=selected / total if total else 0.0,
                of_group=selected / examples if examples else 0.0,
                confidence=_mean([one.datamap.confidence for one in maps], codes, position),
                variability=_mean([one.datamap.variability for one in maps], codes, position),
            )
        )
    return rows


def ways(maps: Sequence[MapView]) -> tuple[str, ...]:
    """What a selection may be divided by: labels and lengths only where the maps know them."""
    labelled = len(maps[0].datamap.group_names) > 1
    known = all(one.datamap.lengths is not None for one in maps)
    return (*(("label",) if labelled else ()), "region", *(("length",) if known else ()))


def _names(datamap: DataMap, by: str) -> Sequence[str]:
    if by != "length":
        return datamap.group_names if by == "label" else REGIONS
    return [
        f"{counted(low, 'token')}" if low == high else f"{low:,} to {high:,} tokens"
        for low, high in _quarters(datamap)
    ]


def _codes(datamap: DataMap, by: str, first: DataMap) -> npt.NDArray[Any]:
    """The group of each example; of lengths, the quarter of another map that it falls into."""
    if by == "length":
        longest = [high for _, high in _quarters(first)[:-1]]
        return np.asarray(np.searchsorted(longest, _known(datamap)))
    return datamap.labels if by == "label" else datamap.region_code


def _quarters(datamap: DataMap) -> list[tuple[int, int]]:
    return length_bins(_known(datamap), 4)[1]


def _known(datamap: DataMap) -> npt.NDArray[np.int32]:
    assert datamap.lengths is not None, "only such maps are asked for"
    return datamap.lengths


def _counts(
    one: MapView, codes: npt.NDArray[Any], size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    every = np.bincount(codes, minlength=size)
    return every, np.bincount(codes[one.selected], minlength=size)


def _mean(
    values: Sequence[npt.NDArray[Any]], codes: Sequence[npt.NDArray[Any]], position: int
) -> float | None:
    """Mean over the examples of a group, and over the maps that have some; None where none has."""
    found = [one[code == position] for one, code in zip(values, codes, strict=True)]
    means = [float(one.mean()) for one in found if len(one)]
    return statistics.fmean(means) if means else None


@dataclass(frozen=True)
class Pair:
    """Two maps of the same examples.

    Attributes:
        one: The first map.
        other: The second.
        examples: Examples that both hold.
        selected: Share of the smaller selection that is in the other one too.
        selected_chance: What selections of these sizes share by chance.
        ambiguous: Share of the most ambiguous third that both have in common.
        hard: The same of the hardest.
        chance: What two of that size share by chance.
        variability: Spearman's rank correlation of the variabilities.
    """

    one: str
    other: str
    examples: int
    selected: float
    selected_chance: float
    ambiguous: float
    hard: float
    chance: float
    variability: float


def pairs(views: Sequence[RunView]) -> tuple[list[Pair], int]:
    """How far the maps of some runs agree, two by two.

    Returns:
        At most ``MOST_PAIRS`` pairs of maps of the same data, those of the same seed first; and the
        number of pairs left out.
    """
    several = len(views) > 1
    named = [(_name(view, one, several), one) for view in views for one in view.maps]
    found = sorted(
        combinations(range(len(named)), 2),
        key=lambda pair: named[pair[0]][1].seed != named[pair[1]][1].seed,
    )
    compared = [_pair(named[one], named[other]) for one, other in found[:MOST_PAIRS]]
    return [pair for pair in compared if pair is not None], max(0, len(found) - MOST_PAIRS)


def _name(view: RunView, one: MapView, several: bool) -> str:
    whose = "reference" if one.method == "ftft" else "main model"
    return f"{f'{view.run.name}, ' if several else ''}{whose}, seed {one.seed}"


def _pair(first: tuple[str, MapView], second: tuple[str, MapView]) -> Pair | None:
    (one_name, one), (other_name, other) = first, second
    try:
        found = agreement(one.datamap, other.datamap, one.datamap.region_fraction, differences=0)
    except DynamicsError:
        return None  # maps of different data have nothing to compare
    mine, theirs = (view.datamap.example_ids.filter(view.selected) for view in (one, other))
    smaller, larger = sorted((len(mine), len(theirs)))
    shared = int(pc.sum(pc.is_in(mine, value_set=theirs)).as_py() or 0)
    return Pair(
        one=one_name,
        other=other_name,
        examples=found.examples,
        selected=shared / smaller if smaller else 0.0,
        selected_chance=larger / found.examples,
        ambiguous=found.overlaps[AMBIGUOUS].shared,
        hard=found.overlaps[HARD].shared,
        chance=found.overlaps[AMBIGUOUS].chance,
        variability=found.variability,
    )


def preflights(view: RunView) -> list[dict[str, Any]]:
    """The verdicts on a run's references, by seed, each finding with its badge."""
    found = [(one.seed, one.record["preflight"]) for one in view.run.runs]
    return [
        {
            **{"seed": seed, **judged},
            "findings": [
                {**one, "mark": mark_of(one["verdict"], judged["verdict"])}
                for one in judged["findings"]
            ],
        }
        for seed, judged in found
        if judged
    ]
