"""Which examples a page shows where it cannot show all."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.int64]

_SEED = 0


def shown_rows(strata: npt.NDArray[np.int64], most: int) -> Rows:
    """Rows to show, in an order of chance, so that any first part of them is a fair picture.

    Args:
        strata: (N,) group of each example, such as its label and region together.
        most: How many may be shown, at least 1.

    Returns:
        All N rows where they fit; else ``most`` of them, each group in proportion (largest
        remainders first). The same for the same input.
    """
    order = np.random.default_rng(_SEED).permutation(len(strata)).astype(np.int64)
    if len(strata) <= most:
        return order
    groups, sizes = np.unique(strata, return_counts=True)
    exact = sizes * (most / len(strata))
    counts = np.floor(exact).astype(np.int64)
    missing = most - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    left = dict(zip(groups.tolist(), counts.tolist(), strict=True))
    in_order = strata[order]
    kept = np.zeros(len(order), dtype=np.bool_)
    for group, count in left.items():
        kept[np.flatnonzero(in_order == group)[:count]] = True
    return order[kept]
