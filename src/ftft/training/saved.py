"""Loading what a training wrote: a whole model, or an adapter on the model it was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer

from ftft.config.adapter import ADAPTER_FILE
from ftft.errors import ModelError, WorkspaceError
from ftft.tasks import TASKS
from ftft.tasks.base import Task
from ftft.tasks.classification import CLASSIFICATION
from ftft.tasks.outputs import auto_model
from ftft.training.adapters import add_adapter, refuse_lost_beside, require_peft
from ftft.training.beside import check_beside
from ftft.training.models import explained, quiet, resolve_model, with_words
from ftft.training.quantized import loading
from ftft.training.saved_adapters import (
    find_base,
    is_adapter,
    load_weights,
    read_about,
    rounding_in,
)
from ftft.training.weights import WEIGHTS, check_weight_values, check_weights
from ftft.utils.atomic import atomic_path
from ftft.utils.below import CONFIG_NAME, models_below, models_instead


def task_of(folder: Path) -> Task:
    """The task of a finished model, by the class that its ``config.json`` names."""
    try:
        named = json.loads((folder / "config.json").read_bytes())["architectures"]
        found = [task for task in TASKS.values() if _classes(task) & set(named)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        found = []
    return found[0] if found else CLASSIFICATION


def _classes(task: Task) -> set[str]:
    """Names of the classes of ``transformers`` that are models of a task."""
    return {
        name
        for names in auto_model(task)._model_mapping._model_mapping.values()
        for name in (names if isinstance(names, tuple) else (names,))
    }


def load_finetuned(
    folder: str | Path,
    *,
    trust_remote_code: bool = False,
    task: Task | None = None,
    base: str | None = None,
) -> tuple[Any, Any]:
    """Load a model that ftft wrote, with its tokenizer, from a local folder.

    Args:
        folder: A whole model, or an adapter, which is put on the model it was trained on.
        trust_remote_code: Whether the model's own code may be run.
        task: What the model is for; None: what its ``config.json`` says.
        base: Of an adapter, another name for the model it was trained on, where the one in its
            folder leads nowhere.

    Returns:
        The model and its tokenizer. A model with an adapter is a ``peft.PeftModel``.

    Raises:
        ModelError: The folder is not a model folder, or the model of an adapter is not here.
    """
    place = Path(folder)
    if not (place / CONFIG_NAME).is_file():
        raise ModelError(f"{folder} {models_instead(models_below(place))}")
    task = task_of(place) if task is None else task
    load = _load_adapted if is_adapter(place) else _load_whole
    model = load(place, trust_remote_code, task, base)
    with explained(str(folder)), quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        with_words(tokenizer, str(folder))
    check_weight_values(model, str(folder))
    return model, tokenizer


def _load_whole(folder: Path, trusted: bool, task: Task, _: str | None) -> Any:
    check_weights(folder, str(folder))
    with explained(str(folder)), quiet():
        check_beside(str(folder), None, str(folder), trusted=trusted)
        model, info = auto_model(task).from_pretrained(
            folder,
            dtype=torch.float32,
            trust_remote_code=trusted,
            use_safetensors=True,
            output_loading_info=True,
        )
    if info["missing_keys"]:
        lost = sorted(info["missing_keys"])
        raise ModelError(
            f"{folder}: {len(lost)} weights are missing from {WEIGHTS} (first: {lost[0]}), so this "
            "is no finished model; give the folder that `ftft run` or `ftft train` wrote."
        )
    return model


def check_adapter(folder: Path, *, trusted: bool = False) -> None:
    """Check an adapter's files, without the model that it was trained on.

    Raises:
        ModelError: They are not as ftft writes them, or name something else to load.
    """
    read_about(folder)
    with explained(str(folder)), quiet():
        check_beside(str(folder), None, str(folder), trusted=trusted, own_adapter=True)


def _load_adapted(folder: Path, trusted: bool, task: Task, given: str | None) -> Any:
    check_adapter(folder, trusted=trusted)
    require_peft(str(folder))
    about = read_about(folder)
    name, revision = find_base(folder, about, given)
    place = resolve_model(name)
    if Path(place).is_dir():
        check_weights(Path(place), name)
    with explained(name), quiet():
        check_beside(place, revision, name, trusted=trusted)
    with explained(str(folder)), quiet():
        # The adapter's own: with its head's outputs, and the layers that were kept.
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trusted)
        chosen = (config, task, about.adapter, str(folder))
        rounded = loading(rounding_in(folder), *chosen, trusted=trusted)
        model, info = auto_model(task).from_pretrained(
            place,
            config=config,
            revision=revision or "main",
            trust_remote_code=trusted,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **rounded,
        )
        model = add_adapter(model, about.adapter, task, str(folder))
        missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
        refuse_lost_beside(model, missing, str(folder))
        load_weights(model, folder)
    return model.eval()


def merge(folder: Path, to: Path, *, base: str | None = None) -> None:
    """Write an adapter merged into the model that it was trained on, as a plain model folder.

    Args:
        folder: The adapter's folder.
        to: The new folder, for ``from_pretrained`` of any library.
        base: Another name for that model, where the one in the adapter's folder leads nowhere.

    Raises:
        ModelError: It holds no adapter, or one of a quantised network, its model is not here, or
            what is merged is not finite.
        WorkspaceError: The new folder cannot be written.
    """
    if not is_adapter(folder):
        raise ModelError(
            f"{folder}: holds no adapter (no {ADAPTER_FILE}, or a whole {WEIGHTS}), so there is "
            "nothing to merge; give a model folder of a training with an adapter, such as "
            "runs/NAME/main/seed-0/model."
        )
    rounding = rounding_in(folder)
    if rounding is not None:
        raise ModelError(
            f"{folder}: this adapter was trained on a network held in {rounding.quantization}, "
            "whose rounded weights it makes up for; merged into whole weights it would be another "
            "model. Use it as it is (ftft evaluate, predict and push take it), or train without "
            "quantization to merge."
        )
    model, tokenizer = load_finetuned(folder, base=base)
    with explained(str(folder)), quiet():
        whole = model.merge_and_unload(safe_merge=True)
    with atomic_path(to, WorkspaceError) as temporary, quiet():
        whole.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
