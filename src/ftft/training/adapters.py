"""Low-rank adapters: put into a model, so that only they and the head are trained."""

from __future__ import annotations

import importlib.util
import math
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from ftft.config.adapter import ALL_LINEAR, Adapter
from ftft.errors import ModelError, first_line
from ftft.tasks.base import Task
from ftft.training.head import head_weights

INSTALL = 'pip install "ftft[adapters]"'
DEFAULT = "default"
"""What PEFT calls the one adapter of a model."""

# What PEFT calls a task; it has no name for multiple choice.
TASK_TYPES = {
    "classification": "SEQ_CLS",
    "token-classification": "TOKEN_CLS",
    "causal-lm": "CAUSAL_LM",
}
_NOT_FOR_PEFT = {"type"}


def require_peft(name: str) -> None:
    """Refuse an adapter where PEFT is not installed.

    Raises:
        ModelError: It is not.
    """
    if importlib.util.find_spec("peft") is None:
        raise ModelError(
            f"model {name}: its adapter needs the package peft, which is not installed; install it "
            f"with `{INSTALL}`, or leave adapter out."
        )


def add_adapter(model: Any, adapter: Adapter, task: Task, name: str) -> Any:
    """Put an adapter into a model, in place; everything but it and the head is frozen.

    Args:
        model: A ``transformers`` model, also one without weights (on the ``meta`` device).
        adapter: What to put in.
        task: What the model is for.
        name: The model's name, for messages.

    Returns:
        The model as a ``peft.PeftModel``.

    Raises:
        ModelError: PEFT is not installed, or the adapter does not fit the model.
    """
    require_peft(name)
    import peft

    saved = trained_whole(model, adapter, task, name)
    layers = [key for key in _layers(model) if not _within(f"{key}.", saved)]
    known = _known(layers)
    parts = [key for key, _ in model.named_modules()]
    given = {"target_modules": layers, "exclude_modules": layers, "modules_to_save": parts}
    _refuse({key: _unmatched(getattr(adapter, key), given[key]) for key in given}, name, known)
    _refuse_tied(model, adapter, saved, name)
    values = adapter.model_dump(mode="json", exclude=_NOT_FOR_PEFT)
    try:
        with warnings.catch_warnings():
            # What it warns of, such as names that match nothing, is refused.
            warnings.simplefilter("ignore")
            config = peft.LoraConfig(**values | {"modules_to_save": saved or None})
            # Without a task PEFT passes on what a model is given as it is.
            added = peft.PeftModel(model, config)
    except (ValueError, TypeError, RuntimeError, re.error) as error:
        raise ModelError(f"model {name}: adapter: {first_line(error)}. {known}") from error
    patterns = {key: getattr(adapter, key) for key in ("rank_pattern", "alpha_pattern")}
    found = targets(added)
    _refuse(
        {key: [one for one in each if not _matches(one, found)] for key, each in patterns.items()},
        name,
        known,
    )
    # Asked on the hub, at every checkpoint, for a table of words that ftft never changes.
    added.save_pretrained = _Saving(added)
    return added


class _Saving:
    """``save_pretrained`` of a model with an adapter, without a card and without the hub."""

    def __init__(self, model: Any) -> None:
        # Not as an attribute that would make a circle of modules.
        self.model = model

    def __call__(self, folder: Any, **options: Any) -> None:
        from peft import PeftModel

        self.model.create_or_update_model_card = _nothing
        PeftModel.save_pretrained(self.model, folder, save_embedding_layers=False, **options)


def _nothing(*_: Any) -> None:
    """In the place of a card, which ``ftft push`` writes."""


def targets(model: Any) -> list[str]:
    """Whole names of the layers that have an adapter, in the model's order."""
    return list(model.base_model.targeted_module_names)


def trained_whole(model: Any, adapter: Adapter, task: Task, name: str) -> list[str]:
    """The parts of a model that are trained and saved whole beside its adapter.

    These are the layers after the network, and its pooler, since the files of many models hold
    none, so that it would be drawn anew whenever the adapter is loaded.

    Raises:
        ModelError: The head cannot be distinguished from the network.
    """
    asked = list(adapter.modules_to_save)
    if not task.new_head:
        return asked
    network = model.base_model
    head = [
        child
        for child, module in model.named_children()
        if module is not network and next(module.parameters(), None) is not None
    ]
    if not head or any(one.partition(".")[0] not in head for one in head_weights(model)):
        raise ModelError(
            f"model {name}: ftft cannot tell the head of a {type(model).__name__} from its "
            "network, so it cannot train the head beside an adapter; leave adapter out, or name "
            "another model."
        )
    poolers = [
        f"{model.base_model_prefix}.{child}"
        for child, module in network.named_children()
        if child == "pooler" and next(module.parameters(), None) is not None
    ]
    return list(dict.fromkeys([*head, *poolers, *asked]))


