"""The method, top to bottom.

For every seed: fine-tune the reference on everything and record its dynamics; draw the data
map; select; fine-tune the main model on the selection; and the baselines that were asked for,
by the same functions. When all that is done, score the test sets, once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ftft.config.idle import idle_notes
from ftft.config.methods import METHODS, stage_names
from ftft.config.schema import Experiment
from ftft.config.yaml_core import dump
from ftft.data.dataset import TaskData
from ftft.errors import ConfigError, WorkspaceError
from ftft.evaluation.training import Training
from ftft.experiment.belongs import make_room
from ftft.experiment.collect import StagedRun, collect
from ftft.experiment.stages import Say, Stages
from ftft.experiment.validate import check, notes
from ftft.report.html import REPORT_NAME, write_report
from ftft.results.read import Results, read_run
from ftft.results.record import ErmCost, run_record
from ftft.results.run import Cell
from ftft.training.arguments import full_steps, main_plan
from ftft.training.erm_cost import plan_cost
from ftft.transfer.preflight import BAD
from ftft.utils import distributed
from ftft.utils.atomic import write_text
from ftft.utils.environment import environment
from ftft.utils.expected import expect
from ftft.workspace.layout import EXPERIMENT_TITLE
from ftft.workspace.workspace import Stage, Workspace


def run(
    experiment: Experiment,
    folder: str,
    say: Say = print,
    force: Sequence[str] = (),
    *,
    replacing: bool = False,
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
    with opened(experiment, folder, say, forced, replacing=replacing) as stages:
        runs = [run for seed in experiment.seeds for run in methods(stages, seed)]
        erm_costs = {seed: erm_cost(stages, seed, runs) for seed in experiment.seeds}
        # Only now, when nothing is left to choose, are the test sets looked at.
        scores = [stages.score_tests(run.cell.method, run.trained, run.seed) for run in runs]
        records = [
            run_record(run, erm_costs[run.seed], test)
            for run, test in zip(runs, scores, strict=True)
        ]
        results = collect(experiment, stages.data, stages.workspace.folder, records)
        return replace(results, report=report(stages, folder))


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
    for note in [*notes(data), *idle_notes([experiment])]:
        say(note)
    workspace = Workspace(folder)
    with workspace.locked():
        if distributed.is_first():
            if (moved := make_room(data, workspace.folder)) is not None:
                say(f"{folder}: held another experiment, which is now in {moved}")
            path = workspace.folder / "experiment.yaml"
            write_text(path, resolved_yaml(experiment, data), WorkspaceError)
            for name in force:
                workspace.force(name)
        yield Stages(experiment, data, workspace, say)
        # The first still writes results; who leaves early takes the connection with it.
        distributed.wait()


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
    reference = stages.reference(seed)
    datamap = stages.datamap("map", reference, seed)
    tell_map(stages, datamap)
    found = ftft(stages, seed, reference, datamap)
    yield found
    for name in METHODS:
        if name in stages.experiment.baselines:
            yield BASELINES[name](stages, seed, lambda: found)


def tell_map(stages: Stages, datamap: Stage) -> None:
    """Say which recording points the map was drawn from, and what preflight makes of them.

    Raises:
        ConfigError: The reference looks bad, and the experiment says to stop then.
    """
    stages.say(f"  {datamap.result['drawn']['in_words']}")
    found = datamap.result["preflight"]
    stages.say(f"  preflight: {'; '.join([found['verdict'], *found['reasons']])}")
    for line in found["advice"]:
        stages.say(f"  try: {line}")
    if found["verdict"] == BAD and stages.experiment.reference.if_bad == "stop":
        raise ConfigError(
            f"{datamap.name}: the preflight check finds this reference bad: "
            f"{'; '.join(found['reasons'])}. The main model was not trained, as reference.if_bad "
            "is stop. Change the reference, or set reference.if_bad=continue."
        )


def ftft(stages: Stages, seed: int, reference: Stage, datamap: Stage) -> StagedRun:
    """The main model on what the reference's map calls ambiguous."""
    selection = stages.select("selection", datamap, reference, seed)
    settings = stages.experiment.main
    main = stages.main("main", selection, seed, settings.budget, settings.patience)
    run = method_run(stages, "ftft", seed, main, selection, reference)
    return replace(run, preflight=datamap.result["preflight"], map=datamap.result["drawn"])


