"""One step of a training so small that it shows only whether the Trainer's settings work."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer

from ftft.config.schema import FineTuning
from ftft.errors import ConfigError, first_line
from ftft.training.arguments import REPORTING, Plan, training_arguments
from ftft.training.models import quiet
from ftft.training.sharding import unsharded
from ftft.utils import distributed

_PLAN = Plan(steps=1, horizon=1_000, evaluate_every=1, patience=None, keep="last", seed=0)

# What only the real model, more processes or minutes of compiling could show.
_LEFT_OUT = {
    *("fsdp", "fsdp_config", "deepspeed", "parallelism_config", *REPORTING),
    *("torch_compile", "torch_compile_backend", "torch_compile_mode", "dataloader_num_workers"),
    *("dataloader_prefetch_factor", "dataloader_persistent_workers"),
}
_HINTS = {
    "lr_scheduler_type": "; keywords that a schedule needs go into lr_scheduler_kwargs",
    "lr_scheduler_kwargs": "; they must be those of the schedule that lr_scheduler_type names",
    "optim": "; a package that it needs has to be installed, and its keywords go into optim_args",
}


def check_training(settings: FineTuning) -> None:
    """Check that a training with these settings can start: optimiser, schedule and one step.

    Args:
        settings: The model and its optimiser settings. The model itself is not loaded.

    Raises:
        ConfigError: It cannot; the message names the field that is in the way.
    """
    training_arguments(settings, _PLAN, Path())
    given = settings.training_arguments
    if given.keys() <= REPORTING and settings.precision != "fp16":
        return  # ftft's own values, which are known to work
    problem = _rehearse(settings)
    if problem is None:
        return
    alone = [name for name in given if _rehearse(_without(settings, name)) is None]
    named = {name: given[name] for name in alone or given} or {"precision": settings.precision}
    values = " and ".join(f"{name} {value!r}" for name, value in named.items())
    hint = next((_HINTS[name] for name in named if name in _HINTS), "")
    raise ConfigError(
        f"training_arguments of model {settings.model}: no training can start with {values}: "
        f"{first_line(problem)}; give another value or leave it out{hint}."
    ) from problem


def _without(settings: FineTuning, name: str) -> FineTuning:
    given = settings.training_arguments
    left = {other: given[other] for other in given if other != name}
    return settings.model_copy(update={"training_arguments": left})


def _rehearse(settings: FineTuning) -> Exception | None:
    """What goes wrong with these settings; None where nothing does."""
    given = settings.training_arguments
    tried = {name: given[name] for name in given if name not in _LEFT_OUT}
    if tried.get("optim_target_modules") is not None:
        tried["optim_target_modules"] = "all-linear"  # the real model's names are not here
    chosen = settings.model_copy(update={"training_arguments": tried})
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            quiet(),
            unsharded(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            _make_left_out(given)
            _step(training_arguments(chosen, _PLAN, Path(folder)))
    # Any exception: optimisers, schedules and integrations have no common base.
    except Exception as error:
        return error
    return None


def _make_left_out(given: Mapping[str, Any]) -> None:
    """Make, and do not use, what takes processes or minutes when it is used."""
    loading = ("num_workers", "prefetch_factor", "persistent_workers")
    names = {name: f"dataloader_{name}" for name in loading if f"dataloader_{name}" in given}
    DataLoader([0], **{name: given[field] for name, field in names.items()})  # type: ignore[arg-type]  # any sequence will do
    mode, backend = given.get("torch_compile_mode"), given.get("torch_compile_backend")
    if mode is not None or backend is not None:
        torch.compile(torch.nn.Identity(), mode=mode, backend=str(backend or "inductor").lower())


class _Rehearsal(Trainer):
    """With the horizon of a real training."""

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        return super().create_scheduler(_PLAN.horizon, optimizer)


def _step(arguments: Any) -> None:
    arguments.save_strategy = arguments.eval_strategy = "no"
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = BertForSequenceClassification(BertConfig(vocab_size=8, intermediate_size=8, **sizes))
    row = {"input_ids": [1, 2], "attention_mask": [1, 1], "labels": 0}
    rows: Any = [row] * arguments.train_batch_size
    trainer = _Rehearsal(model=model, args=arguments, train_dataset=rows)
    trainer.remove_callback(PrinterCallback)
    if distributed.count() > 1:
        # A step is one of all processes together, and here they come one after the other.
        trainer.create_optimizer_and_scheduler(_PLAN.horizon)
    else:
        trainer.train()
