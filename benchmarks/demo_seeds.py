"""The demo on fresh seeds of data and training: does FTFT win where it was not tuned?

    python benchmarks/demo_seeds.py runs/demo-seeds --seeds 0 1 2 3 [--task causal-lm]

Each seed generates its own data and trains everything with that seed. What is finished is not run
again. Prints the table of the methods over the seeds, with differences paired by seed, and what the
maps' regions hold. Other data and settings than the demo's, for the pairs only:

    python benchmarks/demo_seeds.py runs/harder --seeds 100 101 --pairs 3000 --shortcut 0.98 \
        --flipped 0.05 --set main.batch_size=8 --set 'baselines=[erm_budget, random]'
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ftft.cli.show import show_regions
from ftft.cli.show_study import show_summary
from ftft.config.load import load_experiment
from ftft.demo.generate import generate_demo, write_demo
from ftft.demo.prepare import (
    DEMOS,
    FLIPPED,
    SHORTCUT,
    SIZES,
    DemoTask,
    RegionTruth,
    prepare_demo,
    region_truth,
)
from ftft.experiment.pipeline import run
from ftft.results.read import Results, read_run
from ftft.study.summary import Summary


def run_seed(
    folder: Path, seed: int, task: DemoTask, overrides: list[str], shares: dict[str, float]
) -> tuple[Results, list[RegionTruth]]:
    """The whole demo with one seed of data and training."""
    place = folder / f"seed-{seed}"
    file = prepare_demo(place, task=task, seed=seed, overwrite=True)
    if task == "classification":
        sizes = SIZES | {"train": int(shares["pairs"])}
        rates = {"shortcut_rate": shares["shortcut"], "flip_rate": shares["flipped"]}
        write_demo(place / "data", generate_demo(seed=seed, **sizes, **rates))
    experiment = load_experiment(file, [*overrides, f"seeds=[{seed}]"])
    done = place / experiment.name
    run(experiment, str(done))
    return read_run(done), region_truth(done, place / "data", [seed], task)


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
    parser.add_argument("--pairs", type=int, default=SIZES["train"])
    parser.add_argument("--shortcut", type=float, default=SHORTCUT)
    parser.add_argument("--flipped", type=float, default=FLIPPED)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    shares = {name: getattr(given, name) for name in ("pairs", "shortcut", "flipped")}
    found = [
        run_seed(given.folder, seed, given.task, given.overrides, shares) for seed in given.seeds
    ]
    runs = [one for folder, _ in found for one in folder.runs]
    whole = replace(found[0][0], runs=tuple(runs))
    show_summary(Summary(given.folder, (whole,)))
    show_regions(together([truth for _, truth in found]), DEMOS[given.task].titles)


if __name__ == "__main__":
    main()
