"""The stages that train: the reference, the main model, and the baselines' main models."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from ftft.config.idle import idle_in_training
from ftft.config.methods import TRAINED_BY
from ftft.config.schema import FineTuning, Recording
from ftft.data.dataset import LabelledDataset
from ftft.dynamics.container import TrainingDynamics
from ftft.evaluation.training import Training
from ftft.experiment.logged_metrics import tracked
from ftft.experiment.plans import method_plan
from ftft.experiment.selections import Selected, take_selection
from ftft.experiment.stages import Stages
from ftft.selection.selection import Selection
from ftft.tasks import TASKS
from ftft.training.arguments import Plan, decisive, reference_plan
from ftft.training.finetune import finetune
from ftft.training.logger_checks import is_tracked
from ftft.training.models import model_fingerprint
from ftft.training.progress import OfRun
from ftft.transfer.early_stopping import StopWhenStable
from ftft.transfer.stability import FollowedMap
from ftft.utils.plural import counted
from ftft.workspace.stage import Stage


def train_reference(stages: Stages, seed: int) -> Stage[Training]:
    """Fine-tune the reference on the whole training set, recording its dynamics."""
    settings, drawn, until = stages.experiment.reference, stages.experiment.map, None
    plan = reference_plan(settings, len(stages.data.train), seed=seed)
    if settings.stop == "stable":
        until = StopWhenStable(settings.stable_share, **drawn.stopping())
    ways: dict[str, Any] = {"recording": settings.recording, "until": until}
    return _finetune(stages, "reference", settings, plan, **ways)


def train_main(
    stages: Stages, name: str, selection: Stage[Selected], seed: int, method: str = ""
) -> Stage[Training]:
    """Fine-tune the main model on a selection, for as long as a method does.

    Args:
        stages: The experiment.
        name: Name of the stage.
        selection: What it trains on.
        seed: The seed.
        method: Whose length it has; empty: that of the method with this stage.
    """
    return _train(stages, name, seed, selection=selection, method=method)


def train_main_for(
    stages: Stages, name: str, flops: float, seed: int, selection: Stage[Selected] | None = None
) -> Stage[Training]:
    """Fine-tune the main model for as many operations as something else cost.

    Its learning rate reaches zero at the end and nothing stops it before: what a person would
    do who has that much to spend.

    Args:
        stages: The experiment.
        name: Name of the stage.
        flops: What may be spent, the scoring of development sets counted in.
        seed: The seed.
        selection: What it trains on; None: everything.
    """
    train = stages.train_set(stages.experiment.main, selection)
    # Batches of a selection can be smaller or longer than those of all the data.
    share = flops / stages.full_length_flops(train, seed)
    return _train(stages, name, seed, selection=selection, share=share)


def train_main_on(stages: Stages, selection: Selection, seed: int) -> Stage[Training]:
    """Fine-tune the main model on a selection from elsewhere."""
    return train_main(stages, "given", take_selection(stages, selection, seed), seed, "ftft")


def train_erm(stages: Stages, seed: int, *, stop_early: bool = False) -> Stage[Training]:
    """Fine-tune the main model on everything, for its full length unless it stops early."""
    if stop_early:
        return _train(stages, "erm_es", seed)
    # Recording is all but free, and the data-map baseline may be asked for later.
    return _train(stages, "erm", seed, recording=Recording())


def _train(
    stages: Stages,
    name: str,
    seed: int,
    *,
    selection: Stage[Selected] | None = None,
    method: str = "",
    share: float = 1.0,
    recording: Recording | None = None,
) -> Stage[Training]:
    method, examples = method or TRAINED_BY[name].key, len(stages.data.train)
    plan = method_plan(stages.experiment, method, examples, seed=seed, share=share)
    settings = stages.experiment.main
    return _finetune(stages, name, settings, plan, selection=selection, recording=recording)


def _finetune(
    stages: Stages,
    name: str,
    settings: FineTuning,
    plan: Plan,
    *,
    selection: Stage[Selected] | None = None,
    recording: Recording | None = None,
    until: StopWhenStable | None = None,
) -> Stage[Training]:
    inputs = {
        # Only what fine-tuning reads, so that a changed budget leaves ERM alone.
        "settings": decisive(settings),
        "model": model_fingerprint(settings),
        "plan": asdict(plan),
        "train": stages.data.train.fingerprint,
        # What is selected, not why: another map that selects the same changes nothing.
        "selection": None if selection is None else selection.result.content,
        "dev": {name: one.fingerprint for name, one in stages.dev_data(settings).items()},
        "watched": stages.watched(settings),
        "metric": stages.experiment.metric,
        "recording": None if recording is None else recording.model_dump(),
        "until": None if until is None else until.to_dict(),
    }
    build = partial(_build, stages, name, settings, plan, selection, recording, until)
    idle = idle_in_training(settings, stages.experiment.task)
    selected = "" if selection is None else selection.name
    ways: dict[str, Any] = {"collective": True, "selected": selected, "idle": idle}
    stage = stages.run(f"{name}/seed-{plan.seed}", inputs, build, Training.from_dict, **ways)
    if not stage.reused:
        sets, metric = stages.dev_data(settings), stages.experiment.metric
        for line in training_in_words(stage.result, plan, sets, metric):
            stages.say(line)
    if stages.overall is not None:
        stages.overall.ended(stage.name, stage.result, stage.environment)
    return stage


def _build(
    stages: Stages,
    name: str,
    settings: FineTuning,
    plan: Plan,
    selection: Stage[Selected] | None,
    recording: Recording | None,
    until: StopWhenStable | None,
    folder: Path,
) -> dict[str, Any]:
    stage = f"{name}/seed-{plan.seed}"
    of_run = None if stages.overall is None else stages.overall.place(stage)
    if stages.overall is not None and (opening := stages.overall.opening()):
        stages.say(opening)
    stages.say(_beginning(f"{stage}: ", plan.steps, of_run))
    start = time.perf_counter()
    train = stages.train_set(settings, selection)
    dev = stages.dev(settings)
    # Early stopping and logged figures look at the same pass over what is recorded.
    drawn = stages.experiment.map
    recorded, followed = FollowedMap(drawn.burn_in), None
    if is_tracked(settings):
        followed = tracked(stages, name, plan.seed, train.labelled, recorded)

    def until_settled(found: TrainingDynamics) -> bool:
        assert until is not None, "it is asked for"
        return until.is_reached(recorded.update(found.measured_by(drawn.measure)))

    prepared = time.perf_counter() - start
    tuned = finetune(
        settings,
        plan,
        train,
        dev,
        stages.encodings.tokenizer(settings),
        folder,
        recording=recording,
        settled=None if until is None else until_settled,
        tracked=followed,
        say=stages.say,
        of_run=of_run,
    )
    cost = replace(tuned.cost, preparation_seconds=prepared)
    ood = [name for name in dev.sets if name in stages.data.dev_ood]  # for ftft preflight
    floors = dev_floors(stages.dev_data(settings))  # for ftft predict
    return replace(tuned, cost=cost).to_dict() | {"dev_ood": ood, "dev_floors": floors}


def dev_floors(dev: Mapping[str, LabelledDataset]) -> dict[str, float]:
    """The accuracy of always giving the same answer, of the development sets that have one."""
    floors = {name: TASKS[one.task].floor([one]) for name, one in dev.items()}
    return {name: floor for name, floor in floors.items() if floor is not None}


def _beginning(name: str, steps: int, of_run: OfRun | None) -> str:
    length = f", at most {counted(steps, 'step')}"
    if of_run is None:
        return f"{name}training{length}"
    return of_run.said(name, length, of_run.left_before)


def training_in_words(
    trained: Training, plan: Plan, dev: Mapping[str, LabelledDataset], metric: str
) -> Iterator[str]:
    """How a training went, and where it learnt nothing.

    Args:
        trained: What the training came to.
        plan: How long it might have run.
        dev: The development sets that it was scored on.
        metric: The metric to show.
    """
    reached = trained.dev_scores
    scores = ", ".join(f"{name} {values[metric]:.3f}" for name, values in reached.items())
    yield (
        f"  {trained.steps:,} of at most {counted(plan.steps, 'step')}, weights of step "
        f"{trained.kept_step:,}, {trained.precision}; {metric.replace('_', '-')} {scores}"
    )
    if trained.trained_parameters < trained.parameters:
        share = trained.trained_parameters / trained.parameters
        yield (
            f"  trained {trained.trained_parameters:,} of {trained.parameters:,} parameters "
            f"({share:.1%})"
        )
    for name, floor in dev_floors(dev).items():
        if reached[name]["accuracy"] <= floor:
            yield (
                f"  note: on {name} this model is no better than always answering with the "
                f"most frequent class (accuracy {floor:.3f}); {_remedy(trained, plan)}"
            )


def _remedy(trained: Training, plan: Plan) -> str:
    """What may help a training that learnt nothing: first of all, not to end it early."""
    rest = "train it longer or with another learning rate"
    if trained.steps >= plan.steps:
        return rest
    ended = "stop: stable" if plan.patience is None else f"patience {plan.patience}"
    other = "stop: full" if plan.patience is None else "a larger patience, or null"
    return f"early stopping ended it ({ended}): set {other}; or {rest}"
