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
late-learnt          highest variability, right in     ours: what a reference never gets right is
                     the end                           noise, or more than it can learn
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ftft.cartography.datamap import DataMap, checked_fraction
from ftft.cartography.ranking import Rows, top_set
from ftft.errors import DynamicsError
from ftft.selection.checks import check, check_balance, check_exclusion, check_labels
from ftft.selection.names import CLUSTERS, MIXED
from ftft.selection.pickers import cluster_picker, merge, score_picker, with_random
from ftft.selection.quotas import quotas
from ftft.selection.selection import Selection
from ftft.utils.expected import expect


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
    random_share: float = 0.0,
    balance_by: str | None = None,
    groups: Sequence[str] | None = None,
    trajectories: npt.NDArray[Any] | None = None,
    num_clusters: int = 100,
) -> Selection:
    """Select exactly ``round(fraction * N)`` examples of a map.

    Halves are rounded to the even number. Ties are broken by ascending id, so that neither the
    order of the rows nor the machine matters. Rank 0 is the most wanted example.

    Args:
        datamap: The map of N examples.
        strategy: One of ``STRATEGIES``; its score, and the better direction:
            ambiguous: variability, highest first.
            hard-to-learn: confidence, lowest first.
            easy-to-learn: confidence, highest first, of those outside the map's ambiguous
                region; should these not suffice, ambiguous ones follow in the same order.
            random: a number in [0, 1) from seed and id, lowest first. A smaller fraction
                is a part of a larger one.
            ambiguous+easy: ambiguous ones as above, then ``easy_share`` easy ones as above.
            loss-clusters: a number in [0, 1) from seed and id; see ``balanced_sample``.
            correctness: recording points predicted right, lowest first.
            forgetting: times forgotten, highest first; an example that was never predicted
                right counts as forgotten at every point.
            threshold-closeness: confidence * (1 - confidence), highest first.
            late-learnt: variability, highest first, of those that the last recording point of the
                map predicts right; should these not suffice, the others follow in the same order.
            Equal correctness or forgetting: in the order that random would give.
        fraction: Share of N, in (0, 1].
        seed: For random, random_share and loss-clusters, and for equal correctness or forgetting.
        keep_label_proportions: Give each label its share of the map (largest remainders).
        balance_labels: Give each label the same number; labels with too few give all,
            and the others make up for them.
        exclude_label_errors: Leave out this share of N, in [0, 1), before selecting: the
            examples of lowest area under the margin, which are the likeliest to be
            mislabelled (Pleiss et al. 2020).
        easy_share: Share of the selection that is easy, for ambiguous+easy, in [0, 1].
        other_end: Share of the selection, in [0, 1], that is taken from the other end of the
            score, its most extreme example first; for strategies of one score (``SCORED``). 0.3 is
            ``--both_ends`` of allenai/cartography, 1 its ``--worst``.
        random_share: Share of the selection, in [0, 1], that is drawn at random from what the
            strategy leaves; it comes last.
        balance_by: Give each group the same number, as balance_labels does for labels; the
            name of what the groups are.
        groups: (N,) group of each example, for balance_by.
        trajectories: (N, E) losses from ``loss_trajectories``, for loss-clusters.
        num_clusters: For loss-clusters, at least 1.

    Raises:
        DynamicsError: An unknown strategy, a value out of range, too few candidates, or labels
            to go by where all are one.
    """
    expect(datamap, DataMap, "select", "DataMap.read(FILE) or DataMap.from_dynamics", DynamicsError)
    fraction = checked_fraction(fraction, "The selected fraction")
    shares = {"easy_share": easy_share, "other_end": other_end, "random_share": random_share}
    check(strategy, seed, shares)
    check_balance(datamap, keep_label_proportions, balance_labels, balance_by, groups)
    count = _size(datamap, fraction)
    if keep_label_proportions or balance_labels:
        check_labels(datamap, "balance_labels" if balance_labels else "keep_label_proportions")
    candidates = _without_label_errors(datamap, exclude_label_errors)
    if strategy == CLUSTERS:
        picker = cluster_picker(datamap, seed, trajectories, num_clusters)
    else:
        picker = score_picker(datamap, strategy, seed, easy_share, other_end)
    picker = with_random(picker, datamap, random_share, seed)
    codes = datamap.labels if groups is None else _codes(groups)
    balanced = balance_labels or groups is not None
    parts = _parts(codes, candidates, count, keep_label_proportions, balanced)
    tiers = merge([picker(rows, quota) for rows, quota in parts], datamap)
    options = {
        "keep_label_proportions": keep_label_proportions or None,
        "balance_labels": balance_labels or None,
        "exclude_label_errors": exclude_label_errors or None,
        "easy_share": easy_share if strategy == MIXED else None,
        "other_end": other_end or None,
        "random_share": random_share or None,
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


def _size(datamap: DataMap, fraction: float) -> int:
    count = round(fraction * len(datamap))
    if count == 0:
        raise DynamicsError(
            f"A fraction of {fraction} of {len(datamap)} examples selects none. Raise the fraction."
        )
    return count


def _codes(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """Groups as numbers, in the order of their names."""
    order = {name: code for code, name in enumerate(sorted(set(groups)))}
    return np.array([order[name] for name in groups], dtype=np.int64)


def _without_label_errors(datamap: DataMap, share: float) -> Rows:
    check_exclusion(share)
    if share and np.isnan(datamap.aum).any():
        raise DynamicsError(
            "The map has no aum (area under the margin), as it was imported from coordinates, so "
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
