"""Which implementation of attention a network trains with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

from ftft.config.schema import FineTuning
from ftft.errors import ModelError
from ftft.training.precision import resolve_precision

# Implementation: module to import, package to install, whether both it and its GPU are there.
_FLASH = {
    "flash_attention_2": ("flash_attn", "flash-attn", is_flash_attn_2_available),
    "flash_attention_3": ("flash_attn_interface", "flash-attn-3", is_flash_attn_3_available),
}


def attention_arguments(settings: FineTuning) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` that choose the implementation; none where none is asked."""
    asked = settings.attn_implementation
    return {} if asked is None else {"attn_implementation": asked}


def check_attention(settings: FineTuning, model: Any) -> None:
    """Check that the implementation that was asked for can be used.

    Args:
        settings: The model's settings.
        model: The network, which may be on the ``meta`` device.

    Raises:
        ModelError: The network does not support it, its package is not installed, there is no GPU
            for it, or it cannot compute in the precision asked for.
    """
    asked = settings.attn_implementation
    if asked is None or asked == "eager":
        return
    at, leave = f"model {settings.model}: attn_implementation: {asked}", "leave attn_implementation"
    flash = asked in _FLASH
    # For some networks transformers fetches a kernel of its own choice in the place of others.
    others = getattr(model, "_compatible_flash_implementations", None)
    supported = getattr(model, "_supports_flash_attn" if flash else "_supports_sdpa", False)
    if not supported or (flash and others and asked not in others):
        raise ModelError(
            f"{at}: {type(model).__name__} does not support it; {leave} out, or give eager."
        )
    if flash and (needs := list(_missing(asked, settings))):
        raise ModelError(f"{at} needs {', '.join(needs)}; or {leave} out.")


def _missing(asked: str, settings: FineTuning) -> Iterator[str]:
    module, package, usable = _FLASH[asked]
    if find_spec(module) is None:
        yield f"the package {package}, which is not installed"
    if not torch.accelerator.is_available():
        yield "a GPU, and there is none here"
    elif find_spec(module) is not None and not usable():
        yield f"a version of {package} and a GPU that transformers takes, which these are not"
    if resolve_precision(settings.precision) == "fp32":
        yield "precision: bf16 or fp16, where fp32 is what would be used"
