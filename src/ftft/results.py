"""Every score and cost of an experiment, as ``results.json`` and as a summary."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft import processes
from ftft.config.schema import Experiment
from ftft.data.load import HOLDOUT_SEED
from ftft.data.task import TaskData
from ftft.environment import environment
from ftft.evaluation.metrics import SetScores
from ftft.methods import ErmYardstick, MethodRun, run_record
from ftft.naming import METHOD_NAMES
from ftft.notebook import html_table
from ftft.records import write_json
from ftft.stages import Stages

RESULTS_SCHEMA = 1


@dataclass(frozen=True)
class Spread:
    """A figure over seeds: mean and sample standard deviation (0 for one seed)."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return cls(statistics.fmean(values), deviation, len(values))


@dataclass(frozen=True)
class MethodSummary:
    """One method over all seeds.

    Attributes:
        method: Its key, such as ``ftft``.
        name: Its name for a table.
        seeds: Number of seeds.
        id_score: In-distribution score, in [0, 1], higher is better.
        ood_scores: Score on each out-of-distribution test set, likewise.
        cost_flops: Total cost over ERM's, in operations; below 1 is cheaper than ERM.
        cost_seconds: The same in seconds.
        cost_estimated: True where ERM was not run, so that its cost is computed.
    """

    method: str
    name: str
    seeds: int
    id_score: Spread
    ood_scores: dict[str, Spread]
    cost_flops: Spread
    cost_seconds: Spread
    cost_estimated: bool

    @property
    def ood_mean(self) -> float | None:
        """Mean over the out-of-distribution sets; None where there are none."""
        means = [spread.mean for spread in self.ood_scores.values()]
        return statistics.fmean(means) if means else None


@dataclass(frozen=True)
class Results:
    """What an experiment found.

    Attributes:
        values: The content of ``results.json``.
        summaries: Methods over seeds, ERM first and FTFT last.
        id_sets: The sets behind the in-distribution score: test sets, or development sets
            where there is no in-distribution test set.
        path: Where ``results.json`` is.
        report: Where ``report.html`` is; None before it was written.
    """

    values: dict[str, Any]
    summaries: tuple[MethodSummary, ...]
    id_sets: tuple[str, ...]
    path: Path
    report: Path | None = None

    def _repr_html_(self) -> str:
        """What a notebook shows: scores and costs by method."""
        sets = list(self.summaries[0].ood_scores) if self.summaries else []
        headers = ["method", "seeds", f"ID ({', '.join(self.id_sets)})", *sets]
        headers += ["FLOPs / ERM", "seconds / ERM"]
        rows = [
            [
                one.name,
                str(one.seeds),
                *(_percent(score) for score in (one.id_score, *one.ood_scores.values())),
                f"{one.cost_flops.mean:.2f}",
                f"{'~' if one.cost_estimated else ''}{one.cost_seconds.mean:.2f}",
            ]
            for one in self.summaries
        ]
        metric = str(self.values["metric"]).replace("_", "-")
        title = f"{self.values['experiment']}: {metric}, mean ± standard deviation in %"
        return html_table(title, headers, rows)


def _percent(spread: Spread) -> str:
    deviation = f" ± {spread.deviation * 100:.1f}" if spread.count > 1 else ""
    return f"{spread.mean * 100:.1f}{deviation}"


def collect(
    stages: Stages,
    runs: Sequence[MethodRun],
    yardsticks: Mapping[int, ErmYardstick],
    scores: Sequence[dict[str, SetScores]],
) -> Results:
    """Put together and write ``results.json``.

    Args:
        stages: The experiment's stages.
        runs: All runs.
        yardsticks: ERM's cost by seed.
        scores: The test scores of each run, in the same order.

    Returns:
        The results.
    """
    order = list(METHOD_NAMES)
    records = [
        run_record(run, yardsticks[run.seed], test) for run, test in zip(runs, scores, strict=True)
    ]
    records.sort(key=lambda record: (order.index(record["method"]), record["seed"]))
    data, experiment = stages.data, stages.experiment
    id_sets = tuple(data.test or data.dev)
    values = results_values(experiment, data, records)
    path = stages.workspace.folder / "results.json"
    if processes.is_first():
        write_json(path, values)
    ood_sets = tuple(data.test_ood)
    methods = [method for method in order if any(r["method"] == method for r in records)]
    summaries = tuple(
        _summarise(
            method,
            [r for r in records if r["method"] == method],
            experiment.metric,
            id_sets,
            "test" if data.test else "dev",
            ood_sets,
        )
        for method in methods
    )
    return Results(values, summaries, id_sets, path)


def results_values(
    experiment: Experiment, data: TaskData, records: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The content of ``results.json``: what the runs have in common, and their records."""
    return {
        "schema": RESULTS_SCHEMA,
        "experiment": experiment.name,
        "metric": experiment.metric,
        "data": {
            "fingerprint": data.fingerprint,
            "train_examples": len(data.train),
            "holdout_seed": None if experiment.data.dev else HOLDOUT_SEED,
            "classes": list(data.class_names),
            "sets": {
                role: {name: len(dataset) for name, dataset in getattr(data, role).items()}
                for role in ("dev", "dev_ood", "test", "test_ood")
            },
        },
        "environment": environment(),
        "runs": list(records),
    }


def _summarise(
    method: str,
    records: Sequence[dict[str, Any]],
    metric: str,
    id_sets: tuple[str, ...],
    id_role: str,
    ood_sets: tuple[str, ...],
) -> MethodSummary:
    def over_seeds(role: str, name: str) -> list[float]:
        return [record["scores"][role][name][metric] for record in records]

    by_seed = zip(*(over_seeds(id_role, name) for name in id_sets), strict=True)
    relative = [record["cost"]["relative_to_erm"] for record in records]
    return MethodSummary(
        method=method,
        name=METHOD_NAMES[method],
        seeds=len(records),
        id_score=Spread.of([statistics.fmean(values) for values in by_seed]),
        ood_scores={name: Spread.of(over_seeds("test", name)) for name in ood_sets},
        cost_flops=Spread.of([ratio["flops"] for ratio in relative]),
        cost_seconds=Spread.of([ratio["seconds"] for ratio in relative]),
        cost_estimated=any(record["cost"]["erm_estimated"] for record in records),
    )
