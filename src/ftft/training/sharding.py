"""Sharding a training over processes, by FSDP or DeepSpeed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from transformers import Trainer, TrainingArguments
from transformers.integrations import deepspeed

from ftft.config.schema import Experiment
from ftft.errors import ConfigError

# What Accelerate reads, and sets where a training's own arguments ask for it.
_SWITCHES = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")


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
            "installed: run `pip install deepspeed`, or leave deepspeed out."
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


@contextlib.contextmanager
def switches_kept() -> Iterator[None]:
    """What a training in this block switches on ends with it.

    Accelerate sets environment variables and transformers a global one, which would shard the
    models that come after as well.
    """
    before = {name: os.environ[name] for name in _SWITCHES if name in os.environ}
    try:
        yield
    finally:
        for name in _SWITCHES:
            os.environ.pop(name, None)
        os.environ.update(before)
        deepspeed.unset_hf_deepspeed_config()


@contextlib.contextmanager
def unsharded() -> Iterator[None]:
    """Every process has whole models in this block, also where a launcher asks for shards.

    FSDP and DeepSpeed shard a model together with its optimiser, which scoring has none of.
    """
    with switches_kept():
        for name in _SWITCHES:
            os.environ.pop(name, None)
        deepspeed.unset_hf_deepspeed_config()
        yield


@contextlib.contextmanager
def loaded_whole(arguments: TrainingArguments) -> Iterator[None]:
    """Load models whole in this block, also where a part or nothing would be loaded.

    ZeRO's third stage loads parts, and FSDP as launchers set it up the first process only. A new
    head, frozen parts and the counted operations need all weights; they are sharded when the
    training starts, and DeepSpeed gathers them when it saves the model.
    """
    plugin = getattr(arguments, "deepspeed_plugin", None)
    config = None if plugin is None else plugin.hf_ds_config
    if config is not None and config.is_zero3():
        # Without it nothing is saved but the shards, which only DeepSpeed reads.
        config.config["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] = True
    try:
        with unsharded():
            yield
    finally:
        if config is not None:
            deepspeed.set_hf_deepspeed_config(config)


def name_units(model: Any) -> None:
    """Name the modules that FSDP shards one by one, if nobody else does: layers, not embeddings.

    Accelerate takes all that may not be split over devices. It ends with an error where one of
    them holds the input embeddings, as BERT's do, which it shards by themselves too, and where one
    does not occur in the model.
    """
    network = model.get_base_model() if hasattr(model, "get_base_model") else model
    embeddings = input_embeddings(network)
    found: dict[str, bool] = {}
    for module in network.modules():
        holds = any(part is embeddings for part in module.modules())
        found[type(module).__name__] = found.get(type(module).__name__, False) or holds
    units = network._no_split_modules or ()
    network._no_split_modules = [name for name in units if found.get(name) is False]


def input_embeddings(network: Any) -> Any:
    """The module of the input embeddings; None where there is no single one (CANINE)."""
    try:
        return network.get_input_embeddings()
    except NotImplementedError:
        return None


def save_whole(trainer: Trainer) -> None:
    """Have FSDP save whole weights: shards are no model that others can load."""
    plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
    if plugin is not None:
        # Those of shards would stay as they are, and do not fit whole weights.
        plugin.state_dict_config = plugin.optim_state_dict_config = None
        plugin.set_state_dict_type("FULL_STATE_DICT")
