"""Which examples the main model trains on.

ambiguous            highest variability               Swayamdipta et al. 2020; FTFT (2023)
hard-to-learn        lowest confidence                 the same
easy-to-learn        highest confidence, not ambiguous Swayamdipta et al. 2020
random               by a hash of seed and id          the baseline of both
ambiguous+easy       some of each                      Swayamdipta et al. 2020, section 4
loss-clusters        equally from groups of examples   SmallToLarge, Yang et al. 2024
                     that were learnt alike
correctness          least often right                 allenai/cartography's filtering
forgetting           most often forgotten              the same; Toneva et al. 2019
threshold-closeness  confidence closest to 0.5         the same; Chang et al. 2017
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD, REGIONS, DataMap, checked_fraction
from ftft.cartography.ranking import Rows, id_uniform, top, top_set
from ftft.errors import DynamicsError
from ftft.selection.clusters import balanced_sample, cluster
from ftft.selection.quotas import quotas
from ftft.selection.selection import Selection
from ftft.utils.expected import expect
from ftft.utils.plural import as_share

RANDOM, MIXED, CLUSTERS = "random", "ambiguous+easy", "loss-clusters"
CORRECTNESS, FORGETTING, CLOSENESS = "correctness", "forgetting", "threshold-closeness"
STRATEGIES = (
    *(AMBIGUOUS, HARD, EASY, RANDOM, MIXED, CLUSTERS),
    *(CORRECTNESS, FORGETTING, CLOSENESS),
)
# Those that rank all examples by one score, which hence has another end.
SCORED = (AMBIGUOUS, HARD, CORRECTNESS, FORGETTING, CLOSENESS)


@dataclass(frozen=True, eq=False)
class _Tier:
    """Rows picked by one score; a selection lists its tiers one after the other.

    Rows are ranked by `keys`: the scores, or what also orders those of equal scores.
    """

    scores: npt.NDArray[Any]
    keys: npt.NDArray[Any]
    largest: bool
    rows: Rows


# (candidate rows, how many) -> the picks, tier by tier
_Picker: TypeAlias = Callable[[Rows, int], list[_Tier]]


def select(
    datamap: DataMap,
    strategy: str = "ambiguous",
    fraction: float = 0.33,
    *,
    seed: int = 0,
    keep_label_proportions: bool = False,
    balance_labels: bool = False,
    exclude_label_errors: float = 0.0,
    easy_share: float = 0.1,
    other_end: float = 0.0,
    balance_by: str | None = None,
    groups: Sequence[str] | None = None,
    trajectories: npt.NDArray[Any] | None = None,
    num_clusters: int = 100,
) -> Selection:
    """Select exactly `round(fraction * N)` examples of a map.

    Halves are rounded to the even number. Ties are broken by ascending id, so that neither the
    order of the rows nor the machine matters. Rank 0 is the most wanted example.

    Args:
        datamap: the map of N examples.
        strategy: one of `STRATEGIES`; its score, and the better direction:
            ambiguous: variability, highest first.
            hard-to-learn: confidence, lowest first.
            easy-to-learn: confidence, highest first, of those outside the map's ambiguous
                region; should these not suffice, ambiguous ones follow in the same order.
            random: a number in [0, 1) from seed and id, lowest first. A smaller fraction
                is a part of a larger one.
            ambiguous+easy: ambiguous ones as above, then `easy_share` easy ones as above.
            loss-clusters: a number in [0, 1) from seed and id; see `balanced_sample`.
            correctness: recording points predicted right, lowest first.
            forgetting: times forgotten, highest first; an example that was never predicted
                right counts as forgotten at every point.
            threshold-closeness: confidence * (1 - confidence), highest first.
            Equal correctness or forgetting: in the order that random would give.
        fraction: share of N, in (0, 1].
        seed: for random and loss-clusters, and for equal correctness or forgetting.
        keep_label_proportions: give each label its share of the map (largest remainders).
        balance_labels: give each label the same number; labels with too few give all,
            and the others make up for them.
        exclude_label_errors: leave out this share of N, in [0, 1), before selecting: the
            examples of lowest area under the margin, which are the likeliest to be
            mislabelled (Pleiss et al. 2020).
        easy_share: share of the selection that is easy, for ambiguous+easy, in [0, 1].
        other_end: share of the selection, in [0, 1], that is taken from the other end of the
            score, its most extreme example first; for strategies of one score (`SCORED`). 0.3 is
            `--both_ends` of allenai/cartography, 1 its `--worst`.
        balance_by: give each group the same number, as balance_labels does for labels; the
            name of what the groups are.
        groups: (N,) group of each example, for balance_by.
        trajectories: (N, E) losses from `loss_trajectories`, for loss-clusters.
        num_clusters: for loss-clusters, at least 1.

    Raises:
        DynamicsError: an unknown strategy, a value out of range, too few candidates, or labels
            to go by where all are one.
    """
    expect(datamap, DataMap, "select", "DataMap.read(FILE) or DataMap.from_dynamics", DynamicsError)
    fraction = checked_fraction(fraction, "The selected fraction")
    _check(strategy, seed, easy_share, other_end)
    _check_balance(datamap, keep_label_proportions, balance_labels, balance_by, groups)
    count = round(fraction * len(datamap))
    if count == 0:
        raise DynamicsError(
            f"A fraction of {fraction} of {len(datamap)} examples selects none. Raise the fraction."
        )
    if keep_label_proportions or balance_labels:
        _check_labels(datamap, "balance_labels" if balance_labels else "keep_label_proportions")
    candidates = _without_label_errors(datamap, exclude_label_errors)
    if strategy == CLUSTERS:
        picker = _cluster_picker(datamap, seed, trajectories, num_clusters)
    else:
        picker = _score_picker(datamap, strategy, seed, easy_share, other_end)
    codes = datamap.labels if groups is None else _codes(groups)
    balanced = balance_labels or groups is not None
    parts = _parts(codes, candidates, count, keep_label_proportions, balanced)
    tiers = _merge([picker(rows, quota) for rows, quota in parts], datamap)
    options = {
        "keep_label_proportions": keep_label_proportions or None,
        "balance_labels": balance_labels or None,
        "exclude_label_errors": exclude_label_errors or None,
        "easy_share": easy_share if strategy == MIXED else None,
        "other_end": other_end or None,
        "balance_by": balance_by,
        "num_clusters": num_clusters if strategy == CLUSTERS else None,
    }
    return Selection(
        strategy=strategy,
        fraction=fraction,
        seed=int(seed),
        total=len(datamap),
        example_ids=datamap.example_ids.take(np.concatenate([tier.rows for tier in tiers])),
        scores=np.concatenate([tier.scores[tier.rows].astype(np.float64) for tier in tiers]),
        options={name: value for name, value in options.items() if value is not None},
    )


def _check_labels(datamap: DataMap, option: str) -> None:
    if len(np.unique(datamap.labels)) == 1:
        name = datamap.group_names[datamap.labels[0]]
        raise DynamicsError(
            f"All {len(datamap)} examples of the map have the label {name!r}, as in a map that is "
            f"of a task without classes or was imported from coordinates without labels, so "
            f"{option} has no effect. Import the map with its labels, or leave the option out."
        )


def _check(strategy: str, seed: int, easy_share: float, other_end: float) -> None:
    if strategy not in STRATEGIES:
        raise DynamicsError(
            f"There is no selection strategy {strategy!r}. Use one of: {', '.join(STRATEGIES)}."
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise DynamicsError(f"The seed of a selection is {seed!r}; it must be an integer.")
    if seed < 0 and strategy == CLUSTERS:
        raise DynamicsError(f"The seed of {CLUSTERS} is {seed}; it must be at least 0.")
    for name, share in (("easy_share", easy_share), ("other_end", other_end)):
        if not 0.0 <= share <= 1.0:
            raise DynamicsError(f"{name} is {share!r}; it must be from 0 to 1.{as_share(share)}")
    if other_end and strategy not in SCORED:
        raise DynamicsError(
            f"The strategy {strategy} has no other end that other_end could take examples from. "
            f"Leave it out, or use one of: {', '.join(SCORED)}."
        )


def _check_balance(
    datamap: DataMap,
    proportions: bool,
    labels: bool,
    balance_by: str | None,
    groups: Sequence[str] | None,
) -> None:
    if proportions + labels + (balance_by is not None) > 1:
        raise DynamicsError(
            "keep_label_proportions, balance_labels and balance_by exclude each other. Set one of "
            "them."
        )
    if (balance_by is None) != (groups is None):
        raise DynamicsError("balance_by and groups belong together: give the name and the groups.")
    if groups is not None and len(groups) != len(datamap):
        raise DynamicsError(
            f"There are {len(groups)} groups by {balance_by} for the {len(datamap)} examples of "
            "the map. Give each example its group, in the order of the map."
        )


def _codes(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """Groups as numbers, in the order of their names."""
    order = {name: code for code, name in enumerate(sorted(set(groups)))}
    return np.array([order[name] for name in groups], dtype=np.int64)


def _score(
    datamap: DataMap, strategy: str, seed: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], bool]:
    """The score of a strategy in `SCORED`, what to rank by, and whether the highest is wanted."""
    if strategy == AMBIGUOUS:
        return datamap.variability, datamap.variability, True
    if strategy == HARD:
        return datamap.confidence, datamap.confidence, False
    if strategy == CLOSENESS:
        confidence = datamap.confidence.astype(np.float64)
        closeness = confidence * (1 - confidence)
        return closeness, closeness, True
    if strategy == FORGETTING and not datamap.knows(FORGETTING):
        raise DynamicsError(
            "The map has no forgetting: it was imported from coordinates without it. Use another "
            "strategy, or make the map from dynamics."
        )
    points = len(datamap.epochs)
    right = np.rint(datamap.correctness * points).astype(np.float64)
    counted = right
    if strategy == FORGETTING:
        counted = np.where(right == 0, points, datamap.forgetting).astype(np.float64)
    # Below one, so that it changes the order of equal numbers only.
    return counted, counted + id_uniform(datamap.example_ids, seed), strategy == FORGETTING


def _score_picker(
    datamap: DataMap, strategy: str, seed: int, easy_share: float, other_end: float
) -> _Picker:
    ids = datamap.example_ids

    def best(
        scores: npt.NDArray[Any],
        largest: bool,
        rows: Rows,
        count: int,
        keys: npt.NDArray[Any] | None = None,
    ) -> _Tier:
        keys = scores if keys is None else keys
        return _Tier(scores, keys, largest, top(keys, ids, count, largest=largest, rows=rows))

    def easy(rows: Rows, count: int) -> list[_Tier]:
        is_ambiguous = datamap.region_code[rows] == REGIONS.index(AMBIGUOUS)
        first = best(datamap.confidence, True, rows[~is_ambiguous], count)
        left = count - len(first.rows)
        return [first, best(datamap.confidence, True, rows[is_ambiguous], left)]

    def mixed(rows: Rows, count: int) -> list[_Tier]:
        wanted = count - round(easy_share * count)
        first = best(datamap.variability, True, rows, wanted)
        return [first, *easy(np.setdiff1d(rows, first.rows), count - wanted)]

    if strategy == EASY:
        return easy
    if strategy == MIXED:
        return mixed
    if strategy == RANDOM:
        uniform = id_uniform(ids, seed)
        return lambda rows, count: [best(uniform, False, rows, count)]
    scores, keys, largest = _score(datamap, strategy, seed)

    def ends(rows: Rows, count: int) -> list[_Tier]:
        other = round(other_end * count)
        first = best(scores, largest, rows, count - other, keys)
        if not other_end:
            return [first]
        left = np.setdiff1d(rows, first.rows)
        return [first, best(scores, not largest, left, other, keys)]

    return ends


def _cluster_picker(
    datamap: DataMap, seed: int, trajectories: npt.NDArray[Any] | None, num_clusters: int
) -> _Picker:
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

    def pick(rows: Rows, count: int) -> list[_Tier]:
        keys = (uniform, datamap.example_ids)
        chosen = balanced_sample(members[rows], rows, *keys, count)
        return [_Tier(uniform, uniform, False, chosen)]

    return pick


def _without_label_errors(datamap: DataMap, share: float) -> Rows:
    if not 0.0 <= share < 1.0:
        raise DynamicsError(
            f"exclude_label_errors is {share!r}; it must be at least 0 and below 1."
        )
    if share and np.isnan(datamap.aum).any():
        raise DynamicsError(
            "The map has no area under the margin, because it was imported from coordinates, so "
            "label errors cannot be excluded. Make the map from dynamics, or exclude none."
        )
    suspects = top_set(datamap.aum, datamap.example_ids, round(share * len(datamap)), largest=False)
    keep = np.ones(len(datamap), dtype=np.bool_)
    keep[suspects] = False
    return np.flatnonzero(keep)


def _parts(
    codes: npt.NDArray[np.int64], candidates: Rows, count: int, proportional: bool, balanced: bool
) -> list[tuple[Rows, int]]:
    if not (proportional or balanced):
        return [(candidates, quotas([1], [len(candidates)], count)[0])]
    every = np.bincount(codes)
    found = codes[candidates]
    sizes = np.bincount(found, minlength=len(every)).tolist()
    weights = every.tolist() if proportional else [1] * len(every)
    shares = quotas(weights, sizes, count)
    in_order = candidates[np.argsort(found, kind="stable")]
    return list(zip(np.split(in_order, np.cumsum(sizes)[:-1]), shares, strict=True))


def _merge(groups: list[list[_Tier]], datamap: DataMap) -> list[_Tier]:
    """Join the picks of several groups, tier by tier, each sorted again by its score."""
    if len(groups) == 1:
        return groups[0]
    merged = []
    for tiers in zip(*groups, strict=True):
        first = tiers[0]
        rows = np.concatenate([tier.rows for tier in tiers])
        ids = datamap.example_ids
        ranked = top(first.keys, ids, len(rows), largest=first.largest, rows=rows)
        merged.append(_Tier(first.scores, first.keys, first.largest, ranked))
    return merged
