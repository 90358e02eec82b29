"""Where early stopping ended the trainings of a run, method by method."""

from __future__ import annotations

from collections.abc import Sequence

from ftft.config.methods import METHODS
from ftft.results.run import RunResult


def stopping_in_words(runs: Sequence[RunResult]) -> str:
    """Say of each method whether its main model might stop early, and where it did.

    Args:
        runs: Runs of one folder.

    Returns:
        One sentence; empty where the file, of an earlier version, does not say it.
    """
    known = [run for run in runs if "most" in run.record["steps"]]
    by_method: dict[str, list[RunResult]] = {}
    for run in known:
        by_method.setdefault(run.method, []).append(run)
    said = [f"{METHODS[method].title}: {_of(found)}" for method, found in by_method.items()]
    return f"Early stopping: {'; '.join(said)}." if said else ""


def _of(runs: Sequence[RunResult]) -> str:
    patience = {run.record["steps"]["patience"] for run in runs} - {None}
    if not patience:
        return "none"
    steps = [run.record["steps"] for run in runs]
    stopped = sorted(one["main"] for one in steps if one["main"] < one["most"])
    if not stopped:
        return f"took all steps (patience {', '.join(map(str, sorted(patience)))})"
    where = f"{stopped[0]:,}" if stopped[0] == stopped[-1] else f"{stopped[0]:,} to {stopped[-1]:,}"
    lengths = sorted({one["most"] for one in steps})
    most = f"{lengths[0]:,}" if len(lengths) == 1 else f"{lengths[0]:,} to {lengths[-1]:,}"
    share = f", in {len(stopped)} of {len(runs)} runs" if len(runs) > 1 else ""
    return f"after {where} of at most {most} steps{share}"
