"""What of an experiment is logged while its models train, where ``report_to`` asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from ftft.cartography.burn_in import points_left_out
from ftft.cartography.datamap import REGIONS, DataMap
from ftft.config.map import Map
from ftft.config.methods import METHODS
from ftft.config.schema import Experiment
from ftft.data.dataset import LabelledDataset
from ftft.dynamics.container import TrainingDynamics
from ftft.training.loggers import Tracked
from ftft.transfer.preflight import BAD, DOUBTFUL, GOOD, preflight, signals
from ftft.workspace.stage_record import read_record

LOGS = "logs"
"""Folder of a run folder with a folder for each training; no stage, so nothing depends on it."""

# Whose dynamics a training was selected by, and so what was spent before it.
_PAID_BEFORE = {
    method.stages["main"]: method.stages["reference"]
    for method in METHODS.values()
    if method.records
}
_SELECTING = ("given", *(method.stages["main"] for method in METHODS.values() if method.selects))


def tracked(
    experiment: Experiment,
    run_folder: Path,
    name: str,
    seed: int,
    train: LabelledDataset,
    examples: int,
    erm_flops: float,
    stage_paths: Mapping[str, str],
) -> Tracked:
    """How one training is followed, and what is known before it.

    Args:
        experiment: The experiment.
        run_folder: The run folder.
        name: The training, such as ``main``.
        seed: Its seed.
        train: What it trains on.
        examples: Size of the full training set.
        erm_flops: What ERM costs with this seed.
        stage_paths: Where trainings are below the run folder, as far as it is not their names.
    """
    paid = _PAID_BEFORE.get(name)
    return Tracked(
        name=_stage(name, seed, stage_paths),
        project=experiment.name,
        logs=run_folder / LOGS,
        known=selection_figures(train, examples) if name in _SELECTING else {},
        spent_flops=0.0 if paid is None else _flops_of(run_folder, _stage(paid, seed, stage_paths)),
        erm_flops=erm_flops,
        of_dynamics=partial(dynamics_figures, settings=experiment.map),
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


def dynamics_figures(dynamics: TrainingDynamics, settings: Map) -> dict[str, float]:
    """A summary of the dynamics recorded so far, and of how well the reference will transfer.

    Args:
        dynamics: At least one complete recording point; fewer give nothing.
        settings: How the data map is drawn.

    Returns:
        ``dynamics/…`` of the last point; with two points after burn-in also of the map, and the
        signals and verdict (0 bad, 1 doubtful, 2 good) of the preflight check as ``preflight/…``.
    """
    if not dynamics.epochs:
        return {}
    dynamics = dynamics.measured_by(settings.measure)
    last = dynamics.point_values(dynamics.epochs[-1])
    figures = {
        "dynamics/points": float(len(dynamics.epochs)),
        "dynamics/last_accuracy": last.accuracy,
        "dynamics/last_probability": float(last.probability[last.present].mean()),
    }
    if len(dynamics.epochs) < points_left_out(dynamics, settings.burn_in) + 2:
        return figures
    datamap = DataMap.from_dynamics(dynamics, **settings.drawing())
    for name in ("confidence", "variability", "correctness"):
        figures[f"dynamics/{name}"] = float(getattr(datamap, name).mean())
    for code, region in enumerate(REGIONS):
        figures[f"dynamics/share_{region}"] = float((datamap.region_code == code).mean())
    found = signals(dynamics, settings.region_fraction, settings.burn_in)
    figures |= {
        f"preflight/{name}": float(value)
        for name, value in asdict(found).items()
        if value is not None and name not in ("examples", "points", "fraction")
    }
    verdict = (BAD, DOUBTFUL, GOOD).index(preflight(found).verdict)
    return figures | {"preflight/verdict": float(verdict)}


def _stage(name: str, seed: int, stage_paths: Mapping[str, str]) -> str:
    return f"{stage_paths.get(name, name)}/seed-{seed}"


def _flops_of(run_folder: Path, stage: str) -> float:
    """What a finished training cost; 0 where there is none."""
    record = read_record(run_folder / stage, stage)
    if record is None or record["status"] != "finished":
        return 0.0
    cost = record["result"]["cost"]
    return float(cost["training"]["flops"] + cost["evaluation"]["flops"])
