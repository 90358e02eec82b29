"""What a selection lacks, as a sentence of the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftft.cartography.left_out import LeftOut, left_out_in_words
from ftft.results.run import RunResult


def of_the_selection(runs: Sequence[RunResult]) -> Iterator[str]:
    """Which labels FTFT's selections all but leave out; of several seeds those that lack most.

    Args:
        runs: One a seed.
    """
    found = [
        [LeftOut(**one) for one in run.record.get("labels_left_out", ())]  # older ones say nothing
        for run in runs
    ]
    lacking = [one for one in found if one]
    if not lacking:
        return
    worst = max(lacking, key=lambda one: sum(each.expected - each.selected for each in one))
    several = len(runs) > 1
    first = f"In {len(lacking)} of {len(runs)} seeds the selection" if several else "The selection"
    yield (
        f"{first} all but leaves out {left_out_in_words(worst)}: "
        "selection.keep_label_proportions=true keeps each label's share."
    )
