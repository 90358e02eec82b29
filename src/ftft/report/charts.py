"""What the charts of a page show, as plain values."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ftft.config.methods import METHODS
from ftft.results.aggregate import Row
from ftft.results.read import RunFolder, RunResult

PARTS = ("reference", "main", "evaluation")
UNITS = ("flops", "seconds")


def cost_and_scores(folders: Sequence[RunFolder], rows: Sequence[Row]) -> dict[str, Any]:
    """Cost against score: a point for each method and seed, and one for each mean.

    The score is that on out-of-distribution sets, or in distribution where a run has none.
    """
    seeds = [
        {
            "run": one.experiment,
            "method": METHODS[one.method].title,
            "seed": one.seed,
            "cost": one.flops,
            "score": one.id_score if one.ood_score is None else one.ood_score,
        }
        for folder in folders
        for one in folder.runs
    ]
    means = [_mean(row) for row in rows]
    return {"seeds": seeds, "means": means, "ood": [bool(one.ood_sets) for one in folders]}


def _mean(row: Row) -> dict[str, Any]:
    return {
        "run": row.cell.experiment,
        "method": METHODS[row.cell.method].title,
        "count": len(row.seeds),
        "cost": row.flops.mean,
        "score": row.score.mean,
        "low": row.score.low,
        "high": row.score.high,
    }


def learning_curves(run: RunFolder) -> list[dict[str, Any]]:
    """Development scores over cost, for each method and seed.

    The reference is paid for before the main model starts. Within a training, cost is taken to
    grow evenly with its steps.
    """
    sets = run.values["data"]["sets"]
    curves = []
    for one in run.runs:
        for role, names in (("ID", sets["dev"]), ("OOD", sets["dev_ood"])):
            if names:
                curves += _curve(one, role, list(names), run.metric)
    return curves


def _curve(one: RunResult, role: str, names: Sequence[str], metric: str) -> list[dict[str, Any]]:
    flops = one.record["cost"]["flops"]
    erm = flops["total"] / one.flops
    steps = one.record["steps"]
    rows = []
    for entry in one.record["history"]:
        done = entry["step"] / max(1, steps["main"])
        spent = flops["reference"] + done * (flops["main"] + flops["evaluation"])
        rows.append(
            {
                "method": METHODS[one.method].title,
                "seed": one.seed,
                "sets": role,
                "step": entry["step"],
                "kept": entry["step"] == steps["kept"],
                "cost": spent / erm,
                "score": statistics.fmean(entry[f"{name}_{metric}"] for name in names),
            }
        )
    return rows


def cost_parts(run: RunFolder) -> list[dict[str, Any]]:
    """What each method cost, mean over seeds, part by part, as a ratio to ERM's total."""
    rows = []
    for method, ones in _by_method(run).items():
        for unit in UNITS:
            for part in PARTS:
                share = statistics.fmean(_share(one, unit, part) for one in ones)
                rows.append(
                    {"method": METHODS[method].title, "unit": unit, "part": part, "share": share}
                )
    return rows


def _share(one: RunResult, unit: str, part: str) -> float:
    amounts: Mapping[str, float] = one.record["cost"][unit]
    total = amounts["total"]
    relative = one.record["cost"]["relative_to_erm"][unit]
    return float(amounts[part] / total * relative) if total else 0.0


def slice_scores(run: RunFolder) -> list[dict[str, Any]]:
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


def _by_method(run: RunFolder) -> dict[str, list[RunResult]]:
    methods: dict[str, list[RunResult]] = {}
    for method in METHODS:
        ones = [one for one in run.runs if one.method == method]
        if ones:
            methods[method] = ones
    return methods
