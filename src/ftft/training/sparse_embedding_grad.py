"""Embedding tables: left untrained, or trained without a new table of gradients in every step."""

from __future__ import annotations

from typing import Any

import torch

from ftft.errors import ModelError
from ftft.training.sharding import input_embeddings


def freeze_embeddings(model: Any) -> None:
    """Leave the embedding layer (words, positions, types, their norm) untrained.

    Raises:
        ModelError: The model has no embedding layer.
    """
    embeddings = getattr(model.base_model, "embeddings", None)
    module = embeddings if embeddings is not None else model.get_input_embeddings()
    if not isinstance(module, torch.nn.Module):
        raise ModelError("freeze_embeddings: the model has no embedding layer to freeze.")
    for parameter in module.parameters():
        parameter.requires_grad_(False)


def reuse_embedding_gradient(model: Any) -> bool:
    """Let the gradient of the input embeddings live in one lasting buffer.

    PyTorch makes a new table of zeros in every step and adds the gradients of the few rows that
    occur in the batch. For a small model on a CPU that takes longer than the attention. Here the
    rows arrive alone, as a sparse gradient, and are added up in a buffer that is kept. The
    gradient that clipping and optimiser see is the same: dense, zero in all other rows, so AdamW
    moves those by their momentum as ever.

    Args:
        model: A ``transformers`` model in float32.

    Returns:
        False where there is nothing to do: the embeddings are frozen, or are no plain table.
    """
    table = input_embeddings(model)
    if type(table) is not torch.nn.Embedding or not table.weight.requires_grad:
        return False
    table.sparse = True
    buffer = torch.zeros_like(table.weight)

    def densify(weight: torch.Tensor) -> None:
        gradient = weight.grad
        # From the second accumulated batch on it is the buffer itself, already added to.
        if gradient is None or not gradient.is_sparse:
            return
        buffer.zero_()
        buffer.index_add_(0, gradient._indices()[0], gradient._values())
        weight.grad = buffer

    table.weight.register_post_accumulate_grad_hook(densify)  # type: ignore[no-untyped-call]  # torch
    return True
