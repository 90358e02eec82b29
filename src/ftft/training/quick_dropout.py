"""Dropout on a CPU in a third of the time.

PyTorch draws a mask with a random double for each element, on one thread, and on processors other
than Intel's in a loop that takes about a tenth of a step. Here 16 random bits decide, four elements
for each number that the same generator gives: the share dropped is the one asked for, rounded to
1/65,536, and what is kept is divided by one minus it. A checkpoint holds the generator's state as
ever.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional

_LEVELS = 2**16
# Below, the share would be off by more than a thousandth of itself.
_LEAST = 0.01


@contextlib.contextmanager
def quick_dropout(model: torch.nn.Module, *, compiled: bool) -> Iterator[None]:
    """Within, dropout draws its masks quickly, in layers and in attention.

    It has to cover the backward pass too, in which checkpointed activations are computed again. A
    mode of ``torch.overrides`` is off there, so the functions themselves are replaced.

    Args:
        model: The network that is trained.
        compiled: Whether it is compiled, which makes kernels of its own.
    """
    if compiled or any(one.device.type != "cpu" for one in model.parameters()):
        yield
        return
    theirs = functional.dropout, functional.scaled_dot_product_attention
    functional.dropout = _or_torch(_dropout, theirs[0])
    functional.scaled_dot_product_attention = _or_torch(_attention, theirs[1])
    try:
        yield
    finally:
        functional.dropout, functional.scaled_dot_product_attention = theirs


def _or_torch(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    def either(*args: Any, **kwargs: Any) -> Any:
        found = ours(*args, **kwargs)
        return theirs(*args, **kwargs) if found is None else found

    return either


def dropped(values: torch.Tensor, share: float) -> torch.Tensor:
    """Set a random share of values to zero, and scale the others so that the mean stays.

    Args:
        values: Of any shape; float32, or another floating-point type.
        share: From 0 to 1.
    """
    limit = round(share * _LEVELS)
    count = values.numel()
    numbers = torch.empty(math.ceil(count / 4), dtype=torch.int64).random_(-(2**63), None)
    bits = numbers.view(torch.int16)[:count].view(values.shape)
    kept = (bits >= limit - _LEVELS // 2).to(values.dtype)
    return values * kept.mul_(_LEVELS / (_LEVELS - limit))


def _is_quick(values: torch.Tensor, share: float) -> bool:
    return values.device.type == "cpu" and _LEAST <= share <= 1 - _LEAST


def _dropout(
    input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor | None:
    """As ``torch.nn.functional.dropout``; None where that is to do it."""
    return dropped(input, p) if training and not inplace and _is_quick(input, p) else None


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor | None:
    """As ``torch.nn.functional.scaled_dot_product_attention``; None where that is to do it."""
    if is_causal or enable_gqa or not _is_quick(query, dropout_p):
        return None
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    dtype = query.dtype
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
    # In float32 inside, as PyTorch computes it where something is dropped.
    query, key, value = (one.to(dtype).float() for one in (query, key, value))
    with torch.autocast("cpu", enabled=False):
        scores = query @ key.transpose(-2, -1) * scale
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            # Not minus infinity, of which a row that sees nothing would make no number.
            scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
        elif attn_mask is not None:
            scores = scores + attn_mask
        return (dropped(torch.softmax(scores, -1), dropout_p) @ value).to(dtype)
