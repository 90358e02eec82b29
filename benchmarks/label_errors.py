"""How well each score finds known label errors, beside cleanlab on the same probabilities.

    pip install cleanlab
    ftft demo
    python benchmarks/label_errors.py demo/demo-run demo/data/train.csv

The figures are areas under the ROC curve (1 finds all errors first, 0.5 is chance) for telling
the labels that the demo's generator flipped from the rest, one row a seed and their mean. The
published ones (docs/results.md) are of the demo's data before today's, sentence pairs.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pandas as pd

from ftft.cartography import label_quality_probabilities
from ftft.cartography.datamap import DataMap
from ftft.dynamics import read_dynamics


def auroc(suspicion: np.ndarray, wrong: np.ndarray) -> float:
    """Area under the ROC curve of a score that is higher for likelier errors."""
    ranks = pd.Series(suspicion).rank().to_numpy()
    positives = int(wrong.sum())
    negatives = len(wrong) - positives
    return float((ranks[wrong].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def scores_of(dynamics_folder: Path, burn_in: int) -> tuple[list[str], dict[str, np.ndarray]]:
    """Ids, and for each score its values, higher for likelier errors."""
    dynamics = read_dynamics(dynamics_folder)
    datamap = DataMap.from_dynamics(dynamics, burn_in=burn_in)
    scores = {
        "ftft: area under the margin": -datamap.aum,
        "ftft: confidence (hard-to-learn)": -datamap.confidence,
        "ftft: correctness": -datamap.correctness,
        "ftft: mean loss": datamap.mean_loss,
        "ftft: EL2N": datamap.el2n,
        "ftft: variability (ambiguous)": datamap.variability,
        "ftft: forgetting": datamap.forgetting,
    }
    scores |= cleanlab_scores(dynamics.labels, label_quality_probabilities(dynamics, burn_in))
    return datamap.example_ids.to_pylist(), scores


def cleanlab_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """cleanlab's rankings of the same probabilities; none where it is not installed."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        print("cleanlab is not installed: pip install cleanlab")
        return {}
    methods = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
    return {
        f"cleanlab: {method}": -get_label_quality_scores(labels, probabilities, method=method)
        for method in methods
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of the demo")
    parser.add_argument("train", type=Path, help="the demo's train.csv")
    parser.add_argument("--burn-in", type=int, default=0)
    arguments = parser.parse_args()
    with arguments.train.open(encoding="utf-8", newline="") as file:
        flipped = {row["id"]: row["flipped"] == "true" for row in csv.DictReader(file)}
    table: dict[str, list[float]] = {}
    for folder in sorted(arguments.run.glob("reference/seed-*/dynamics")):
        ids, scores = scores_of(folder, arguments.burn_in)
        wrong = np.array([flipped[example_id] for example_id in ids])
        for name, values in scores.items():
            table.setdefault(name, []).append(auroc(values, wrong))
    print(f"{sum(flipped.values())} of {len(flipped)} labels are flipped; AUROC by seed, mean")
    for name, values in sorted(table.items(), key=lambda item: -np.mean(item[1])):
        by_seed = " ".join(f"{value:.3f}" for value in values)
        print(f"{name:38} {by_seed}   {np.mean(values):.3f}")


if __name__ == "__main__":
    main()
