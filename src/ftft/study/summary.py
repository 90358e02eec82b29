"""What a study found, read from its folder: for ``study.json`` and for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ftft.config.load import read_yaml
from ftft.config.methods import REFERENCE
from ftft.config.study import Study
from ftft.results.aggregate import Row, aggregate
from ftft.results.intervals import LEVEL
from ftft.results.read import Results, read_run
from ftft.results.run import Cell, RunResult, cell_of
from ftft.results.verdict import verdicts
from ftft.study.grid import Task, cell_of_task, tasks
from ftft.workspace.layout import RESULTS_NAME, STUDY_NAME, SUMMARY_NAME
from ftft.workspace.stage_record import write_json

_SCHEMA = 2

# What changes no result, and what every result says of itself, so that others are left out.
_TOLD_APART = (
    *("name", "output", "resources", "baselines"),
    *("grid.seeds", "grid.strategies", "grid.fractions"),
)


@dataclass(frozen=True)
class Summary:
    """What a study found so far.

    Attributes:
        folder: The study folder.
        runs: The results of each data set that has any.
    """

    folder: Path
    runs: tuple[Results, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """A row for each cell that has any results, over its seeds."""
        return aggregate([run for one in self.runs for run in one.runs])


def read_summary(folder: Path, study: Study) -> Summary:
    """Read what is finished of a study; nothing is run.

    Args:
        folder: The study folder.
        study: The study; results that are of none of its tasks are left out.

    Raises:
        WorkspaceError: Results cannot be read.
    """
    wanted = {_key(study, task) for task in tasks(study) if task.method != REFERENCE}
    places = [folder / name for name in study.data]
    read = [read_run(place) for place in places if (place / RESULTS_NAME).exists()]
    runs = [
        replace(one, runs=tuple(run for run in one.runs if _key_of(run) in wanted)) for one in read
    ]
    return Summary(folder, tuple(one for one in runs if one.runs))


def other_settings(study: Study, folder: Path) -> list[str]:
    """Keys of a study file that differ from what the results in a study folder were asked with.

    Args:
        study: The study as it is asked for now.
        folder: The study folder, with the ``study.yaml`` of its last run.

    Returns:
        The keys, such as ``grid.budgets``; none for what changes no result, or only which
        results there are. Changes inside the files that a study file names are not seen.

    Raises:
        ConfigError: ``study.yaml`` cannot be read.
    """
    before = _by_key(read_yaml(folder / STUDY_NAME, "study file", "name, base and grid"))
    now = _by_key(study.asked)
    keys = [key for key in {**now, **before} if key not in _TOLD_APART]
    return [key for key in keys if before.get(key) != now.get(key)]


def _by_key(asked: Mapping[str, Any]) -> dict[str, Any]:
    grid = asked.get("grid") or {}
    named = {f"grid.{key}": value for key, value in grid.items()}
    return {key: value for key, value in asked.items() if key != "grid"} | named


def missing(study: Study, found: Sequence[Task], summary: Summary) -> list[str]:
    """Ids of the trainings of main models that no results are there of.

    Args:
        study: The study.
        found: Its tasks.
        summary: What is finished.
    """
    there = {_key_of(run) for one in summary.runs for run in one.runs}
    return [
        task.id for task in found if task.method != REFERENCE and _key(study, task) not in there
    ]


def _key_of(run: RunResult) -> tuple[Cell, int]:
    return cell_of(run), run.seed


def _key(study: Study, task: Task) -> tuple[Cell, int]:
    return cell_of_task(study, task), task.seed


def write_summary(summary: Summary, name: str, total: int, unfinished: Mapping[str, str]) -> Path:
    """Write ``study.json``.

    Args:
        summary: What was found.
        name: The study's name.
        total: How many tasks the study has.
        unfinished: Id of each task that is not finished to why.

    Returns:
        The file.

    Raises:
        WorkspaceError: It cannot be written.
    """
    path = summary.folder / SUMMARY_NAME
    values = {
        "schema": _SCHEMA,
        "study": name,
        "level": LEVEL,
        "tasks": total,
        "unfinished": dict(unfinished),
        "data": {run.name: {**run.values["data"], "metric": run.metric} for run in summary.runs},
        "verdicts": {one.name: one.sentence for run in summary.runs for one in verdicts(run)},
        "rows": [asdict(row) for row in summary.rows],
    }
    write_json(path, values)
    return path