def parameter_counts(model: Any) -> tuple[int, int]:
    """How many numbers of a model are trained, and how many it has."""
    # Beside a part that is trained whole PEFT keeps it as it was.
    weights = [one for key, one in model.named_parameters() if ".original_module." not in key]
    return sum(numbers(one) for one in weights if one.requires_grad), sum(map(numbers, weights))


def numbers(weight: Any) -> int:
    """How many numbers a weight stands for; those of 4 bits are packed into bytes."""
    state = getattr(weight, "quant_state", None)
    return int(weight.numel() if state is None else math.prod(state.shape))


def refuse_lost_beside(model: Any, missing: Collection[str], name: str) -> None:
    """Refuse weights that are drawn anew and neither trained nor saved.

    Args:
        model: With its adapter.
        missing: Names, without the adapter, of weights that the model's files do not hold.
        name: The model's name, for the message.

    Raises:
        ModelError: There are such.
    """
    saved = model.peft_config[DEFAULT].modules_to_save or []
    lost = sorted(key for key in missing if not _within(key, saved))
    if lost:
        raise ModelError(
            f"model {name}: {len(lost)} weights are missing from its files (first: {lost[0]}); "
            "with an adapter they would stay random. Name the parts that they belong to under "
            "adapter.modules_to_save, or leave adapter out."
        )


def _within(key: str, parts: Iterable[str]) -> bool:
    return any(re.search(rf"(^|\.){re.escape(part)}\.", key) for part in parts)


def _layers(model: Any) -> Iterator[str]:
    """Names of layers that can have an adapter."""
    from transformers.pytorch_utils import Conv1D

    kinds = (torch.nn.Linear, torch.nn.Embedding, torch.nn.Conv1d, torch.nn.Conv2d, Conv1D)
    for key, module in model.named_modules():
        if isinstance(module, kinds):
            yield key


def _known(layers: Iterable[str]) -> str:
    names = sorted({key.rpartition(".")[2] for key in layers})
    return f"Its layers are called {', '.join(names)}; {ALL_LINEAR} means all linear ones."


def _refuse_tied(model: Any, adapter: Adapter, saved: Collection[str], name: str) -> None:
    """Refuse to change one of two layers that share their weights."""
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    if last is None or not model.config.get_text_config().tie_word_embeddings:
        return
    tables = [key for key, module in model.named_modules() if module is first or module is last]
    named = (*saved, *([] if isinstance(adapter.target_modules, str) else adapter.target_modules))
    chosen = [table for table in tables if any(_ends(table, one) for one in named)]
    if isinstance(adapter.target_modules, str) and adapter.target_modules != ALL_LINEAR:
        try:
            chosen += [one for one in tables if re.fullmatch(adapter.target_modules, one)]
        except re.error:
            return  # PEFT says it too
    if chosen:
        raise ModelError(
            f"model {name}: adapter names {chosen[0]}, but {' and '.join(tables)} share their "
            "weights, so one cannot be trained without the other; leave it out."
        )


def _ends(key: str, end: str) -> bool:
    return key == end or key.endswith(f".{end}")


def _unmatched(given: str | Collection[str] | None, names: Collection[str]) -> list[str]:
    """Of a list of names or ends of names, those that no name has."""
    listed = () if given is None or isinstance(given, str) else given
    return [one for one in listed if not any(_ends(name, one) for name in names)]


def _matches(pattern: str, names: Iterable[str]) -> bool:
    return any(re.match(rf"(.*\.)?({pattern})$", name) for name in names)


def _refuse(lost: Mapping[str, Sequence[str]], name: str, known: str) -> None:
    """Refuse names that nothing has, which PEFT passes over."""
    for key, names in lost.items():
        if names:
            raise ModelError(
                f"model {name}: adapter.{key} names {', '.join(map(repr, names))}, but nothing "
                f"that it can apply to has that name. {known}"
            )
