"""The lengths of a selection against those of all examples, and a random subset of like lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from ftft.cartography.datamap import DataMap
from ftft.cartography.lengths import length_bins, length_summary
from ftft.cartography.ranking import id_uniform, top
from ftft.errors import DynamicsError
from ftft.selection.selection import Selection

BINS = 20
"""Of equally many examples each, in which a subset of like lengths has as many as a selection."""


def selection_lengths(datamap: DataMap, selection: Selection) -> dict[str, dict[str, float]] | None:
    """Tokens of the selected examples and of all: mean, median and quartiles.

    None where the map does not know its examples' lengths.

    Args:
        datamap: The map of all examples.
        selection: Some of them.
    """
    if datamap.lengths is None:
        return None
    chosen = datamap.lengths[_rows(datamap, selection)]
    if not len(chosen):
        return None
    return {"selected": length_summary(chosen), "all": length_summary(datamap.lengths)}


def length_matched(datamap: DataMap, selection: Selection, seed: int) -> Selection:
    """Draw a random subset that is as long as a selection.

    Examples are put into ``BINS`` bins by their number of tokens. Of each bin as many are drawn as
    the selection holds, by a hash of seed and id, as the strategy random draws them; selected ones
    may be among them.

    Args:
        datamap: The map that the selection was made from.
        selection: Whose lengths to match.
        seed: Decides which are drawn.

    Raises:
        DynamicsError: The map does not know its examples' lengths.
    """
    if datamap.lengths is None:
        raise DynamicsError(
            "The map does not know how long its examples are: an older ftft recorded its dynamics, "
            "or a recorder without lengths. Record again: of a run, with --force-stage reference."
        )
    codes, _ = length_bins(datamap.lengths, BINS)
    wanted = np.bincount(codes[_rows(datamap, selection)], minlength=int(codes.max()) + 1)
    uniform = id_uniform(datamap.example_ids, seed)
    drawn = [
        top(
            uniform,
            datamap.example_ids,
            int(count),
            largest=False,
            rows=np.flatnonzero(codes == at),
        )
        for at, count in enumerate(wanted)
    ]
    rows = np.concatenate(drawn)
    rows = rows[np.argsort(uniform[rows], kind="stable")]
    return Selection(
        strategy="random",
        fraction=selection.fraction,
        seed=int(seed),
        total=len(datamap),
        example_ids=datamap.example_ids.take(rows),
        scores=uniform[rows],
        options={"lengths_of": selection.strategy, "length_bins": BINS},
    )


def _rows(datamap: DataMap, selection: Selection) -> npt.NDArray[np.int64]:
    """Where the selected examples are in the map, as far as they are."""
    found = pc.index_in(selection.example_ids, value_set=datamap.example_ids).drop_null()
    return np.asarray(found.to_numpy(), dtype=np.int64)
