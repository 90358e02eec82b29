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
from ftft.cartography.trajectories import loss_trajectories
from ftft.config.load_study import load_study
from ftft.config.schema import Experiment
from ftft.dynamics import TrainingDynamics, read_dynamics
from ftft.errors import FtftError
from ftft.evaluation.metrics import SetScores
from ftft.experiment.scoring import score_tests
from ftft.experiment.stages import Stages
from ftft.experiment.trainings import train_main_on
from ftft.results.intervals import paired
from ftft.results.read import read_run
from ftft.selection.names import CLUSTERS
from ftft.selection.selection import Selection
from ftft.selection.strategies import select
from ftft.study.grid import Task, tasks
from ftft.study.prepare import OpenStudy, open_study
from ftft.study.run_task import Done
from ftft.workspace.workspace import Workspace


@dataclass(frozen=True)
class Pair:
    """One reference and seed: stopped early against trained to its end.

    Attributes:
        stopped: Score out of distribution of the main model on the early selection, in [0, 1].
        whole: That of the study's own main model.
        shared: Share of the whole selection that the early one holds, in [0, 1].
        part: Share of the reference's epochs that the early selection takes.
        stopped_flops: Cost over ERM's, a ratio, with the reference stopped: its training and
            scoring in that proportion, and the main model's.
        whole_flops: With the reference trained to its end.
    """

    stopped: float
    whole: float
    shared: float
    part: float
    stopped_flops: float
    whole_flops: float


def early_selection(
    dynamics: TrainingDynamics, experiment: Experiment, points: int, seed: int
) -> Selection:
    """The study's selection, had recording ended after the first points."""
    first = replace(dynamics, epochs=dynamics.epochs[:points])
    drawn = DataMap.from_dynamics(first, **experiment.map.model_dump())
    settings = experiment.selection.model_dump()
    losses = None
    if settings["strategy"] == CLUSTERS:
        losses = loss_trajectories(first, drawn.epochs)
    return select(drawn, **settings, trajectories=losses, seed=seed)


def ood(stages: Stages, scores: dict[str, SetScores]) -> float:
    """The mean over the out-of-distribution test sets, as in ``results.json``."""
    metric = stages.experiment.metric
    return statistics.fmean(scores[name].metrics[metric] for name in stages.data.test_ood)


def erm_flops(folder: Path, task: Task) -> float:
    """What ERM of the task's main model costs, or would."""
    runs = read_run(folder).runs
    same = next(run for run in runs if (run.main, run.seed) == (task.main, task.seed))
    cost = same.record["cost"]
    return float(cost["flops"]["total"] / cost["relative_to_erm"]["flops"])


def compare(opened: OpenStudy, task: Task, done: Done, points: int) -> Pair | None:
    """Train the main model on the early selection; None where there is nothing to stop."""
    study = opened.stages(task, lambda line: None, reading=True)
    reading = study.workspace.folder
    dynamics = read_dynamics(reading / place(task, "reference") / "dynamics")
    if points >= len(dynamics.epochs):
        print(f"{task.id}: left out, its reference has {len(dynamics.epochs)} recording points")
        return None
    selection = early_selection(dynamics, study.experiment, points, task.seed)
    full = Selection.read(reading / place(task, "selection") / "selection.parquet")
    ids = set(full.example_ids.to_pylist())

    kinds = {"given-selection": "selection", "given": "main", "scores/given": "scores/ftft"}
    stages = replace(
        study,
        workspace=Workspace(opened.folder / f"stopped-{points}" / task.data),
        say=lambda line: print(f"{task.id}: {line}", flush=True),
        stage_paths={given: task.stage_paths[kind] for given, kind in kinds.items()},
    )
    with stages.workspace.locked():
        trained = train_main_on(stages, selection, task.seed)
        scores = score_tests(stages, "given", trained, task.seed)
    run, part = done.run, points / len(dynamics.epochs)
    assert run is not None
    assert run.reference is not None, "a cell on a selection has one"
    main = trained.result
    reference, erm = run.reference.cost.total.flops, erm_flops(reading, task)
    return Pair(
        stopped=ood(stages, scores),
        whole=ood(study, done.scores),
        shared=len(ids & set(selection.example_ids.to_pylist())) / len(ids),
        part=part,
        stopped_flops=(part * reference + main.cost.total.flops) / erm,
        whole_flops=(reference + run.main.cost.total.flops) / erm,
    )


def place(task: Task, kind: str) -> str:
    return f"{task.stage_paths[kind]}/seed-{task.seed}"


def finished(opened: OpenStudy) -> dict[Task, Done]:
    """The main models of the study on selections, all finished with these very settings.

    Raises:
        FtftError: One is not, or there are no out-of-distribution test sets.
    """
    found = {task: opened.finished(task) for task in tasks(opened.study) if task.method == "ftft"}
    missing = [task.id for task, done in found.items() if done is None]
    if missing:
        raise FtftError(
            f"{opened.folder}: {len(missing)} of {len(found)} cells are not finished with these "
            f"settings, the first {missing[0]}; run ftft study with the same --set first."
        )
    bare = [name for name, data in opened.data.items() if not data.test_ood]
    if bare:
        raise FtftError(f"{', '.join(bare)}: no out-of-distribution test sets to compare on.")
    return {task: done for task, done in found.items() if done is not None}


def over_cells(cells: list[dict[int, Pair]]) -> str:
    """Stopped less whole in points, the mean over cells, with its 95% interval over their seeds."""
    seeds = set.intersection(*(set(by_seed) for by_seed in cells))
    stopped, whole = (
        {seed: statistics.fmean(getattr(one[seed], kind) for one in cells) for seed in seeds}
        for kind in ("stopped", "whole")
    )
    difference = paired(stopped, whole)
    if difference is None:
        return "none (no seed in all cells)"
    found = difference.interval
    if found.low is None or found.high is None:
        return f"{found.mean * 100:+.1f}"
    return f"{found.mean * 100:+.1f} [{found.low * 100:+.1f}, {found.high * 100:+.1f}]"


def table(pairs: dict[str, dict[int, Pair]]) -> pd.DataFrame:
    rows = []
    for cell, by_seed in pairs.items():
        found = list(by_seed.values())
        rows.append(
            {
                "cell": cell,
                "seeds": len(found),
                "epochs": statistics.fmean(pair.part for pair in found),
                "shared": statistics.fmean(pair.shared for pair in found),
                "OOD stopped": statistics.fmean(pair.stopped for pair in found) * 100,
                "OOD whole": statistics.fmean(pair.whole for pair in found) * 100,
                "difference": over_cells([by_seed]),
                "FLOPs / ERM stopped": statistics.fmean(pair.stopped_flops for pair in found),
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
    if options.points < 2:
        parser.error("--points: variability needs at least two recording points")
    datasets.disable_progress_bars()
    try:
        opened = open_study(
            load_study(options.study, options.overrides), options.folder.absolute(), print
        )
        pairs: dict[str, dict[int, Pair]] = {}
        for task, done in finished(opened).items():
            pair = compare(opened, task, done, options.points)
            if pair is not None:
                pairs.setdefault(task.id.rpartition("/")[0], {})[task.seed] = pair
    except FtftError as error:
        parser.error(str(error))
    if not pairs:
        parser.error(f"no reference has more than {options.points} recording points")
    pd.set_option("display.width", 250, "display.max_columns", 30, "display.precision", 2)
    print(table(pairs).to_string(index=False))
    print(f"\nmean over cells, paired by seed: {over_cells(list(pairs.values()))} points")


if __name__ == "__main__":
    main()
