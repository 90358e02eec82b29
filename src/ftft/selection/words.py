"""What a selection holds, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from ftft.cartography.datamap import DataMap
from ftft.cartography.left_out import LeftOut, labels_left_out
from ftft.selection.selection import Selection

_BALANCED = {"keep_label_proportions", "balance_labels", "balance_by"}
_MOST = 12
"""Labels that are counted one by one."""


def selection_in_words(datamap: DataMap, selection: Selection) -> Iterator[str]:
    """How many examples were drawn at random, and how many of each label there are.

    Args:
        datamap: The map of all examples.
        selection: Some of them.
    """
    share = float(selection.options.get("random_share", 0.0))
    if share:
        # Of a balanced selection each label has its own share, rounded.
        about = "about " if _BALANCED & selection.options.keys() else ""
        drawn = f"{about}{round(share * len(selection)):,}"
        yield f"of these {drawn} ({share:.0%}) drawn at random from what the strategy leaves"
    names = datamap.group_names
    if len(names) < 2:
        return
    rows = _rows(datamap, selection)
    every = np.bincount(datamap.labels, minlength=len(names))
    chosen = np.bincount(datamap.labels[rows], minlength=len(names))
    order = np.argsort(-every, kind="stable")[:_MOST]
    each = ", ".join(f"{names[i]} {chosen[i]:,} of {every[i]:,}" for i in order)
    more = f", and {len(names) - _MOST} more" if len(names) > _MOST else ""
    yield f"by label: {each}{more}"


def left_out_by(datamap: DataMap, selection: Selection) -> tuple[LeftOut, ...]:
    """The labels that a selection all but leaves out.

    Args:
        datamap: The map of all examples.
        selection: Some of them.
    """
    return labels_left_out(datamap.group_names, datamap.labels, _rows(datamap, selection))


def _rows(datamap: DataMap, selection: Selection) -> npt.NDArray[np.int64]:
    places = pc.index_in(selection.example_ids, value_set=datamap.example_ids).drop_null()
    rows: npt.NDArray[np.int64] = places.to_numpy().astype(np.int64)
    return rows
