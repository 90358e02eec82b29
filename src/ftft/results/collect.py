"""Every score and cost of an experiment, as ``results.json`` and as rows over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft.config.methods import METHODS, place_of
from ftft.config.schema import Experiment
from ftft.data.dataset import TaskData
from ftft.data.load import HOLDOUT_SEED
from ftft.evaluation.metrics import SetScores
from ftft.results.aggregate import Row, aggregate
from ftft.results.formatting import ratio, spread, table_title
from ftft.results.read import RESULTS_NAME, RunFolder, run_folder
from ftft.results.record import ErmCost, MethodRun, run_record
from ftft.utils import distributed
from ftft.utils.environment import environment
from ftft.utils.notebook import html_table
from ftft.workspace.stage_record import write_json

RESULTS_SCHEMA = 1


@dataclass(frozen=True)
class Results:
    """What an experiment found.

    Attributes:
        run: The content of ``results.json``, as values that can be compared.
        path: Where ``results.json`` is.
        report: Where ``report.html`` is; None before it was written.
    """

    run: RunFolder
    path: Path
    report: Path | None = None

    @property
    def values(self) -> Mapping[str, Any]:
        """The content of ``results.json``."""
        return self.run.values

    @property
    def rows(self) -> tuple[Row, ...]:
        """Methods over seeds with paired intervals, ERM first and FTFT last."""
        return aggregate(self.run.runs)

    def _repr_html_(self) -> str:
        """What a notebook shows: scores and costs by method."""
        sets = self.run.ood_sets
        headers = ["method", "seeds", f"ID ({', '.join(self.run.id_sets)})", *sets]
        headers += ["FLOPs / ERM", "seconds / ERM"]
        rows = [
            [
                METHODS[row.cell.method].title,
                str(len(row.seeds)),
                *(spread(score) for score in (row.id_score, *row.ood_scores.values())),
                ratio(row.flops),
                ratio(row.seconds, estimated=row.estimated),
            ]
            for row in self.rows
        ]
        return html_table(table_title(self.run.name, self.run.metric), headers, rows)


def collect(
    experiment: Experiment,
    data: TaskData,
    folder: Path,
    runs: Sequence[MethodRun],
    erm_costs: Mapping[int, ErmCost],
    scores: Sequence[dict[str, SetScores]],
) -> Results:
    """Put together and write ``results.json``.

    Args:
        experiment: What was done.
        data: The labelled data.
        folder: The run folder.
        runs: All runs.
        erm_costs: ERM's cost by seed.
        scores: The test scores of each run, in the same order.

    Returns:
        The results.
    """
    records = [
        run_record(run, erm_costs[run.seed], test) for run, test in zip(runs, scores, strict=True)
    ]
    values = results_values(experiment, data, records)
    path = folder / RESULTS_NAME
    if distributed.is_first():
        write_json(path, values)
    return Results(run_folder(values, path.parent), path)


def results_values(
    experiment: Experiment, data: TaskData, records: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The content of ``results.json``: what the runs have in common, and their records."""
    ordered = sorted(records, key=lambda record: (place_of(record["method"]), record["seed"]))
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
        "runs": ordered,
    }
