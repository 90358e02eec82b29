"""Sampling equally from groups of examples that were learnt alike.

SmallToLarge (S2L; Yang et al. 2024, "SmallToLarge: Scalable Data Selection for
Fine-tuning Large Language Models by Summarizing Training Trajectories of Small Models",
algorithm 1): cluster the loss trajectories of a small model by k-means, then sample
from the clusters in equal numbers, the smallest first.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.cartography.ranking import Rows, top
from ftft.errors import DynamicsError

Floats: TypeAlias = npt.NDArray[np.float64]
Members: TypeAlias = npt.NDArray[np.int32]

# Centres are fitted on so many examples at most; more do not move them noticeably.
_FIT_EXAMPLES = 100_000
_ITERATIONS = 25
_BLOCK = 1 << 18


def cluster(trajectories: npt.NDArray[Any], order: Rows, num_clusters: int, seed: int) -> Members:
    """Group examples by k-means on their loss trajectories.

    Lloyd's iterations from a k-means++ start (Arthur and Vassilvitskii 2007), fitted on
    the first 100,000 examples of ``order``. Distances are added up one recording point after
    the other and not by a matrix product, so the groups are the same on every machine.

    Args:
        trajectories: (N, E) finite losses.
        order: (N,) row numbers in an order independent of that of the rows.
        num_clusters: How many groups at most; some may stay empty.
        seed: Of the start.

    Returns:
        int32 array of shape (N,): the group of each example, in [0, num_clusters).

    Raises:
        DynamicsError: The trajectories are not finite, ``num_clusters`` is not positive, or
            the seed is negative.
    """
    points = np.asarray(trajectories)
    if points.ndim != 2 or points.shape[1] == 0 or not np.isfinite(points).all():
        raise DynamicsError(
            f"The loss trajectories have shape {points.shape} or are not finite; expected one row "
            "of finite losses an example. Take them from `loss_trajectories`."
        )
    if isinstance(num_clusters, bool) or not isinstance(num_clusters, int) or num_clusters < 1:
        raise DynamicsError(f"num_clusters is {num_clusters!r}; it must be an integer above 0.")
    if seed < 0:
        raise DynamicsError(f"The seed of the clusters is {seed}; it must be at least 0.")
    sample = points[order[:_FIT_EXAMPLES]].astype(np.float64)
    centres = _start(sample, min(num_clusters, len(sample)), np.random.default_rng(seed))
    for _ in range(_ITERATIONS):
        moved = _means(sample, _nearest(sample, centres), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return _nearest(points, centres)


def balanced_sample(
    members: Members,
    rows: Rows,
    uniform: Floats,
    ids: pa.StringArray,
    count: int,
) -> Rows:
    """Sample equally from groups, the smallest first (S2L, algorithm 1).

    With k groups left and r examples still to choose, each group gives r / k examples (rounded
    down) or all it has, so that what small groups lack is taken from larger ones.

    Args:
        members: (n,) group of each candidate.
        rows: (n,) row numbers of the candidates.
        uniform: (N,) random numbers by row; those of lowest number are taken.
        ids: (N,) ids, for ties.
        count: How many, at most n.

    Returns:
        int64 row numbers of shape (count,), by ascending random number.
    """
    sizes = np.bincount(members) if len(members) else np.zeros(0, dtype=np.int64)
    groups = [int(g) for g in np.argsort(sizes, kind="stable") if sizes[g]]
    chosen = []
    left = count
    for position, group in enumerate(groups):
        share = min(left // (len(groups) - position), int(sizes[group]))
        candidates = rows[members == group]
        chosen.append(top(uniform, ids, share, largest=False, rows=candidates))
        left -= share
    joined = np.concatenate([np.empty(0, dtype=np.int64), *chosen])
    return top(uniform, ids, len(joined), largest=False, rows=joined)


def _start(points: Floats, num_clusters: int, generator: np.random.Generator) -> Floats:
    """k-means++: each next centre with a probability of its squared distance."""
    centres = points[[int(generator.integers(len(points)))]]
    distances = _squared(points, centres[0])
    for _ in range(num_clusters - 1):
        reach = np.cumsum(distances)
        if reach[-1] == 0.0:  # fewer different trajectories than clusters
            break
        chosen = np.searchsorted(reach, generator.random() * reach[-1], side="right")
        centres = np.concatenate([centres, points[[min(int(chosen), len(points) - 1)]]])
        np.minimum(distances, _squared(points, centres[-1]), out=distances)
    return centres


def _squared(points: npt.NDArray[Any], centre: Floats) -> Floats:
    total: Floats = np.zeros(len(points))
    for column in range(points.shape[1]):
        total += np.square(points[:, column] - centre[column])
    return total


def _nearest(points: npt.NDArray[Any], centres: Floats) -> Members:
    result = np.zeros(len(points), dtype=np.int32)
    for start in range(0, len(points), _BLOCK):
        block = np.asfortranarray(points[start : start + _BLOCK], dtype=np.float64)
        nearest = result[start : start + _BLOCK]
        least = _squared(block, centres[0])
        for number in range(1, len(centres)):
            distances = _squared(block, centres[number])
            closer = distances < least
            nearest[closer] = number
            least[closer] = distances[closer]
    return result


def _means(points: Floats, members: Members, centres: Floats) -> Floats:
    sizes = np.bincount(members, minlength=len(centres))
    sums = [
        np.bincount(members, weights=points[:, column], minlength=len(centres))
        for column in range(points.shape[1])
    ]
    means = np.stack(sums, axis=1) / np.maximum(sizes, 1)[:, None]
    # A centre that lost all its points stays where it was.
    return np.where((sizes > 0)[:, None], means, centres)
