"""Sharding a training over processes, by FSDP or DeepSpeed: what this machine lacks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import torch

from ftft.config.schema import Experiment
from ftft.errors import ConfigError


def check_sharding(given: Mapping[str, Any], model: str) -> None:
    """Check that the package of what is asked for is there.

    Args:
        given: ``training_arguments``.
        model: Whose they are, for the message.

    Raises:
        ConfigError: DeepSpeed is asked for, and not installed.
    """
    if given.get("deepspeed") and find_spec("deepspeed") is None:
        raise ConfigError(
            f"training_arguments of model {model}: deepspeed needs a package that is not "
            "installed: give `pip install deepspeed` (it needs a GPU), or leave deepspeed out."
        )


def sharding_notes(experiments: Iterable[Experiment]) -> list[str]:
    """Where FSDP is asked for and would do nothing, a note for each section; each once."""
    if torch.accelerator.is_available():
        return []
    return [
        f"note: {section}.training_arguments.fsdp has no effect here: Accelerate shards on GPUs "
        "only, and there is none, so each process holds the whole model"
        for section in ("reference", "main")
        if any(getattr(one, section).training_arguments.get("fsdp") for one in experiments)
    ]
