"""What a selection may be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ftft.cartography.datamap import DataMap
from ftft.errors import DynamicsError
from ftft.selection.names import CLUSTERS, SCORED, STRATEGIES
from ftft.utils.nearest import nearest
from ftft.utils.plural import as_share


def check_labels(datamap: DataMap, option: str) -> None:
    """Refuse to go by labels where all are one."""
    if len(np.unique(datamap.labels)) == 1:
        name = datamap.group_names[datamap.labels[0]]
        raise DynamicsError(
            f"All {len(datamap)} examples of the map have the label {name!r}, as in a map that is "
            f"of a task without classes or was imported from coordinates without labels, so "
            f"{option} has no effect. Import the map with its labels, or leave the option out."
        )


def check(strategy: str, seed: int, shares: Mapping[str, float]) -> None:
    """Check a strategy's name, its seed and shares.

    Raises:
        DynamicsError: One of them is not as it should be.
    """
    if strategy not in STRATEGIES:
        raise DynamicsError(
            f"There is no selection strategy {strategy!r}.{nearest(str(strategy), STRATEGIES)} Use "
            f"one of: {', '.join(STRATEGIES)}."
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise DynamicsError(f"The seed of a selection is {seed!r}; it must be an integer.")
    if seed < 0 and strategy == CLUSTERS:
        raise DynamicsError(f"The seed of {CLUSTERS} is {seed}; it must be at least 0.")
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            raise DynamicsError(f"{name} is {share!r}; it must be from 0 to 1.{as_share(share)}")
    if shares["other_end"] and strategy not in SCORED:
        raise DynamicsError(
            f"The strategy {strategy} has no other end that other_end could take examples from. "
            f"Leave it out, or use one of: {', '.join(SCORED)}."
        )


def check_exclusion(share: float) -> None:
    """Check the share of likely label errors that are left out.

    Raises:
        DynamicsError: It is no share below 1.
    """
    if not 0.0 <= share < 1.0:
        raise DynamicsError(
            f"exclude_label_errors is {share!r}; it must be at least 0 and below 1."
        )


def check_one_balance(proportions: bool, labels: bool, balance_by: str | None) -> None:
    """Refuse two ways to balance at once."""
    if proportions + labels + (balance_by is not None) > 1:
        raise DynamicsError(
            "keep_label_proportions, balance_labels and balance_by exclude each other. Set one of "
            "them."
        )


def check_balance(
    datamap: DataMap,
    proportions: bool,
    labels: bool,
    balance_by: str | None,
    groups: Sequence[str] | None,
) -> None:
    """Refuse two ways to balance at once, and groups that are not those of the map."""
    check_one_balance(proportions, labels, balance_by)
    if (balance_by is None) != (groups is None):
        raise DynamicsError("balance_by and groups belong together: give the name and the groups.")
    if groups is not None and len(groups) != len(datamap):
        raise DynamicsError(
            f"There are {len(groups)} groups by {balance_by} for the {len(datamap)} examples of "
            "the map. Give each example its group, in the order of the map."
        )
