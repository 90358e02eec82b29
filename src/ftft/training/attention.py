"""Which implementation of attention a network trains with."""

from __future__ import annotations

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


def meta_attention_arguments(settings: FineTuning) -> dict[str, Any]:
    """The same of ``from_config``, for a network on the ``meta`` device.

    Flash kernels do not run there. They do eager attention's products, and are counted as those.
    """
    asked = settings.attn_implementation
    return {"attn_implementation": "eager"} if asked == "eager" or asked in _FLASH else {}


def lacks_flash(asked: object) -> bool:
    """Whether this asks for a flash attention whose own package or GPU is missing.

    ``transformers`` would then fetch a kernel from the hub and run it, where ``kernels`` is
    installed.

    Args:
        asked: A name, or names of a model's parts.
    """
    return any(name in str(asked) and not usable() for name, (*_, usable) in _FLASH.items())


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
    flash = asked in _FLASH
    at, leave = f"model {settings.model}: attn_implementation: {asked}", "leave attn_implementation"
    if not getattr(model, "_supports_flash_attn" if flash else "_supports_sdpa", False):
        raise ModelError(
            f"{at}: {type(model).__name__} does not support it; {leave} out, or give eager."
        )
    if not flash:
        return
    module, package, usable = _FLASH[asked]
    if find_spec(module) is None:
        raise ModelError(
            f"{at} needs the package {package}, which is not installed; install it as its own "
            f"documentation says, or {leave} out."
        )
    if not torch.accelerator.is_available() or not usable():
        raise ModelError(
            f"{at} needs a GPU that {package} works on, and there is none here; run where there is "
            f"one, or {leave} out."
        )
    if resolve_precision(settings.precision) == "fp32":
        raise ModelError(
            f"{at} computes in 16 bits only, and the precision is fp32; set precision: bf16 (or "
            f"fp16), or {leave} out."
        )
