"""The model of a task, and what it gives, whatever form that comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import transformers

from ftft.errors import DynamicsError
from ftft.tasks.base import Task


def auto_model(task: Task) -> Any:
    """The class of ``transformers`` that makes models of a task."""
    return getattr(transformers, task.auto_class)


def logits_of(outputs: Any) -> torch.Tensor:
    """The logits among a model's outputs.

    Args:
        outputs: A mapping or object with ``logits``; a tuple, in which they are the first tensor of
            more than one dimension, since the loss comes before them where there is one; or the
            logits themselves.

    Raises:
        DynamicsError: There are none.
    """
    found: Any = outputs
    if isinstance(outputs, Mapping):
        found = outputs.get("logits")
    elif isinstance(outputs, tuple | list):
        found = next((item for item in outputs if torch.is_tensor(item) and item.ndim > 1), None)
    elif not torch.is_tensor(outputs):
        found = getattr(outputs, "logits", None)
    if not torch.is_tensor(found):
        raise DynamicsError(
            f"the model's outputs ({type(outputs).__name__}) hold no logits, so nothing can be "
            "recorded: let the model, or a compute_loss of your own, return outputs with `logits` "
            "of shape (examples, classes), by name."
        )
    return found
