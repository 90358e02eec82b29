"""Fine-tuning: one function for reference, main model and every baseline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback, TrainingArguments

from ftft.config.schema import FineTuning, Recording
from ftft.config.tasks import TASK_METRICS
from ftft.data.encode import EncodedDataset
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.dynamics.store import check_dynamics
from ftft.errors import ConfigError, first_line
from ftft.evaluation.training import Training
from ftft.tasks import TASKS
from ftft.training.adapters import parameter_counts
from ftft.training.allocator import keep_freed_memory
from ftft.training.arguments import Plan, recomputes, training_arguments
from ftft.training.checkpoints import StopAtStepEnd, resume_point, step_of, writing
from ftft.training.cost import CostMeter
from ftft.training.early_stopping import (
    Settled,
    StopWhenSettled,
    StopWhenStalled,
    watched_floor,
)
from ftft.training.erm_cost import planned_counter
from ftft.training.eval_recording import RecordingPasses
from ftft.training.flops import FlopCounter, flop_counter
from ftft.training.loggers import OwnFigures, Tracked, name_run, open_tensorboard, tracking
from ftft.training.models import load_model, quiet
from ftft.training.progress import OfRun, progress
from ftft.training.saved_adapters import write_about
from ftft.training.sharding import loaded_whole, name_units, save_whole, switches_kept
from ftft.training.sparse_embedding_grad import reuse_embedding_gradient
from ftft.training.trainer import FineTuner
from ftft.training.weights import check_weight_values
from ftft.utils import distributed, signals


@dataclass(frozen=True)
class DevSets:
    """Development sets, and which of them are watched.

    Attributes:
        sets: By name, encoded for the model in question.
        watched: Names of those whose mean score decides about stopping and kept weights.
        metric: The metric of that score.
    """

    sets: Mapping[str, EncodedDataset]
    watched: tuple[str, ...]
    metric: str


@dataclass(frozen=True, kw_only=True)
class FineTuned(Training):
    """A finished training and its files.

    Attributes:
        model_folder: The model and its tokenizer, for ``from_pretrained``.
        dynamics_folder: The recorded dynamics; None where none were recorded.
    """

    model_folder: Path
    dynamics_folder: Path | None


@switches_kept()
def finetune(
    settings: FineTuning,
    plan: Plan,
    train: EncodedDataset,
    dev: DevSets,
    tokenizer: Any,
    folder: Path,
    *,
    recording: Recording | None = None,
    settled: Settled | None = None,
    tracked: Tracked | None = None,
    say: Callable[[str], None] = print,
    of_run: OfRun | None = None,
) -> FineTuned:
    """Fine-tune a model and write it, with its dynamics where asked, below ``folder``.

    A training that was interrupted resumes from its last checkpoint in ``folder/checkpoints``,
    which stays: remove it when what was written is recorded as finished.

    Args:
        settings: The model and its optimiser settings.
        plan: How long it runs, when it stops, which weights are kept.
        train: The examples to train on.
        dev: Development sets. Test sets are not known here.
        tokenizer: The model's tokenizer, with which ``train`` and ``dev`` were encoded.
        folder: Where ``model/`` and ``dynamics/`` go.
        recording: Which logits to record; None records none.
        settled: Asked at every recording point whether what was recorded is enough, so that the
            training may stop; None: it runs to its end.
        tracked: How the training is followed where ``report_to`` asks for it; None: as the Trainer
            does.
        say: Receives a line: where an interrupted training resumes, what becomes of a head that
            the model has already, and, where there is no terminal, how far the training is.
        of_run: Where the training stands in a run, to be shown with its progress.

    Returns:
        What was trained, where it is and what it cost.

    Raises:
        ModelError: The model cannot be loaded, or its training diverges.
        ConfigError: ``training_arguments`` are refused.
        WorkspaceError: A checkpoint or the model cannot be written.
        DynamicsError: The dynamics cannot be written, or are damaged; or the training diverged.
        Stopped: The process was asked to stop; a checkpoint has been written.
    """
    checkpoints = folder / "checkpoints"
    dynamics = None if recording is None else folder / "dynamics"
    arguments = training_arguments(settings, plan, checkpoints)
    if tracked is not None:
        name_run(arguments, tracked)
    best = plan.keep == "best"
    resume = distributed.from_first(lambda: resume_point(checkpoints, dynamics, best=best, say=say))
    task = TASKS[train.labelled.task]
    classes = train.labelled.model_classes
    with loaded_whole(arguments):
        model = load_model(settings, classes, seed=plan.seed, task=task, say=say)
    name_units(model)
    if settings.quantization is None:
        flops = flop_counter(model, recomputing=recomputes(settings), as_inputs=task.as_inputs)
    else:
        # Rounded weights cannot be counted, and cost the same products as whole ones.
        flops = planned_counter(settings, len(classes), task)
    parameters = parameter_counts(model)
    _spare_memory(model, arguments)
    recorder = None
    if recording is not None:
        rank = arguments.process_index
        recorder = _recorder(folder / "dynamics", train, settings, plan, recording, rank)
    with _refusals_explained(settings):
        trainer = FineTuner(
            model=model,
            task=task,
            args=arguments,
            train=train,
            tokenizer=tokenizer,
            place=folder,
            horizon=plan.horizon,
            batching=settings.batching,
            dev=dev.sets,
            watched=dev.watched,
            metric=dev.metric,
            meter=CostMeter(),
            recorder=None if recording is None or recording.mode != "training" else recorder,
            callbacks=_callbacks(plan, dev, say, of_run),
        )
    save_whole(trainer)
    for callback in _at_points(trainer, train, recorder, recording, settled, tracked, flops):
        trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)
    trainer.dynamics = dynamics
    _train(trainer, resume, recorder, tracked)
    _save_model(trainer, settings, folder / "model")
    if dynamics is not None:
        # Damage must show here, where the checkpoints to record again from are still there.
        check_dynamics(dynamics)
    recorded = recorder is not None
    return _finetuned(trainer, folder, plan, flops, parameters, recorded=recorded)


def _spare_memory(model: Any, arguments: TrainingArguments) -> None:
    """Keep memory from step to step, where a CPU would fetch it anew."""
    if arguments.device.type != "cpu":
        return
    keep_freed_memory()
    # A launcher wraps even one process, and what wraps it wants its own kind of gradient.
    if not torch.distributed.is_initialized() and not arguments.torch_compile:
        reuse_embedding_gradient(model)


@contextlib.contextmanager
def _refusals_explained(settings: FineTuning) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ImportError, ValueError) as error:
        # Mostly an integration that is named in training_arguments and not installed.
        raise ConfigError(
            f"model {settings.model}: transformers.Trainer refuses the settings: "
            f"{first_line(error)}. Check training_arguments."
        ) from error


def _train(
    trainer: FineTuner,
    resume: Path | None,
    recorder: DynamicsRecorder | None,
    tracked: Tracked | None,
) -> None:
    with quiet(), tracking(tracked):
        if tracked is not None:
            open_tensorboard(trainer, tracked, 0 if resume is None else step_of(resume))
        with signals.deferred():
            trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
        if recorder is not None:
            recorder.flush()


def _save_model(trainer: FineTuner, settings: FineTuning, folder: Path) -> None:
    check_weight_values(trainer.model, str(trainer.place))
    with quiet(), writing(folder):
        trainer.save_model(str(folder))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        if settings.adapter is not None:
            with writing(folder):
                write_about(trainer.model, settings, trainer.task, folder)
        # A pickle of the arguments, which hold paths of this machine; stage.json says the same.
        (folder / "training_args.bin").unlink(missing_ok=True)


def _callbacks(
    plan: Plan, dev: DevSets, say: Callable[[str], None], of_run: OfRun | None
) -> list[Any]:
    early = []
    if plan.patience is not None:
        watched = (dev.sets[name].labelled for name in dev.watched)
        early = [StopWhenStalled(plan.patience, watched_floor(watched, dev.metric))]
    return [progress(say, of_run), *early, StopAtStepEnd()]


def _at_points(
    trainer: FineTuner,
    train: EncodedDataset,
    recorder: DynamicsRecorder | None,
    recording: Recording | None,
    settled: Settled | None,
    tracked: Tracked | None,
    flops: FlopCounter,
) -> Iterator[TrainerCallback]:
    """What records at recording points, and after it what looks at what was recorded."""
    points = 1
    if recorder is not None and recording is not None:
        points = recording.points_per_epoch
        if recording.mode != "training":
            yield RecordingPasses(trainer, recorder, train, points)
        if settled is not None:
            yield StopWhenSettled(trainer, recorder, len(train), points, settled)
    if tracked is not None:
        yield OwnFigures(trainer, tracked, flops, recorder, (len(train), points))


def _recorder(
    folder: Path,
    train: EncodedDataset,
    settings: FineTuning,
    plan: Plan,
    recording: Recording,
    rank: int,
) -> DynamicsRecorder:
    labelled, task = train.labelled, TASKS[train.labelled.task]
    made = DynamicsRecorder(
        folder,
        example_ids=labelled.example_ids,
        encoding=task.encoding,
        **task.recorder(labelled),
        lengths=train.lengths,
        integers="positions",
        rank=rank,
        points_per_epoch=recording.points_per_epoch,
        meta={
            "model": settings.model,
            "layers": settings.layers,
            "seed": plan.seed,
            "data": labelled.fingerprint,
        },
    )
    made.check_recorded(0)  # the folder is this training's own, and may hold an interrupted try
    return made


def _finetuned(
    trainer: FineTuner,
    folder: Path,
    plan: Plan,
    flops: FlopCounter,
    parameters: tuple[int, int],
    *,
    recorded: bool,
) -> FineTuned:
    history = _history(trainer.state.log_history)
    best = plan.keep == "best" and trainer.state.best_global_step
    kept = int(best or trainer.state.global_step)
    at_kept = next(entry for entry in reversed(history) if entry["step"] == kept)
    scores = {
        name: {metric: at_kept[f"{name}_{metric}"] for metric in TASK_METRICS[trainer.task.name]}
        for name in trainer.dev
    }
    return FineTuned(
        model_folder=folder / "model",
        dynamics_folder=folder / "dynamics" if recorded else None,
        steps=trainer.state.global_step,
        kept_step=kept,
        precision="bf16" if trainer.args.bf16 else "fp16" if trainer.args.fp16 else "fp32",
        cost=trainer.meter.cost(flops),
        dev_scores=scores,
        history=history,
        trained_parameters=parameters[0],
        parameters=parameters[1],
    )


def _history(log: list[dict[str, float]]) -> list[dict[str, float]]:
    return [
        {"step": entry["step"]}
        | {
            name.removeprefix("eval_"): value
            for name, value in entry.items()
            if name.startswith("eval_")
        }
        for entry in log
        if "eval_watched" in entry
    ]
