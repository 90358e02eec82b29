"""What of an experiment is logged while its models train, where ``report_to`` asks for it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from ftft.cartography.datamap import REGIONS, DataMap
from ftft.config.map import Map
from ftft.config.methods import METHODS
from ftft.data.dataset import LabelledDataset
from ftft.evaluation.training import Training
from ftft.experiment.stages import Stages
from ftft.training.loggers import Tracked
from ftft.transfer.preflight import BAD, DOUBTFUL, GOOD, preflight, signals_of
from ftft.transfer.stability import FollowedMap
from ftft.workspace.stage_record import read_record

LOGS = "logs"
"""Folder of a run folder with a folder for each training; no stage, so nothing depends on it."""

# What was spent before a training.
_PAID_BEFORE = {method.stages["main"]: method.charged for method in METHODS.values()}
_SELECTING = ("given", *(method.stages["main"] for method in METHODS.values() if method.selects))


def tracked(
    stages: Stages, name: str, seed: int, train: LabelledDataset, recorded: FollowedMap
) -> Tracked:
    """How one training is followed, and what is known before it.

    Args:
        stages: The experiment.
        name: The training, such as ``main``.
        seed: Its seed.
        train: What it trains on.
        recorded: Takes in what is recorded meanwhile.
    """
    experiment, folder, paid = stages.experiment, stages.workspace.folder, _PAID_BEFORE.get(name)
    selects, examples = name in _SELECTING, len(stages.data.train)
    return Tracked(
        name=_stage(stages, name, seed),
        project=experiment.name,
        logs=folder / LOGS,
        known=selection_figures(train, examples) if selects else {},
        spent_flops=0.0 if paid is None else _flops_of(folder, _stage(stages, paid, seed)),
        erm_flops=stages.erm_flops(seed),
        of_dynamics=lambda found: dynamics_figures(
            recorded.update(found.measured_by(experiment.map.measure)), experiment.map
        ),
    )


def selection_figures(train: LabelledDataset, examples: int) -> dict[str, float]:
    """How much was selected, and what share of it each label has.

    Args:
        train: The selected examples.
        examples: Size of the full training set.
    """
    counts = np.bincount(train.labels, minlength=len(train.class_names))
    figures = {
        "selection/examples": float(len(train)),
        "selection/share": len(train) / examples,
    }
    # Numbered: some services leave out of a name what they cannot store, and names would clash.
    return figures | {
        f"selection/label {code} {' '.join(name.split())[:40]}": float(count / len(train))
        for code, (name, count) in enumerate(zip(train.class_names, counts, strict=False))
    }


def dynamics_figures(recorded: FollowedMap, settings: Map) -> dict[str, float]:
    """A summary of the dynamics recorded so far, and of how well the reference will transfer.

    Args:
        recorded: What was recorded, at least one complete point; fewer give nothing.
        settings: How the data map is drawn.

    Returns:
        ``dynamics/…`` of the last point; with two points after burn-in also of the map, and the
        signals and verdict (0 bad, 1 doubtful, 2 good) of the preflight check as ``preflight/…``.
    """
    epochs = recorded.dynamics.epochs
    if not epochs:
        return {}
    last = recorded.values(epochs[-1])
    figures = {
        "dynamics/points": float(len(epochs)),
        "dynamics/last_accuracy": last.accuracy,
        "dynamics/last_probability": last.mean_probability,
    }
    if len(recorded.used) < 2:
        return figures
    datamap = DataMap.from_builder(recorded, **settings.drawing())
    for name in ("confidence", "variability", "correctness"):
        figures[f"dynamics/{name}"] = float(getattr(datamap, name).mean())
    for code, region in enumerate(REGIONS):
        figures[f"dynamics/share_{region}"] = float((datamap.region_code == code).mean())
    found = signals_of(recorded, settings.region_fraction)
    figures |= {
        f"preflight/{name}": float(value)
        for name, value in asdict(found).items()
        if value is not None and name not in ("examples", "points", "fraction", "left_out")
    }
    verdict = (BAD, DOUBTFUL, GOOD).index(preflight(found).verdict)
    return figures | {"preflight/verdict": float(verdict)}


def _stage(stages: Stages, name: str, seed: int) -> str:
    return f"{stages.stage_paths.get(name, name)}/seed-{seed}"


def _flops_of(run_folder: Path, stage: str) -> float:
    """What a finished training cost; 0 where there is none."""
    record = read_record(run_folder / stage, stage)
    if record is None or record["status"] != "finished":
        return 0.0
    return Training.from_dict(record["result"]).cost.total.flops