Paid = Callable[[], StagedRun]
"""Gives the FTFT run whose cost a baseline may spend."""


def erm(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """The main model on everything, for its full length."""
    return method_run(stages, "erm", seed, stages.erm(seed))


def erm_es(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """The main model on everything, until it stops getting better on development data."""
    return method_run(stages, "erm_es", seed, stages.erm(seed, stop_early=True))


def erm_budget(stages: Stages, seed: int, paid: Paid) -> StagedRun:
    """The main model on everything, for what FTFT cost in all, the reference counted in."""
    spent = paid()
    trained = stages.main_for("erm_budget", spent.flops, seed)
    run = method_run(stages, "erm_budget", seed, trained)
    return replace(run, cell=replace(run.cell, reference=spent.cell.reference))


def random(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """The main model on a random subset of FTFT's size, for FTFT's budget."""
    selection = stages.select_at_random("random-selection", seed)
    settings = stages.experiment.main
    main = stages.main("random", selection, seed, settings.budget, settings.patience)
    return method_run(stages, "random", seed, main, selection)


def random_budget(stages: Stages, seed: int, paid: Paid) -> StagedRun:
    """The main model on a random subset of FTFT's size, for what FTFT cost in all."""
    spent = paid()
    selection = stages.select_at_random("random-selection", seed)
    trained = stages.main_for("random_budget", spent.flops, seed, selection)
    run = method_run(stages, "random_budget", seed, trained, selection)
    return replace(run, cell=replace(run.cell, reference=spent.cell.reference))


def dm(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """Classic dataset cartography: the main model is its own reference."""
    erm = stages.erm(seed)
    datamap = stages.datamap("dm-map", erm, seed)
    selection = stages.select("dm-selection", datamap, erm, seed)
    settings = stages.experiment.dm
    main = stages.main("dm", selection, seed, settings.budget, settings.patience)
    run = method_run(stages, "dm", seed, main, selection, erm)
    return replace(run, map=datamap.result["drawn"])


BASELINES: Mapping[str, Callable[[Stages, int, Paid], StagedRun]] = {
    "erm": erm,
    "erm_es": erm_es,
    "erm_budget": erm_budget,
    "random": random,
    "random_budget": random_budget,
    "dm": dm,
}
"""How each baseline of :data:`ftft.config.methods.METHODS` is run."""


def method_run(
    stages: Stages,
    method: str,
    seed: int,
    trained: Stage,
    selection: Stage | None = None,
    reference: Stage | None = None,
) -> StagedRun:
    """Put together what one method did with one seed."""
    experiment, model = stages.experiment, None
    if reference is not None:
        model = (experiment.main if method == "dm" else experiment.reference).label
    strategy, fraction = None, 1.0
    if selection is not None:
        strategy, fraction = selection.result["strategy"], experiment.selection.fraction
    return StagedRun(
        cell=Cell(experiment.name, method, model, experiment.main.label, strategy, fraction),
        seed=seed,
        trained=trained,
        environment=trained.environment,
        main=Training.from_dict(trained.result),
        reference=None if reference is None else Training.from_dict(reference.result),
        selected=len(stages.data.train) if selection is None else selection.result["selected"],
    )


def erm_cost(stages: Stages, seed: int, runs: Sequence[StagedRun]) -> ErmCost:
    """What ERM costs with this seed: measured where it was run, else computed."""
    of_seed = {run.cell.method: run for run in runs if run.seed == seed}
    settings = stages.experiment.main
    examples = len(stages.data.train)
    steps = full_steps(settings, examples)
    if "erm" in of_seed:
        return ErmCost(steps, of_seed["erm"].main.cost)
    if "dm" in of_seed and (erm := of_seed["dm"].reference) is not None:
        return ErmCost(steps, erm.cost)
    plan = main_plan(settings, examples, budget=1.0, patience=None, seed=seed)
    train = stages.encodings.encoded(settings, stages.data.train)
    measured = next(iter(of_seed.values())).main.cost
    cost = plan_cost(settings, plan, train, stages.dev(settings), measured=measured)
    return ErmCost(steps, cost)
