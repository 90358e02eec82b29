"""The head of a classifier: made anew for the task, or the starting model's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch

from ftft.errors import ModelError


def head_weights(model: Any) -> list[str]:
    """Names of the weights that are not the network's, in the model's order."""
    if model.base_model is model:
        return []
    prefix = model.base_model_prefix + "."
    return [name for name, _ in model.named_parameters() if not name.startswith(prefix)]


def output_order(config: Any, class_names: Sequence[str], name: str) -> list[int]:
    """Which of a model's outputs stands for each class.

    Args:
        config: The configuration that the model came with.
        class_names: The data's classes, in the order that is wanted.
        name: The model's name, for messages.

    Returns:
        For each class, the index of its output.

    Raises:
        ModelError: The model's classes have other names.
    """
    found = [str(config.id2label[index]) for index in sorted(config.id2label)]
    if sorted(found) != sorted(class_names):
        raise ModelError(
            f"model {name}: head is keep, but its head is for the classes {', '.join(found)}, and "
            f"the data's are {', '.join(class_names)}; name the data's classes as the model's, "
            "with a labels mapping, or set head: new."
        )
    return [found.index(one) for one in class_names]


def refuse_lost(lost: Collection[str], name: str) -> None:
    """Refuse to keep a head of which weights are missing.

    Args:
        lost: The head's weights that the files do not hold, or in another shape.
        name: The model's name, for the message.

    Raises:
        ModelError: There are such.
    """
    if lost:
        raise ModelError(
            f"model {name}: head is keep, but its files hold no whole head: {len(lost)} weights "
            f"are missing or have another shape (first: {sorted(lost)[-1]}); set head: new."
        )


def settle_head(
    model: Any, missing: Collection[str], order: Sequence[int] | None, *, seed: int, name: str
) -> str:
    """Give a loaded classifier the head that was asked for.

    Args:
        model: As loaded, what was missing drawn from the seed.
        missing: Names of the weights that its files do not hold, or in another shape.
        order: For each output that is wanted, the index that it has in the head that is to be
            kept; None for a new head.
        seed: Seed of a new head's weights.
        name: The model's name, for messages.

    Returns:
        What became of a head that was there already, in a line; empty where none was.

    Raises:
        ModelError: There is no whole head to keep, or it cannot be distinguished from the network.
    """
    head = head_weights(model)
    lost = [weight for weight in head if weight in missing]
    if order is not None:
        refuse_lost(lost, name)
        _reorder_outputs(model, order, name)
        names = ", ".join(model.config.id2label.values())
        return f"  the head of {name} is kept, its outputs put in the order {names}, for all seeds"
    if head and len(lost) == len(head):
        return ""
    _renew_head(model, head, seed, name)
    return f"  the head that comes with {name} is replaced by a new one (head: keep would keep it)"


def _renew_head(model: Any, head: Sequence[str], seed: int, name: str) -> None:
    """Draw the weights that are not the network's anew, as if none had been loaded."""
    if not head:
        raise ModelError(
            f"model {name}: ftft cannot tell the head of a {type(model).__name__} from its "
            "network, so it cannot make a new one; set head: keep, or name another model."
        )
    children = [child for child in model.children() if child is not model.base_model]
    for part in (part for child in children for part in child.modules()):
        for one in (part, *part.parameters(recurse=False)):
            one._is_hf_initialized = False
        # Some models initialise a part of their head only, and leave torch's values in the rest.
        reset = getattr(part, "reset_parameters", None)
        if reset is not None:
            reset()
    # Some initialise a part of it when the whole model comes by: the network must stay as it is.
    for weight in model.base_model.parameters():
        weight._is_hf_initialized = True
    model._is_hf_initialized = False
    torch.manual_seed(seed)
    with torch.no_grad():
        for child in children:
            _initialise(model, child)
        model._initialize_weights(model)


def _initialise(model: Any, part: torch.nn.Module) -> None:
    """As ``from_pretrained`` does where weights are missing."""
    for child in part.children():
        _initialise(model, child)
    model._initialize_weights(part)


def _reorder_outputs(model: Any, order: Sequence[int], name: str) -> None:
    inside = set(model.base_model.modules())
    layers = [
        module
        for module in model.modules()
        if isinstance(module, torch.nn.Linear)
        and module not in inside
        and module.out_features == len(order)
    ]
    if not layers:
        raise ModelError(
            f"model {name}: head is keep, but ftft does not find the layer of a "
            f"{type(model).__name__} that makes its {len(order)} outputs; set head: new."
        )
    with torch.no_grad():
        for weight in layers[-1].parameters():
            weight.copy_(weight[list(order)].clone())
