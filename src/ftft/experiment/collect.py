"""From stages and data to the plain values that results are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft.config.schema import Experiment
from ftft.data.dataset import TaskData
from ftft.data.load import HOLDOUT_SEED
from ftft.results import record
from ftft.results.read import Results
from ftft.results.record import MethodRun
from ftft.tasks import TASKS
from ftft.workspace.workspace import Stage

_ROLES = ("dev", "dev_ood", "test", "test_ood")


@dataclass(frozen=True, kw_only=True)
class StagedRun(MethodRun):
    """One method with one seed, and the stage that trained its main model.

    Attributes:
        trained: The stage.
    """

    trained: Stage


def collect(
    experiment: Experiment, data: TaskData, folder: Path, records: Sequence[dict[str, Any]]
) -> Results:
    """Write the ``results.json`` of an experiment; see :func:`ftft.results.record.collect`."""
    about = {
        "fingerprint": data.fingerprint,
        "train_examples": len(data.train),
        "holdout_seed": None if experiment.data.dev else HOLDOUT_SEED,
        "classes": list(data.class_names),
        "sets": {
            role: {name: len(dataset) for name, dataset in getattr(data, role).items()}
            for role in _ROLES
        },
        "floors": {
            name: floor
            for role in _ROLES
            for name, dataset in getattr(data, role).items()
            if (floor := TASKS[dataset.task].floor([dataset])) is not None
        },
    }
    return record.collect(folder, experiment.name, experiment.metric, about, records)
