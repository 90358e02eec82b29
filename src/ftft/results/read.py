"""What a ``results.json`` says, as values that can be compared over runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from ftft.errors import WorkspaceError
from ftft.results.aggregate import Row, aggregate
from ftft.results.floor import floor_of
from ftft.results.formatting import metric_name
from ftft.results.run import RunResult, run_result
from ftft.results.tables import several_seeds, summary_table
from ftft.results.verdict import verdicts
from ftft.utils.names import names_apart
from ftft.utils.nearest import nearest_beside
from ftft.utils.notebook import html_table
from ftft.workspace.layout import RESULTS_NAME, SUMMARY_NAME

RESULTS_SCHEMA = 1


@dataclass(frozen=True)
class Results:
    """What an experiment found.

    Attributes:
        folder: The run folder.
        values: The whole content of its ``results.json``.
        runs: Every method and seed, in the order of the file.
        report: Where ``report.html`` is; None where it was not written with them.
    """

    folder: Path
    values: Mapping[str, Any]
    runs: tuple[RunResult, ...]
    report: Path | None = None

    @property
    def path(self) -> Path:
        """Where ``results.json`` is."""
        return self.folder / RESULTS_NAME

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.values["experiment"])

    @property
    def metric(self) -> str:
        """The metric that was asked for, by its key."""
        return str(self.values["metric"])

    @property
    def id_sets(self) -> tuple[str, ...]:
        """The sets behind the in-distribution score: tests, else development sets."""
        sets = self.values["data"]["sets"]
        return tuple(sets["test"] or sets["dev"])

    @property
    def ood_sets(self) -> tuple[str, ...]:
        """The out-of-distribution test sets."""
        return tuple(self.values["data"]["sets"]["test_ood"])

    @property
    def rows(self) -> tuple[Row, ...]:
        """Methods over seeds with paired intervals, ERM first and FTFT last."""
        return aggregate(self.runs)

    @property
    def title(self) -> str:
        """What stands above a table of its rows."""
        spread = ", mean ± standard deviation" if several_seeds(self.rows) else ""
        return f"{self.name}: {metric_name(self.metric)}{spread} in %"

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, and scores and costs by method."""
        table = summary_table(self.rows, floor_of(self.values))
        found = "".join(f"<p>{escape(one.sentence)}</p>" for one in verdicts(self))
        return html_table(self.title, table.headers, table.lines) + found

    def renamed(self, name: str) -> Results:
        """The same under another name."""
        runs = tuple(replace(run, experiment=name) for run in self.runs)
        return replace(self, values={**self.values, "experiment": name}, runs=runs)


def read_run(folder: str | Path) -> Results:
    """Read the results of a finished run.

    Args:
        folder: The run folder.

    Raises:
        WorkspaceError: It holds no results, or they are not what ``ftft run`` writes.
    """
    folder = Path(folder)
    path = folder / RESULTS_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if (folder / SUMMARY_NAME).is_file():
            raise WorkspaceError(
                f"{folder}: this is the folder of a study, not of a run; its tables are study.md, "
                "study.tex and study.csv in it, and ftft study FILE --summarise writes them anew."
            ) from error
        if not os.path.exists(folder):
            raise WorkspaceError(
                f"{folder} does not exist.{nearest_beside(folder)} Give the folder of a finished "
                "run."
            ) from error
        raise WorkspaceError(
            f"{path}: there are no results here; give the folder of a finished run, or finish it "
            "with the ftft run that made it."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise WorkspaceError(
            f"{path}: cannot be read as results ({error}); give the same ftft run again, which "
            "writes them anew."
        ) from error
    try:
        if values["schema"] != RESULTS_SCHEMA:
            raise ValueError(f"schema {values['schema']!r} instead of {RESULTS_SCHEMA}")
        return results_of(values, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkspaceError(
            f"{path}: not the results of ftft run ({error!r}); give the same ftft run again, "
            "which writes them anew."
        ) from error


def results_of(values: Mapping[str, Any], folder: Path) -> Results:
    """The content of a ``results.json`` as results.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: It is not what ``ftft run`` writes.
    """
    return Results(folder, values, tuple(run_result(values, one, folder) for one in values["runs"]))


def distinct_names(folders: Sequence[Results]) -> list[Results]:
    """Results whose names differ: those of their folders where experiments are called the same."""
    names = [one.name for one in folders]
    if len(set(names)) == len(names):
        return list(folders)
    names = names_apart([one.folder for one in folders])
    return [one.renamed(name) for one, name in zip(folders, names, strict=True)]
