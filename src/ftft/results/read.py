"""What a ``results.json`` says, as values that can be compared over runs."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft.errors import WorkspaceError

RESULTS_NAME = "results.json"
SUMMARY_NAME = "study.json"
_SCHEMA = 1


@dataclass(frozen=True)
class RunResult:
    """One method with one seed.

    Attributes:
        experiment: Name of the experiment.
        folder: The run folder.
        method: Its key in :data:`ftft.config.methods.METHODS`.
        seed: The seed.
        reference: Name of the reference; None where there was none.
        main: Name of the main model.
        strategy: Selection strategy; None where everything was trained on.
        fraction: Share of the training examples selected, in (0, 1].
        selected: Examples trained on.
        id_score: In-distribution score, the mean over its sets, in [0, 1]; higher is better.
        ood_score: Mean over the out-of-distribution sets; None where there are none.
        ood_scores: Score on each of them.
        flops: Total cost (reference, main model, evaluation) over ERM's, in operations; below 1
            is cheaper.
        seconds: The same in seconds.
        estimated: Whether ERM's cost was computed, ERM not having been run.
        record: The whole record of the run, as in ``results.json``.
        budget: The main model's budget, where a study varies it.
        selection: Name of the selection, where a study varies it; empty otherwise.
        curve: Steps of the main model and its development score at each scoring, oldest first:
            the mean over the out-of-distribution development sets, where there are none over
            the in-distribution ones.
        final: That score of the weights that were kept.
    """

    experiment: str
    folder: Path
    method: str
    seed: int
    reference: str | None
    main: str
    strategy: str | None
    fraction: float
    selected: int
    id_score: float
    ood_score: float | None
    ood_scores: Mapping[str, float]
    flops: float
    seconds: float
    estimated: bool
    record: Mapping[str, Any]
    budget: float | None = None
    selection: str = ""
    curve: tuple[tuple[int, float], ...] = ()
    final: float | None = None


@dataclass(frozen=True)
class RunFolder:
    """A finished run folder.

    Attributes:
        folder: Where it is.
        values: The whole content of ``results.json``.
        runs: Every method and seed, in the order of the file.
    """

    folder: Path
    values: Mapping[str, Any]
    runs: tuple[RunResult, ...]

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.values["experiment"])

    @property
    def metric(self) -> str:
        """``accuracy`` or ``macro_f1``."""
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


def read_run(folder: str | Path) -> RunFolder:
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
                f"{folder} does not exist; give the folder of a finished run."
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
        if values["schema"] != _SCHEMA:
            raise ValueError(f"schema {values['schema']!r} instead of {_SCHEMA}")
        return run_folder(values, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkspaceError(
            f"{path}: not the results of ftft run ({error!r}); give the same ftft run again, "
            "which writes them anew."
        ) from error


def run_folder(values: Mapping[str, Any], folder: Path) -> RunFolder:
    """The content of a ``results.json`` as a run folder's results.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: It is not what ``ftft run`` writes.
    """
    return RunFolder(folder, values, tuple(_run(values, one, folder) for one in values["runs"]))


def _run(values: Mapping[str, Any], record: Mapping[str, Any], folder: Path) -> RunResult:
    sets, metric, scores = values["data"]["sets"], values["metric"], record["scores"]
    role = "test" if sets["test"] else "dev"
    ood = {name: float(scores["test"][name][metric]) for name in sets["test_ood"]}
    relative = record["cost"]["relative_to_erm"]
    dev = tuple(sets["dev_ood"] or sets["dev"])
    return RunResult(
        experiment=values["experiment"],
        folder=folder,
        method=record["method"],
        seed=record["seed"],
        reference=record["reference"],
        main=record["main"],
        strategy=record["strategy"],
        fraction=record["fraction"],
        selected=record["selected"],
        id_score=statistics.fmean(float(scores[role][name][metric]) for name in sets[role]),
        ood_score=statistics.fmean(ood.values()) if ood else None,
        ood_scores=ood,
        flops=float(relative["flops"]),
        seconds=float(relative["seconds"]),
        estimated=bool(record["cost"]["erm_estimated"]),
        record=record,
        budget=record.get("budget"),
        selection=str(record.get("selection", "")),
        curve=tuple(
            (int(entry["step"]), statistics.fmean(entry[f"{name}_{metric}"] for name in dev))
            for entry in record["history"]
        ),
        final=statistics.fmean(float(scores["dev"][name][metric]) for name in dev),
    )
