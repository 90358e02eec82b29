"""What a model scores that always gives the same answer: what any other has to beat."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TITLE = "always the most frequent class"
SAME_ANSWER = "always giving the same answer"
"""In sentences; of multiple choice that is a position, and guessing may be better."""


@dataclass(frozen=True)
class Floor:
    """Accuracy that needs no learning.

    Attributes:
        id: In distribution, the mean over the sets behind the ID score.
        ood: Out-of-distribution test set to accuracy.
    """

    id: float
    ood: Mapping[str, float]

    @property
    def main(self) -> float:
        """Out of distribution, where there are such sets."""
        return statistics.fmean(self.ood.values()) if self.ood else self.id


def dev_floor(values: Mapping[str, Any]) -> float | None:
    """The floor of the development score that curves show; None as in :func:`floor_of`.

    Args:
        values: The content of its ``results.json``.
    """
    known, sets = values["data"].get("floors", {}), values["data"]["sets"]
    floors = [known.get(name) for name in sets["dev_ood"] or sets["dev"]]
    if values["metric"] != "accuracy" or None in floors or not floors:
        return None
    return statistics.fmean(floors)


def floor_of(values: Mapping[str, Any]) -> Floor | None:
    """The floor of a run; None where its metric is no accuracy, or its file is older.

    Args:
        values: The content of its ``results.json``.
    """
    known, sets = values["data"].get("floors", {}), values["data"]["sets"]
    of_id = [known.get(name) for name in sets["test"] or sets["dev"]]
    ood = {name: known.get(name) for name in sets["test_ood"]}
    if values["metric"] != "accuracy" or None in of_id or None in ood.values() or not of_id:
        return None
    return Floor(statistics.fmean(of_id), ood)
