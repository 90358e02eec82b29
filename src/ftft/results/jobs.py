"""How many trainings shared a machine, which their seconds depend on."""

from __future__ import annotations

from collections.abc import Iterable


def most_jobs(found: Iterable[int | None]) -> int | None:
    """The most of several; None where one is not known."""
    most = 1
    for jobs in found:
        if jobs is None:
            return None
        most = max(most, jobs)
    return most


def side_by_side(jobs: int | None) -> str:
    """What kind of trainings seconds are of; empty where each had its machine to itself."""
    if jobs is None:
        return "trainings of which it is not known whether others shared their machine"
    return f"trainings that ran side by side, up to {jobs}" if jobs > 1 else ""
