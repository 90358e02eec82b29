"""Labels that a selection all but leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Of a label with few examples, few are selected by chance.
_SHARE, _FEW = 0.2, 10
_LONGEST, _MOST = 40, 4


@dataclass(frozen=True)
class LeftOut:
    """A label of which a selection has far fewer examples than a random one of its size.

    Attributes:
        label: Its name.
        selected: The selection's examples that have it.
        examples: All examples that have it.
        expected: How many a random selection would have, on average.
    """

    label: str
    selected: int
    examples: int
    expected: float

    @property
    def in_words(self) -> str:
        """Its name, and the three figures."""
        name = self.label if len(self.label) <= _LONGEST else self.label[:_LONGEST] + "…"
        return (
            f"{name!r} ({self.selected:,} of its {self.examples:,} examples; a random selection "
            f"would have about {self.expected:,.0f})"
        )


def labels_left_out(
    names: Sequence[str], labels: npt.NDArray[Any], chosen: npt.NDArray[Any]
) -> tuple[LeftOut, ...]:
    """The labels that a selection all but leaves out: less than a fifth of a random one's.

    Args:
        names: The C labels.
        labels: (N,) the label of each example, an index into ``names``.
        chosen: The rows that are selected.
    """
    every = np.bincount(labels, minlength=len(names))
    inside = np.bincount(labels[chosen], minlength=len(names))
    share = len(chosen) / len(labels)
    return tuple(
        LeftOut(name, int(after), int(before), float(before * share))
        for name, before, after in zip(names, every, inside, strict=True)
        if before * share >= _FEW and after < _SHARE * before * share
    )


def left_out_in_words(found: Sequence[LeftOut]) -> str:
    """Name labels that are left out, and say how many more there are."""
    more = f", and {len(found) - _MOST:,} more labels" if len(found) > _MOST else ""
    return ", ".join(one.in_words for one in found[:_MOST]) + more
