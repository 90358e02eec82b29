"""What the charts of a page show, as plain values."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ftft.config.methods import METHODS
from ftft.results.aggregate import Row
from ftft.results.read import Results
from ftft.results.run import Cell, RunResult

PARTS = ("reference", "main", "evaluation")
UNITS = ("flops", "seconds")


def cost_and_scores(folders: Sequence[Results], rows: Sequence[Row]) -> dict[str, Any]:
    """Cost against score: a point for each method and seed, and one for each mean.

    The score is that on out-of-distribution sets, or in distribution where a run has none.
    """
    seeds = [
        {"seed": one.seed, "cost": one.flops, "score": one.score} | _whose(one)
        for folder in folders
        for one in folder.runs
    ]
    means = [
        {"count": len(row.seeds), "cost": row.flops.mean, "score": row.score.mean}
        | {"low": row.score.low, "high": row.score.high}
        | _whose(row.cell)
        for row in rows
    ]
    return {"seeds": seeds, "means": means, "ood": [bool(one.ood_sets) for one in folders]}


def _whose(cell: Cell) -> dict[str, str]:
    return {"run": cell.experiment, "method": METHODS[cell.method].title}


def learning_curves(run: Results) -> list[dict[str, Any]]:
    """Development scores over cost, for each method and seed.

    The reference is paid for before the main model starts. Within a training, cost is taken to
    grow evenly with its steps.
    """
    sets = run.values["data"]["sets"]
    return [
        {"method": METHODS[one.method].title, "seed": one.seed, "sets": role, **asdict(scoring)}
        for one in run.runs
        for role, names in (("ID", sets["dev"]), ("OOD", sets["dev_ood"]))
        if names
        for scoring in one.learning(list(names), run.metric)
    ]


def cost_parts(run: Results) -> list[dict[str, Any]]:
    """What each method cost, mean over seeds, part by part, as a ratio to ERM's total."""
    return [
        {"method": METHODS[method].title, "unit": unit, "part": part}
        | {"share": statistics.fmean(one.cost_share(part, unit) for one in ones)}
        for method, ones in _by_method(run).items()
        for unit in UNITS
        for part in PARTS
    ]


def slice_scores(run: Results) -> list[dict[str, Any]]:
    """Scores by slice of the test sets, mean over seeds.

    Returns:
        A row for each set, slice column and value: ``set``, ``column``, ``value``,
        ``examples`` and ``scores`` (method to score).
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for method, ones in _by_method(run).items():
        for one in ones:
            for name, columns in one.record.get("slices", {}).items():
                for column, values in columns.items():
                    for value, metrics in values.items():
                        row = rows.setdefault(
                            (name, column, value),
                            {"set": name, "column": column, "value": value}
                            | {"examples": int(metrics["examples"]), "scores": {}},
                        )
                        row["scores"].setdefault(METHODS[method].title, []).append(
                            metrics[run.metric]
                        )
    for row in rows.values():
        row["scores"] = {name: statistics.fmean(found) for name, found in row["scores"].items()}
    return list(rows.values())


def _by_method(run: Results) -> dict[str, list[RunResult]]:
    ones = {method: [one for one in run.runs if one.method == method] for method in METHODS}
    return {method: found for method, found in ones.items() if found}
