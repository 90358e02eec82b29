"""Examples by their number of tokens, which may explain what a selection seems to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_QUARTILES = (0.25, 0.5, 0.75)


def length_bins(
    lengths: npt.NDArray[np.int32], most: int
) -> tuple[npt.NDArray[np.int64], list[tuple[int, int]]]:
    """Put lengths into bins of about as many examples each; equal lengths stay together.

    Args:
        lengths: (N,), at least one.
        most: How many bins there may be.

    Returns:
        The bin of each example, (N,), and the shortest and longest length of each bin.
    """
    inner = np.quantile(lengths, np.arange(1, most) / most, method="inverted_cdf")
    found = np.searchsorted(np.unique(inner), lengths, side="left")
    _, codes = np.unique(found, return_inverse=True)
    inside = [lengths[codes == code] for code in range(int(codes.max()) + 1)]
    return codes.astype(np.int64), [(int(one.min()), int(one.max())) for one in inside]


def length_summary(lengths: npt.NDArray[np.int32]) -> dict[str, float]:
    """Mean, lower quartile, median and upper quartile of the lengths of some examples."""
    lower, median, upper = (float(one) for one in np.quantile(lengths, _QUARTILES))
    return {"mean": float(lengths.mean()), "lower": lower, "median": median, "upper": upper}


def lengths_in_words(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What is known of some groups of examples, by what they are called."""
    parts = [
        f"{name} mean {one['mean']:.1f}, quartiles {one['lower']:g}, {one['median']:g}, "
        f"{one['upper']:g}"
        for name, one in found.items()
    ]
    return "; ".join(parts)
