"""The demo on fresh seeds of data and training: does FTFT win where it was not tuned?

    python benchmarks/demo_seeds.py runs/demo-seeds --seeds 0 1 2 3 [--task causal-lm]

Each seed generates its own data and trains everything with that seed. What is finished is not run
again. Prints the table of the methods over the seeds, with differences paired by seed, and what the
maps' regions hold. Other data and settings than the demo's, for the messages only:

    python benchmarks/demo_seeds.py runs/harder --seeds 100 101 --messages 2000 --shortcut 0.98 \
        --flipped 0.02 --set main.batch_size=8 --set 'baselines=[erm_budget, random]'
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pyarrow as pa

from ftft.cli.show import show_regions
from ftft.cli.show_study import show_summary
from ftft.config.load import load_experiment
from ftft.demo.generate import FLIPPED, SHORTCUT, TRAIN, generate_demo, write_demo
from ftft.demo.prepare import DEMOS, DemoTask, RegionTruth, prepare_demo, region_truth
from ftft.experiment.pipeline import opened, run
from ftft.experiment.scoring import score_tests
from ftft.experiment.trainings import train_main_on
from ftft.results import formatting
from ftft.results.read import Results, read_run
from ftft.selection.selection import Selection
from ftft.study.summary import Summary


@dataclass(frozen=True)
class Data:
    """Training messages, and the shares of the shortcut and of flipped labels, in [0, 1]."""

    messages: int
    shortcut: float
    flipped: float


DEFAULT = Data(TRAIN, SHORTCUT, FLIPPED)


def prepared(place: Path, seed: int, task: DemoTask, data: Data) -> Path:
    """The experiment file of the demo of one seed, beside its data."""
    file = prepare_demo(place, task=task, seed=seed, overwrite=True)
    if data != DEFAULT:
        rates = {"shortcut_rate": data.shortcut, "flip_rate": data.flipped}
        write_demo(place / "data", generate_demo(seed=seed, train=data.messages, **rates))
    return file


def run_seed(
    folder: Path, seed: int, task: DemoTask, overrides: list[str], data: Data
) -> tuple[Results, list[RegionTruth]]:
    """The whole demo with one seed of data and training."""
    place = folder / f"seed-{seed}"
    file = prepared(place, seed, task, data)
    experiment = load_experiment(file, [*overrides, f"seeds=[{seed}]"])
    done = place / experiment.name
    run(experiment, str(done))
    return read_run(done), region_truth(done, place / "data", [seed], task)


def best_third(folder: Path, seed: int, overrides: list[str]) -> float:
    """OOD score, in [0, 1], of a main model trained on what only the generator can select.

    As many messages as FTFT's: every counter-example with a right label, and the rest at random
    from the others.
    """
    place = folder / f"seed-{seed}"
    experiment = load_experiment(place / "demo.yaml", [*overrides, f"seeds=[{seed}]"])
    selected = Selection.read(
        place / experiment.name / "selection" / f"seed-{seed}" / "selection.parquet"
    )
    with (place / "data" / "train.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    rare = [row for row in rows if row["counterexample"] == "true"]
    best = [row["id"] for row in rare if row["flipped"] == "false"]
    others = [row["id"] for row in rows if row["counterexample"] != "true"]
    rng = Random(seed)
    best += rng.sample(others, len(selected) - len(best))
    rng.shuffle(best)
    with opened(experiment, str(place / "best-third")) as stages:
        ids = Selection.of_ids(pa.array(best), len(rows))
        trained = train_main_on(stages, ids, seed)
        scores = score_tests(stages, "best-third", trained, seed)
    return scores["test_ood"].metrics[experiment.metric]


def together(truths: list[list[RegionTruth]]) -> list[RegionTruth]:
    """The counts of all seeds, region by region."""
    totals: dict[str, RegionTruth] = {}
    for row in (row for truth in truths for row in truth):
        before = totals.get(row.region, RegionTruth(row.region, 0, 0, 0))
        totals[row.region] = RegionTruth(
            row.region,
            before.examples + row.examples,
            before.rare + row.rare,
            before.wrong + row.wrong,
        )
    return sorted(totals.values(), key=lambda row: row.region == "all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--task", choices=list(DEMOS), default="classification")
    parser.add_argument("--messages", type=int, default=DEFAULT.messages)
    parser.add_argument("--shortcut", type=float, default=DEFAULT.shortcut)
    parser.add_argument("--flipped", type=float, default=DEFAULT.flipped)
    parser.add_argument("--best", action="store_true", help="also the best third there is")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    data = Data(given.messages, given.shortcut, given.flipped)
    if given.task != "classification" and (given.best or data != DEFAULT):
        parser.error("--messages, --shortcut, --flipped and --best are for the messages only")
    found = [
        run_seed(given.folder, seed, given.task, given.overrides, data) for seed in given.seeds
    ]
    runs = [one for folder, _ in found for one in folder.runs]
    whole = replace(found[0][0], runs=tuple(runs))
    show_summary(Summary(given.folder, (whole,)))
    show_regions(together([truth for _, truth in found]), DEMOS[given.task].titles)
    for seed in given.seeds if given.best else ():
        score = best_third(given.folder, seed, given.overrides)
        print(f"best third, seed {seed}: OOD {formatting.score(score)}")


if __name__ == "__main__":
    main()
