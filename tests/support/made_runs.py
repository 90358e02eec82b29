"""Finished runs made by hand: results.json, maps and selections, no training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ftft.cartography.datamap import DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.results.read import RunFolder, read_run
from ftft.selection.strategies import select

BASE = {"erm": (0.90, 0.60), "random": (0.86, 0.55), "dm": (0.89, 0.61), "ftft": (0.88, 0.63)}
COST = {"erm": 1.0, "random": 0.25, "dm": 2.0, "ftft": 0.5}


def dynamics(seed: int = 0, examples: int = 300, classes: tuple[str, ...] = ("no", "yes")) -> Any:
    """Dynamics of some easy, some hard and some swinging examples."""
    chance = np.random.default_rng(seed)
    labels = np.arange(examples) % len(classes)
    # The examples are the same for every seed; only the noise is the seed's.
    hardness = np.random.default_rng(7).beta(1.2, 2.5, examples) * 3
    logits = chance.normal(size=(5, examples, len(classes))) * 0.4
    for epoch in range(5):
        logits[epoch, np.arange(examples), labels] += 1.6 * (epoch + 1) - 2.2 * hardness
    ids = [f"t{row}" for row in range(examples)]
    return TrainingDynamics.from_arrays(logits, labels, ids, class_names=classes)


def make_map(seed: int = 0, **given: Any) -> DataMap:
    """A map of such dynamics."""
    return DataMap.from_dynamics(dynamics(seed, **given), burn_in=0)


def record(
    method: str, seed: int, sets: tuple[str, ...] = ("ood1", "ood2"), **changes: Any
) -> dict[str, Any]:
    """One entry of results.json's runs."""
    id_score, ood_score = BASE[method]
    chance = np.random.default_rng([seed, list(BASE).index(method), 1])

    def scored(value: float) -> dict[str, float]:
        noisy = float(np.clip(value + chance.normal() * 0.03, 0, 1))
        return {"accuracy": noisy, "macro_f1": noisy - 0.01, "examples": 100}

    selects = method not in ("erm", "erm_es")
    steps = {"erm": 120, "dm": 120}.get(method, 40)
    history = [
        {"step": step, "dev_accuracy": value, "dev_ood_accuracy": value - 0.2, "watched": value}
        | {"dev_macro_f1": value, "dev_ood_macro_f1": value - 0.2}
        for step in range(10, steps + 1, 10)
        for value in [id_score - 0.3 * float(np.exp(-step / 20))]
    ]
    total = COST[method]
    reference = 1.0 if method == "dm" else 0.2 if method == "ftft" else 0.0
    parts = {"reference": reference, "evaluation": 0.05, "total": total}
    parts["main"] = total - reference - 0.05
    return {
        "method": method,
        "seed": seed,
        "reference": {"ftft": "small", "dm": "large"}.get(method),
        "main": "large",
        "strategy": {"random": "random"}.get(method, "ambiguous") if selects else None,
        "fraction": 0.33 if selects else 1.0,
        "selected": 99 if selects else 300,
        "preflight": None,
        "steps": {"reference": 0, "main": steps, "kept": steps, "erm": 120},
        "cost": {
            "flops": {name: value * 1e15 for name, value in parts.items()},
            "tokens": {name: value * 1e6 for name, value in parts.items()},
            "seconds": {name: value * 300 for name, value in parts.items()},
            "relative_to_erm": {"flops": total, "seconds": total * 1.1},
            "erm_estimated": False,
        },
        "scores": {
            "dev": {"dev": scored(id_score), "dev_ood": scored(ood_score)},
            "test": {"test": scored(id_score)} | {name: scored(ood_score) for name in sets},
        },
        "slices": {},
        "history": history,
    } | changes


def make_run(
    folder: Path,
    *,
    methods: tuple[str, ...] = ("erm", "random", "ftft"),
    seeds: tuple[int, ...] = (0, 1, 2),
    name: str = "tiny",
    sets: tuple[str, ...] = ("ood1", "ood2"),
    maps: bool = True,
    **changes: Any,
) -> RunFolder:
    """Write a finished run into a folder and read it."""
    runs = [record(method, seed, sets, **changes) for method in methods for seed in seeds]
    values = {
        "schema": 1,
        "experiment": name,
        "metric": "accuracy",
        "data": {
            "fingerprint": "0" * 64,
            "train_examples": 300,
            "classes": ["no", "yes"],
            "sets": {
                "dev": {"dev": 50},
                "dev_ood": {"dev_ood": 50},
                "test": {"test": 100},
                "test_ood": dict.fromkeys(sets, 100),
            },
        },
        "environment": {},
        "runs": runs,
    }
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(values), encoding="utf-8")
    for seed in seeds if maps else ():
        drawn = make_map(seed)
        for stage in ("map", "selection"):
            (folder / stage / f"seed-{seed}").mkdir(parents=True)
        drawn.write(folder / "map" / f"seed-{seed}" / "map.parquet")
        chosen = select(drawn, "ambiguous", 0.33)
        chosen.write(folder / "selection" / f"seed-{seed}" / "selection.parquet")
    return read_run(folder)
