"""The method, top to bottom.

For every seed: fine-tune the reference on everything and record its dynamics; draw the data
map; select; fine-tune the main model on the selection; and the baselines that were asked for,
by the same functions. When all that is done, score the test sets, once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ftft.config.methods import chosen, stage_names, training_names
from ftft.config.schema import Experiment
from ftft.config.yaml_core import dump
from ftft.data.dataset import TaskData
from ftft.errors import ConfigError, WorkspaceError
from ftft.experiment.belongs import make_room
from ftft.experiment.beside import train_beside
from ftft.experiment.chains import Chain, chains, makespan, threads_of
from ftft.experiment.collect import StagedRun, collect, erm_cost
from ftft.experiment.dry_run import trainings_of
from ftft.experiment.finished import finished_before
from ftft.experiment.foreseen import recorded_speeds
from ftft.experiment.like_lengths import with_selected
from ftft.experiment.methods import BASELINES, whole_ftft
from ftft.experiment.overall import Overall
from ftft.experiment.scoring import score_tests
from ftft.experiment.stages import Say, Stages
from ftft.experiment.validate import check, notes
from ftft.report.html import write_report
from ftft.results.read import Results, read_run
from ftft.results.record import run_record
from ftft.utils import distributed
from ftft.utils.atomic import write_text
from ftft.utils.environment import environment
from ftft.utils.expected import expect
from ftft.workspace.layout import EXPERIMENT_NAME, EXPERIMENT_TITLE, REPORT_NAME
from ftft.workspace.lock import wait_for_parts
from ftft.workspace.workspace import Workspace


def run(
    experiment: Experiment,
    folder: str,
    say: Say = print,
    force: Sequence[str] = (),
    *,
    replacing: bool = False,
    jobs: int = 1,
) -> Results:
    """Run a whole experiment; what was finished before is not run again.

    Args:
        experiment: What to do.
        folder: The run folder, made if it is not there.
        say: Receives a line for each step.
        force: Stages to run again though they are finished or damaged: ``main/seed-0``, or
            ``main`` for all seeds.
        replacing: Whether to take the place of another experiment in the folder. What was trained
            on other data is moved beside it (``FOLDER.replaced-1``).
        jobs: How many trainings run at a time, each in a process of its own, as far as they do
            not depend on each other. What comes out is the same but for rounding, since each
            computes with its share of the cores.

    Returns:
        Every score and cost; also written to ``results.json`` in the run folder, and shown by
        ``report.html`` beside it.

    Raises:
        FtftError: The data, a model or the folder is not as it should be. Whatever can be
            checked is checked before anything is written.
    """
    expect(experiment, Experiment, "ftft.run", "ftft.load_experiment(FILE)", ConfigError)
    names = stage_names(experiment.baselines, experiment.seeds)
    forced = chosen_stages(force, names)
    if jobs > 1 and distributed.count() > 1:
        raise ConfigError(
            "--jobs starts its own processes: start the run without torchrun or accelerate, or "
            "leave --jobs out."
        )
    with opened(experiment, folder, say, forced, replacing=replacing) as alone:
        groups = chains(experiment.baselines, experiment.seeds)
        overall = followed(alone, groups, jobs)
        stages = replace(alone, overall=overall)
        if jobs > 1 and train_beside(alone, overall, groups, jobs):
            stages = only_read(alone)
        runs = [run for seed in experiment.seeds for run in methods(stages, seed)]
        erm_costs = {seed: erm_cost(stages, seed, runs) for seed in experiment.seeds}
        # Only now, when nothing is left to choose, are the test sets looked at.
        scores = [score_tests(alone, run.cell.method, run.trained, run.seed) for run in runs]
        records = [
            run_record(run, erm_costs[run.seed], test)
            for run, test in zip(runs, scores, strict=True)
        ]
        results = collect(experiment, stages.data, stages.workspace.folder, records)
        return replace(results, report=report(stages, folder))


def followed(stages: Stages, groups: Sequence[Chain], jobs: int) -> Overall:
    """The trainings of a run, to say how far it is."""
    experiment, folder = stages.experiment, stages.workspace.folder
    trainings = training_names(experiment.baselines, experiment.seeds)
    return Overall(
        experiment,
        len(stages.data.train),
        partial(finished_before, stages),
        partial(trainings_of, stages),
        partial(recorded_speeds, folder, trainings, threads_of(jobs)),
        partial(makespan, groups=groups, jobs=jobs),
        jobs,
    )


def report(stages: Stages, folder: str) -> Path | None:
    """Write the page about a run; what it found is in ``results.json`` by now, whatever happens.

    Returns:
        Where the page is; None in all processes but the first, which writes it.

    Raises:
        WorkspaceError: It cannot be written.
    """
    if not distributed.is_first():
        return None
    # The folder as it was given: the page names it in the commands that repeat the run.
    return write_report([read_run(folder)], Path(folder) / REPORT_NAME, data=[stages.data])


def chosen_stages(asked: Sequence[str], names: Sequence[str]) -> list[str]:
    """The stages that are meant, where ``main`` means ``main`` of every seed.

    Raises:
        ConfigError: There is no such stage.
    """
    chosen: dict[str, None] = {}
    for one in asked:
        meant = [name for name in names if f"{name}/".startswith(f"{one.strip('/')}/")]
        if not meant:
            raise ConfigError(
                f"--force-stage {one}: there is no such stage here; the stages are "
                f"{', '.join(names)} (without /seed-N: of every seed)."
            )
        chosen |= dict.fromkeys(meant)
    return list(chosen)


@contextlib.contextmanager
def opened(
    experiment: Experiment,
    folder: str,
    say: Say = print,
    force: Sequence[str] = (),
    *,
    replacing: bool = False,
) -> Iterator[Stages]:
    """Check data, models and folder, then hold the run folder and give its stages.

    The stages named in ``force`` are run again, though they are finished or damaged. With
    ``replacing`` the folder may hold another experiment.
    """
    distributed.start()
    if not distributed.is_first():
        say = _silent
    with distributed.first_goes_ahead():
        data = check(experiment, folder, replacing=replacing)
    for note in notes(data, [experiment]):
        say(note)
    workspace = Workspace(folder)
    with workspace.locked():
        if distributed.is_first():
            wait_for_parts(workspace.folder, say)
            if (moved := make_room(data, workspace.folder)) is not None:
                say(f"{folder}: held another experiment, which is now in {moved}")
            path = workspace.folder / EXPERIMENT_NAME
            write_text(path, resolved_yaml(experiment, data), WorkspaceError)
            for name in force:
                workspace.force(name)
        yield Stages(experiment, data, workspace, say)
        # The first still writes results; who leaves early takes the connection with it.
        distributed.wait()


def only_read(stages: Stages) -> Stages:
    """The stages of a run whose trainings are finished: read without a word, and none is run."""
    workspace = Workspace(stages.workspace.folder, builds=())
    return replace(stages, workspace=workspace, say=_silent)


def _silent(line: str) -> None:
    """What all processes but the first say."""


def resolved_yaml(experiment: Experiment, data: TaskData) -> str:
    """The experiment with every default spelt out, and what it was run with."""
    packages = environment()["packages"]
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return (
        f"{EXPERIMENT_TITLE}# Run with {versions}.\n"
        f"# Data fingerprint {data.fingerprint}.\n{dump(experiment.model_dump(mode='json'))}"
    )


def methods(stages: Stages, seed: int) -> Iterator[StagedRun]:
    """FTFT and the baselines that were asked for, with one seed."""
    found = whole_ftft(stages, seed)
    assert found.datamap is not None, "it is FTFT's"
    yield found
    for method in chosen(stages.experiment.baselines)[1:]:
        yield with_selected(BASELINES[method.key](stages, seed, lambda: found), found.datamap)
