"""How a strategy picks from candidates: by a score, by clusters, at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD, REGIONS, DataMap
from ftft.cartography.ranking import Rows, id_uniform, top
from ftft.errors import DynamicsError
from ftft.selection.clusters import balanced_sample, cluster
from ftft.selection.names import CLOSENESS, CLUSTERS, FORGETTING, LATE, MIXED, RANDOM


@dataclass(frozen=True, eq=False)
class Tier:
    """Rows picked by one score; a selection lists its tiers one after the other.

    Rows are ranked by ``keys``: the scores, or what also orders those of equal scores.
    """

    scores: npt.NDArray[Any]
    keys: npt.NDArray[Any]
    largest: bool
    rows: Rows


# (candidate rows, how many) -> the picks, tier by tier
Picker: TypeAlias = Callable[[Rows, int], list[Tier]]


def _score(
    datamap: DataMap, strategy: str, seed: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], bool]:
    """The score of a strategy in ``SCORED``, what to rank by, and whether the highest is wanted."""
    if strategy == AMBIGUOUS:
        return datamap.variability, datamap.variability, True
    if strategy == HARD:
        return datamap.confidence, datamap.confidence, False
    if strategy == CLOSENESS:
        confidence = datamap.confidence.astype(np.float64)
        closeness = confidence * (1 - confidence)
        return closeness, closeness, True
    if strategy == FORGETTING:
        _check_known(datamap, FORGETTING, "how often its examples were forgotten")
    points = len(datamap.epochs)
    right = np.rint(datamap.correctness * points).astype(np.float64)
    counted = right
    if strategy == FORGETTING:
        counted = np.where(right == 0, points, datamap.forgetting).astype(np.float64)
    # Below one, so that it changes the order of equal numbers only.
    return counted, counted + id_uniform(datamap.example_ids, seed), strategy == FORGETTING


def _check_known(datamap: DataMap, statistic: str, what: str) -> None:
    if not datamap.knows(statistic):
        raise DynamicsError(
            f"The map does not say {what}: it was imported from coordinates without it, or drawn "
            "by an older ftft. Use another strategy, or draw the map again from its dynamics "
            "(ftft map)."
        )


def score_picker(
    datamap: DataMap, strategy: str, seed: int, easy_share: float, other_end: float
) -> Picker:
    """The picker of a strategy that goes by scores of the map, or by none.

    Raises:
        DynamicsError: The map does not know the score.
    """
    ranked = _Ranked(datamap)
    if strategy == EASY:
        return ranked.easy
    if strategy == LATE:
        _check_known(datamap, "learnt", "which examples its last recording point has right")
        return ranked.late
    if strategy == MIXED:
        return lambda rows, count: ranked.mixed(rows, count, easy_share)
    if strategy == RANDOM:
        uniform = id_uniform(datamap.example_ids, seed)
        return lambda rows, count: [ranked.best(uniform, False, rows, count)]
    score = _score(datamap, strategy, seed)
    return lambda rows, count: ranked.ends(rows, count, *score, other_end)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Picks from candidate rows of a map by its scores, tier by tier."""

    datamap: DataMap

    def best(
        self,
        scores: npt.NDArray[Any],
        largest: bool,
        rows: Rows,
        count: int,
        keys: npt.NDArray[Any] | None = None,
    ) -> Tier:
        keys, ids = scores if keys is None else keys, self.datamap.example_ids
        return Tier(scores, keys, largest, top(keys, ids, count, largest=largest, rows=rows))

    def easy(self, rows: Rows, count: int) -> list[Tier]:
        confidence = self.datamap.confidence
        is_ambiguous = self.datamap.region_code[rows] == REGIONS.index(AMBIGUOUS)
        first = self.best(confidence, True, rows[~is_ambiguous], count)
        left = count - len(first.rows)
        return [first, self.best(confidence, True, rows[is_ambiguous], left)]

    def mixed(self, rows: Rows, count: int, easy_share: float) -> list[Tier]:
        wanted = count - round(easy_share * count)
        first = self.best(self.datamap.variability, True, rows, wanted)
        return [first, *self.easy(np.setdiff1d(rows, first.rows), count - wanted)]

    def late(self, rows: Rows, count: int) -> list[Tier]:
        variability, learnt = self.datamap.variability, self.datamap.learnt[rows] == 1
        first = self.best(variability, True, rows[learnt], count)
        left = count - len(first.rows)
        return [first, self.best(variability, True, rows[~learnt], left)]

    def ends(
        self,
        rows: Rows,
        count: int,
        scores: npt.NDArray[Any],
        keys: npt.NDArray[Any],
        largest: bool,
        other_end: float,
    ) -> list[Tier]:
        other = round(other_end * count)
        first = self.best(scores, largest, rows, count - other, keys)
        if not other_end:
            return [first]
        left = np.setdiff1d(rows, first.rows)
        return [first, self.best(scores, not largest, left, other, keys)]


def cluster_picker(
    datamap: DataMap, seed: int, trajectories: npt.NDArray[Any] | None, num_clusters: int
) -> Picker:
    """The picker of loss-clusters.

    Raises:
        DynamicsError: The trajectories are not those of the map's examples.
    """
    if trajectories is None or len(trajectories) != len(datamap):
        given = "none were" if trajectories is None else f"those of {len(trajectories)} were"
        raise DynamicsError(
            f"The strategy {CLUSTERS} needs the loss trajectories of all {len(datamap)} examples; "
            f"{given} given. Pass `trajectories=loss_trajectories(dynamics)`."
        )
    uniform = id_uniform(datamap.example_ids, seed)
    # Laid out by the hash, so that the clusters do not depend on the order of the rows.
    by_hash = top(uniform, datamap.example_ids, len(datamap), largest=False)
    members = cluster(trajectories, by_hash, num_clusters, seed)

    def pick(rows: Rows, count: int) -> list[Tier]:
        keys = (uniform, datamap.example_ids)
        chosen = balanced_sample(members[rows], rows, *keys, count)
        return [Tier(uniform, uniform, False, chosen)]

    return pick


def with_random(picker: Picker, datamap: DataMap, share: float, seed: int) -> Picker:
    """A picker of which the last part is drawn at random from what it leaves; 0: none is."""
    if not share:
        return picker
    ids = datamap.example_ids
    uniform = id_uniform(ids, seed)

    def pick(rows: Rows, count: int) -> list[Tier]:
        drawn = round(share * count)
        tiers = picker(rows, count - drawn)
        left = np.setdiff1d(rows, np.concatenate([tier.rows for tier in tiers]))
        chosen = top(uniform, ids, drawn, largest=False, rows=left)
        return [*tiers, Tier(uniform, uniform, False, chosen)]

    return pick


def merge(groups: list[list[Tier]], datamap: DataMap) -> list[Tier]:
    """Join the picks of several groups, tier by tier, each sorted again by its score."""
    if len(groups) == 1:
        return groups[0]
    merged = []
    for tiers in zip(*groups, strict=True):
        first = tiers[0]
        rows = np.concatenate([tier.rows for tier in tiers])
        ids = datamap.example_ids
        ranked = top(first.keys, ids, len(rows), largest=first.largest, rows=rows)
        merged.append(Tier(first.scores, first.keys, first.largest, ranked))
    return merged
