"""Dividing an exact number of examples among labels, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ftft.errors import DynamicsError


def quotas(weights: Sequence[int], capacities: Sequence[int], total: int) -> list[int]:
    """Divide ``total`` in proportion to weights, by the method of largest remainders.

    Where a group has fewer members than its share, it gives all of them and the others
    divide the rest in the same way. Equal remainders go to the earlier group. Everything
    is computed in integers, so the result is exact and the same everywhere.

    Args:
        weights: G non-negative weights.
        capacities: G non-negative numbers of members.
        total: What to divide.

    Returns:
        G numbers with the sum ``total``, each at most its capacity.

    Raises:
        DynamicsError: The groups with a weight have fewer than ``total`` members.
    """
    open_groups = [group for group, weight in enumerate(weights) if weight > 0]
    available = sum(capacities[group] for group in open_groups)
    if total > available:
        raise DynamicsError(
            f"{total} examples are to be selected, but only {available} can be. Lower the "
            "fraction, or exclude fewer examples."
        )
    result = [0] * len(weights)
    while open_groups:
        whole = sum(weights[group] for group in open_groups)
        full = [g for g in open_groups if total * weights[g] >= capacities[g] * whole]
        if not full:
            break
        for group in full:
            result[group] = capacities[group]
        total -= sum(capacities[group] for group in full)
        open_groups = [group for group in open_groups if group not in full]
    for group, share in zip(open_groups, _remainders(weights, open_groups, total), strict=True):
        result[group] = share
    return result


def _remainders(weights: Sequence[int], groups: Sequence[int], total: int) -> list[int]:
    whole = sum(weights[group] for group in groups)
    parts = [divmod(total * weights[group], whole) for group in groups]
    shares = [part for part, _ in parts]
    by_remainder = sorted(range(len(groups)), key=lambda i: -parts[i][1])
    for position in by_remainder[: total - sum(shares)]:
        shares[position] += 1
    return shares
