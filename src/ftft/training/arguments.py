"""From ftft's settings to ``transformers.TrainingArguments``."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from ftft.config.problems import Problem
from ftft.config.schema import FineTuning, Main
from ftft.errors import ConfigError, first_line
from ftft.training.logger_checks import check_services
from ftft.training.precision import resolve_precision
from ftft.training.sharding import check_sharding
from ftft.utils.distributed import count
from ftft.utils.plural import counted

# Fields that ftft sets from its own keys, with the key to use instead.
OWN_KEYS = {
    "learning_rate": "learning_rate",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size (examples per optimiser step over all processes)",
    "per_device_eval_batch_size": "eval_batch_size",
    "warmup_steps": "warmup",
    "max_steps": "main.budget",
    "seed": "seeds",
    "data_seed": "seeds",
    "eval_steps": "main.evaluations",
    "metric_for_best_model": "metric and main.watch",
    "load_best_model_at_end": "main.keep",
    "output_dir": "output",
    "bf16": "precision",
    "fp16": "precision",
    "train_sampling_strategy": "batching",
}
# Fields whose change would break recording, stopping or resuming.
GOVERNED = {
    "eval_strategy",
    "save_strategy",
    "save_steps",
    "save_only_model",
    "save_total_limit",
    "greater_is_better",
    "remove_unused_columns",
    "restore_callback_states_from_checkpoint",
    "ignore_data_skip",
    "do_train",
    "do_eval",
    "do_predict",
    "label_names",
    "prediction_loss_only",
    "batch_eval_metrics",
    "eval_do_concat_batches",
    "auto_find_batch_size",
    "dataloader_drop_last",
    "disable_tqdm",
    "eval_delay",
    "eval_on_start",
    "save_on_each_node",
    "enable_jit_checkpoint",
    "local_rank",
}
_PUSH = (
    "it would upload every checkpoint of reference, main model and baselines to one repository, "
    "each over the one before; leave it out, and share what is finished with `ftft push`."
)
# Fields that act outside the run folder, with what to do instead; of older versions too.
OUTSIDE = {
    **dict.fromkeys(
        (
            *("push_to_hub", "hub_model_id", "hub_private_repo", "hub_strategy", "hub_revision"),
            *("hub_always_push", "push_to_hub_model_id", "push_to_hub_organization"),
        ),
        _PUSH,
    ),
    **dict.fromkeys(
        ("hub_token", "push_to_hub_token"),
        "a token does not belong into a file that is copied into every run folder; leave it out, "
        "and log in with `hf auth login` or the variable HF_TOKEN.",
    ),
    "logging_dir": "logs go to the folder logs of the run folder, or where the variable "
    "TENSORBOARD_LOGGING_DIR says; leave it out.",
    "overwrite_output_dir": "a folder is never overwritten; leave it out, and give another output, "
    "or `--force-stage STAGE` to train a stage again.",
    "resume_from_checkpoint": "an interrupted training resumes by itself when the same command is "
    "given again, and from no checkpoint but its own; leave it out.",
}

# Fields that say where and how often a training is logged, and leave the training as it is.
REPORTING = {
    "report_to",
    "run_name",
    "project",
    "trackio_space_id",
    "trackio_bucket_id",
    "trackio_static_space_id",
    "logging_strategy",
    "logging_steps",
    "logging_first_step",
    "log_level",
    "log_level_replica",
}

STOP_METRIC = "eval_watched"


@dataclass(frozen=True)
class Plan:
    """How long one training runs and what it looks at.

    Attributes:
        steps: Optimiser steps at most (the budget).
        horizon: Step at which the learning rate reaches zero.
        evaluate_every: Steps between scorings of the development sets.
        patience: Scorings without improvement before it stops; None: it never does.
        keep: ``best`` or ``last`` weights.
        seed: Seed of the head's initial weights, the order of the data and dropout.
    """

    steps: int
    horizon: int
    evaluate_every: int
    patience: int | None
    keep: str
    seed: int


def full_steps(settings: FineTuning, examples: int) -> int:
    """Optimiser steps of ``settings.epochs`` epochs over ``examples`` examples; at least 1."""
    return max(1, round(settings.epochs * -(-examples // settings.batch_size)))


def reference_plan(settings: FineTuning, examples: int, *, seed: int) -> Plan:
    """The reference runs its epochs to the end, scored once an epoch, last weights kept."""
    steps = full_steps(settings, examples)
    per_epoch = -(-examples // settings.batch_size)
    return Plan(steps, steps, min(per_epoch, steps), patience=None, keep="last", seed=seed)


def main_plan(
    settings: Main, examples: int, *, budget: float, patience: int | None, seed: int
) -> Plan:
    """The plan of a main model: FTFT's, ERM's or a baseline's.

    Args:
        settings: The main model's settings.
        examples: Size of the *full* training set, from which ERM's length follows, whatever
            the model is then trained on.
        budget: Steps at most, as a share of ERM's full length, in (0, 1].
        patience: Scorings without improvement before it stops; None: it never does.
        seed: The seed.
    """
    erm = full_steps(settings, examples)
    steps = max(1, round(budget * erm))
    every = settings.evaluate_every or max(1, round(erm / settings.evaluations))
    return Plan(
        steps=steps,
        horizon=erm if settings.horizon == "erm" else steps,
        evaluate_every=min(steps, every),
        patience=patience,
        keep=settings.keep,
        seed=seed,
    )


def equal_cost_plan(settings: Main, examples: int, *, share: float, seed: int) -> Plan:
    """The plan of a main model that may cost a share of what ERM costs, and takes all of it.

    Args:
        settings: The main model's settings.
        examples: Size of the full training set, as for :func:`main_plan`.
        share: Of ERM's total cost; above 1 it trains longer than ERM.
        seed: The seed.
    """
    whole = main_plan(settings, examples, budget=1.0, patience=None, seed=seed)
    steps = max(1, round(share * whole.steps))
    every = min(steps, whole.evaluate_every)
    return replace(whole, steps=steps, horizon=steps, evaluate_every=every)


def check_training_arguments(raw: Mapping[str, Any]) -> list[Problem]:
    """Problems of the ``training_arguments`` of reference and main; none is good."""
    known = {
        field.name: field.type for field in dataclasses.fields(TrainingArguments) if field.init
    }
    problems = []
    for section in ("reference", "main"):
        settings = raw.get(section)
        given = settings.get("training_arguments") if isinstance(settings, dict) else None
        for name, value in given.items() if isinstance(given, dict) else ():
            key = f"{section}.training_arguments.{name}"
            if problem := _problem(str(name), value, known, section):
                problems.append(replace(problem, key=key))
    return problems


def _problem(name: str, value: Any, known: Mapping[str, Any], section: str) -> Problem | None:
    if name in OWN_KEYS:
        key = OWN_KEYS[name]
        own = key if "." in key or key in ("seeds", "output") else f"{section}.{key}"
        return Problem(f"ftft sets this itself; use {own}.")
    if name in OUTSIDE:
        return Problem(OUTSIDE[name])
    if name in GOVERNED:
        text = "ftft needs its own value here, for recording, stopping and resuming; leave it out."
        return Problem(text)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        text = "transformers.TrainingArguments has no such field"
        return Problem(text, offer=near[0]) if near else Problem(f"{text}.")
    if known[name] in (bool, bool | None) and isinstance(value, str):
        # Any text, `off` too, would be true to the Trainer.
        return Problem(f"must be true or false (found {value!r})")
    return None


def decisive(settings: FineTuning) -> dict[str, Any]:
    """All settings of a fine-tuning that its outcome depends on, as plain values."""
    values = settings.model_dump(include=set(FineTuning.model_fields))
    given = values["training_arguments"]
    # Stages of before these keys existed stay what they are.
    for key in ("adapter", "quantization", "attn_implementation"):
        if values[key] is None:
            del values[key]
    return values | {
        "training_arguments": {name: given[name] for name in given if name not in REPORTING}
    }


def training_arguments(settings: FineTuning, plan: Plan, folder: Path) -> TrainingArguments:
    """The Trainer's arguments for one training.

    The paper's settings (section 3): AdamW with epsilon 1e-6 and no weight decay, linear decay,
    gradient norm at most 1. ``settings.training_arguments`` come last and win.

    Raises:
        ConfigError: A value is refused by ``TrainingArguments`` or acts outside the run folder, the
            batch is not divisible by processes and accumulation steps, or DeepSpeed or a service
            in ``report_to`` is not installed.
    """
    extra = settings.training_arguments
    for name in extra:
        if name in OUTSIDE:
            raise ConfigError(
                f"training_arguments of model {settings.model}: {name}: {OUTSIDE[name]}"
            )
    check_sharding(extra, settings.model)
    best = plan.keep == "best"
    precision = resolve_precision(settings.precision)
    values: dict[str, Any] = {
        "output_dir": str(folder),
        "learning_rate": settings.learning_rate,
        "per_device_train_batch_size": per_device_batch(settings),
        "per_device_eval_batch_size": settings.eval_batch_size,
        "max_steps": plan.steps,
        "warmup_steps": settings.warmup,
        "lr_scheduler_type": "linear",
        "adam_epsilon": 1e-6,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "seed": plan.seed,
        "eval_strategy": "steps",
        "eval_steps": plan.evaluate_every,
        "save_strategy": "steps",
        "save_steps": plan.evaluate_every,
        "save_total_limit": None,  # older ones are removed when the new one is safe
        "load_best_model_at_end": best,
        "metric_for_best_model": STOP_METRIC,
        "greater_is_better": True,
        "restore_callback_states_from_checkpoint": True,
        "logging_steps": max(1, plan.evaluate_every // 4),
        # Looking at the loss in every step would make a GPU wait in every step.
        "logging_nan_inf_filter": False,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "disable_tqdm": True,
        "report_to": "none",
        "use_cpu": not torch.accelerator.is_available(),
    }
    arguments = _made(values, extra)
    if isinstance(arguments, Exception):
        raise _refused(settings, values, arguments) from arguments
    check_services(arguments.report_to, settings.model)
    # One process drives one GPU. The Trainer would spread it over all that it sees, and each step
    # would then have more examples than batch_size says.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _refused(settings: FineTuning, own: Mapping[str, Any], error: Exception) -> ConfigError:
    """What is wrong with the user's arguments: those without which they would be taken."""
    extra = settings.training_arguments
    alone = [
        name
        for name in extra
        if not isinstance(_made(own, {k: extra[k] for k in extra if k != name}), Exception)
    ]
    given = " and ".join(f"{name} {extra[name]!r}" for name in alone or extra)
    return ConfigError(
        f"training_arguments of model {settings.model}: {given or 'they'}: refused by "
        f"transformers.TrainingArguments: {first_line(error)}. Give another value, or leave it out."
    )


def _made(own: Mapping[str, Any], extra: Mapping[str, Any]) -> TrainingArguments | Exception:
    try:
        return TrainingArguments(**{**own, **extra})
    # Any exception: fields that name files or packages are looked at there.
    except Exception as error:
        return error


def recomputes(settings: FineTuning) -> bool:
    """Whether activations are computed a second time in the backward pass, to save memory."""
    names = ("gradient_checkpointing", "activation_checkpointing")
    return any(bool(settings.training_arguments.get(name)) for name in names)


def per_device_batch(settings: FineTuning) -> int:
    """Examples per process and accumulation step, so that a step has ``batch_size`` in all.

    Raises:
        ConfigError: The batch is not divisible.
    """
    processes = count()
    accumulation = int(settings.training_arguments.get("gradient_accumulation_steps", 1))
    per_device, left = divmod(settings.batch_size, processes * accumulation)
    if left or per_device == 0:
        raise ConfigError(
            f"batch_size {settings.batch_size} of model {settings.model} is not divisible by "
            f"{processes * accumulation} ({counted(processes, 'process', 'processes')} x "
            f"{counted(accumulation, 'accumulation step')}); choose a multiple, since it counts "
            "the examples of a whole optimiser step."
        )
    return per_device
