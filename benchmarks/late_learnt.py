"""A remedy: the most ambiguous of what the reference has right in the end, some of it random.

    python benchmarks/late_learnt.py REFERENCE/dynamics ids.csv --seed 0
    ftft train EXPERIMENT.yaml --selection ids.csv -o runs/remedy --set seeds=[0]
    ftft evaluate EXPERIMENT.yaml runs/remedy/given/seed-0/model

Of each label it takes a third: seven tenths are the examples of the highest variability among those
that the last recording point has right, the rest is drawn at random from all others. What a
reference never answers right stays out but for chance. Recording points as `map.burn_in: auto` has
them. It costs what FTFT costs: the same reference, and as many examples.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ftft import DataMap, TrainingDynamics, read_dynamics


def late_learnt(
    dynamics: TrainingDynamics, *, seed: int, fraction: float = 0.33, random_share: float = 0.3
) -> list[str]:
    """The ids selected, label by label.

    Args:
        dynamics: Of the reference, with labels.
        seed: Of what is drawn at random.
        fraction: Of each label's examples.
        random_share: Of the selection.
    """
    datamap = DataMap.from_dynamics(dynamics)
    mapped = dynamics.take(datamap.example_ids)
    right = np.asarray(mapped.point_values(mapped.epochs[-1]).correct) > 0
    labels, chance = np.asarray(mapped.labels), np.random.default_rng(seed)
    chosen: list[int] = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = round(fraction * len(rows))
        at_random = round(random_share * count)
        best = _most_variable(datamap.variability, rows[right[rows]], count - at_random)
        others = np.setdiff1d(rows, best)
        chosen += [*best, *chance.choice(others, count - len(best), replace=False)]
    ids = datamap.example_ids.to_pylist()
    return [ids[row] for row in chosen]


def _most_variable(
    variability: npt.NDArray[np.floating], rows: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    return rows[np.argsort(-variability[rows], kind="stable")][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dynamics", type=Path)
    parser.add_argument("output", type=Path, help="a CSV with the column example_id")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fraction", type=float, default=0.33)
    parser.add_argument("--random-share", type=float, default=0.3)
    given = parser.parse_args()
    ids = late_learnt(
        read_dynamics(given.dynamics),
        seed=given.seed,
        fraction=given.fraction,
        random_share=given.random_share,
    )
    with given.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["example_id"])
        writer.writerows([one] for one in ids)
    print(f"{len(ids)} ids written to {given.output}")


if __name__ == "__main__":
    main()
