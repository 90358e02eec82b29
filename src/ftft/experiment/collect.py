"""From finished stages to the plain values that results are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft.config.data import EVALUATION_ROLES
from ftft.config.methods import METHODS, REFERENCE
from ftft.config.schema import Experiment
from ftft.data.assembly import HOLDOUT_SEED
from ftft.data.dataset import TaskData
from ftft.evaluation.training import Training
from ftft.experiment.maps import DrawnMap
from ftft.experiment.plans import erm_plan, method_plan
from ftft.experiment.selections import Selected
from ftft.experiment.stages import Stages
from ftft.results import record
from ftft.results.read import Results
from ftft.results.record import ErmCost, MethodRun
from ftft.results.run import Cell
from ftft.tasks import TASKS
from ftft.training.arguments import full_steps
from ftft.training.erm_cost import plan_cost
from ftft.workspace.stage import Stage


@dataclass(frozen=True, kw_only=True)
class StagedRun(MethodRun):
    """One method with one seed, and its stages.

    Attributes:
        trained: The stage that trained its main model.
        selection: The one that selected; None where all examples are trained on.
        datamap: FTFT's map; None for other methods.
    """

    trained: Stage[Training]
    selection: Stage[Selected] | None = None
    datamap: Stage[DrawnMap] | None = None


def method_run(
    stages: Stages,
    method: str,
    seed: int,
    trained: Stage[Training],
    selection: Stage[Selected] | None = None,
    reference: Stage[Training] | None = None,
) -> StagedRun:
    """Put together what one method did with one seed."""
    experiment, model = stages.experiment, None
    if reference is not None:
        own = METHODS[method].charged == REFERENCE
        model = (experiment.reference if own else experiment.main).label
    strategy, fraction = None, 1.0
    if selection is not None:
        strategy, fraction = selection.result.strategy, experiment.selection.fraction
    examples = len(stages.data.train)
    # What may spend FTFT's cost has no patience, and takes all its steps.
    plan = method_plan(experiment, method, examples, seed=seed)
    return StagedRun(
        cell=Cell(experiment.name, method, model, experiment.main.label, strategy, fraction),
        seed=seed,
        trained=trained,
        selection=selection,
        environment=trained.environment,
        main=trained.result,
        reference=None if reference is None else reference.result,
        selected=examples if selection is None else selection.result.selected,
        most_steps=None if plan.patience is None else plan.steps,
        patience=plan.patience,
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
    plan = erm_plan(stages.experiment, examples, seed=seed)
    train = stages.encodings.encoded(settings, stages.data.train)
    measured = next(iter(of_seed.values())).main.cost
    cost = plan_cost(settings, plan, train, stages.dev(settings).sets.values(), measured=measured)
    return ErmCost(steps, cost)


def collect(
    experiment: Experiment, data: TaskData, folder: Path, records: Sequence[dict[str, Any]]
) -> Results:
    """Write the ``results.json`` of an experiment; see :func:`ftft.results.record.collect`."""
    about = {
        "fingerprint": data.fingerprint,
        "train_examples": len(data.train),
        "holdout_seed": None if experiment.data.dev else HOLDOUT_SEED,
        "classes": list(data.class_names),
        "sets": {
            role: {name: len(dataset) for name, dataset in getattr(data, role).items()}
            for role in EVALUATION_ROLES
        },
        "floors": {
            name: floor
            for role in EVALUATION_ROLES
            for name, dataset in getattr(data, role).items()
            if (floor := TASKS[dataset.task].floor([dataset])) is not None
        },
        **(
            {"left_out": {name: dict(lost) for name, lost in data.left_out.items()}}
            if data.left_out
            else {}
        ),
    }
    return record.collect(folder, experiment.name, experiment.metric, about, records)
