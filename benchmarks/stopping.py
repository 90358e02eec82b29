"""Does the main model lose anything when its reference stops early?

    python benchmarks/stopping.py STUDY.yaml FOLDER [--set KEY=VALUE ...] [--points 2]

STUDY, with the given overrides, is a study that ``ftft study`` finished in FOLDER. For every
reference and seed the map is drawn again from the first recording points alone, as if the
reference had been stopped there (its learning rate falls over all of its epochs, as it does with
``reference.stop``). The main model is trained on that selection with the study's budget and seed,
and compared, paired by seed, with the study's own main model. Trainings go into
FOLDER/stopped-POINTS; those that are there are not run again.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import pandas as pd

from ftft.cartography.datamap import DataMap
from ftft.config.load_study import load_study
from ftft.config.schema import Experiment
from ftft.dynamics import read_dynamics
from ftft.execution.opening import OpenStudy, open_study
from ftft.selection.strategies import select
from ftft.selection.subset import Selection
from ftft.stages import Stages
from ftft.study.grid import Task, tasks
from ftft.study.intervals import paired
from ftft.study.reading import RunResult, read_run
from ftft.workspace import Stage, Workspace


@dataclass(frozen=True)
class Pair:
    """One reference and seed: stopped early against trained to its end.

    Attributes:
        stopped: Score out of distribution of the main model on the early selection, in [0, 1].
        whole: That of the study's own main model.
        shared: Share of the whole selection that the early one holds, in [0, 1].
        part: Share of the reference's epochs that the early selection takes.
        flops: Cost over ERM's with the reference stopped, in operations.
        whole_flops: With the reference trained to its end.
    """

    stopped: float
    whole: float
    shared: float
    part: float
    flops: float
    whole_flops: float


def early_selection(
    trained: Stage, experiment: Experiment, points: int, seed: int
) -> tuple[Selection, float]:
    """The selection from the first recording points, and their share of all."""
    dynamics = read_dynamics(trained.folder / "dynamics")
    first = replace(dynamics, epochs=dynamics.epochs[:points])
    drawn = DataMap.from_dynamics(first, **experiment.map.model_dump())
    chosen = select(drawn, **experiment.selection.model_dump(), seed=seed)
    return chosen, points / len(dynamics.epochs)


def ood(stages: Stages, trained: Stage, seed: int) -> float:
    scores = stages.score_tests("given", trained, seed)
    metric = stages.experiment.metric
    return statistics.fmean(scores[name].metrics[metric] for name in stages.data.test_ood)


def compare(opened: OpenStudy, task: Task, whole: RunResult, points: int) -> Pair:
    done = opened.stages(task, lambda line: None, reading=True)
    reference = done.reference(task.seed)
    selection, part = early_selection(reference, done.experiment, points, task.seed)
    full = Selection.read(done.workspace.folder / place(task, "selection") / "selection.parquet")
    ids = set(full.example_ids.to_pylist())
    shared = len(ids & set(selection.example_ids.to_pylist())) / len(ids)

    folder = opened.folder / f"stopped-{points}" / task.data
    below = f"{task.main}/{task.reference}"
    kinds = ("given-selection", "given", "scores/given")
    stages = replace(
        done,
        workspace=Workspace(folder),
        say=lambda line: print(f"{task.id}: {line}"),
        places={kind: f"{kind}/{below}" for kind in kinds},
    )
    trained = stages.main_on(selection, task.seed)
    cost = whole.record["cost"]
    erm = cost["flops"]["total"] / cost["relative_to_erm"]["flops"]
    saved = (1 - part) * cost["flops"]["reference"] / erm
    assert whole.ood_score is not None, "the study has out-of-distribution test sets"
    return Pair(
        stopped=ood(stages, trained, task.seed),
        whole=whole.ood_score,
        shared=shared,
        part=part,
        flops=whole.flops - saved,
        whole_flops=whole.flops,
    )


def place(task: Task, kind: str) -> str:
    return f"{task.places[kind]}/seed-{task.seed}"


def table(pairs: dict[tuple[str, str], dict[int, Pair]]) -> pd.DataFrame:
    rows = []
    for (data, reference), by_seed in pairs.items():
        found = list(by_seed.values())
        difference = paired(
            {seed: pair.stopped for seed, pair in by_seed.items()},
            {seed: pair.whole for seed, pair in by_seed.items()},
        )
        assert difference is not None
        interval = difference.interval
        mean = interval.mean * 100
        ends = ""
        if interval.low is not None and interval.high is not None:
            ends = f" [{interval.low * 100:+.1f}, {interval.high * 100:+.1f}]"
        rows.append(
            {
                "data": data,
                "reference": reference,
                "seeds": len(found),
                "epochs": statistics.fmean(pair.part for pair in found),
                "shared": statistics.fmean(pair.shared for pair in found),
                "OOD stopped": statistics.fmean(pair.stopped for pair in found) * 100,
                "OOD whole": statistics.fmean(pair.whole for pair in found) * 100,
                "difference": f"{mean:+.1f}{ends}",
                "FLOPs / ERM stopped": statistics.fmean(pair.flops for pair in found),
                "whole": statistics.fmean(pair.whole_flops for pair in found),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("folder", type=Path, help="the study's folder")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--points", type=int, default=2, help="recording points before it stops")
    options = parser.parse_args()
    datasets.disable_progress_bars()
    study = load_study(options.study, options.overrides)
    opened = open_study(study, options.folder.absolute(), print)
    pairs: dict[tuple[str, str], dict[int, Pair]] = {}
    for data in study.data:
        runs = read_run(options.folder / data).runs
        by_cell = {(run.reference, run.seed): run for run in runs if run.method == "ftft"}
        for task in tasks(study):
            if task.data == data and task.method == "ftft":
                whole = by_cell[task.reference, task.seed]
                pair = compare(opened, task, whole, options.points)
                pairs.setdefault((data, str(task.reference)), {})[task.seed] = pair
    pd.set_option("display.width", 250, "display.max_columns", 30, "display.precision", 2)
    print(table(pairs).to_string(index=False))
    means = [
        (statistics.fmean(one.stopped - one.whole for one in found.values())) * 100
        for found in pairs.values()
    ]
    print(f"\nmean over data sets and references: {statistics.fmean(means):+.1f} points")


if __name__ == "__main__":
    main()
