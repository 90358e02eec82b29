"""Which number format the matrix products of a training are computed in."""

from __future__ import annotations

from typing import Literal

import torch

from ftft.config.schema import Precision


def resolve_precision(asked: Precision) -> Literal["fp32", "bf16", "fp16"]:
    """Turn ``auto`` into what this machine is fast in.

    Args:
        asked: ``auto``, or a format, which is returned as it is.

    Returns:
        ``bf16`` (mixed precision; weights and optimiser stay in float32) on a GPU that has it and
        on a CPU with instructions for it (AVX-512 BF16 or AMX), where products are about four
        times as fast; else ``fp32``. Without such instructions bf16 is slower than fp32.
    """
    if asked != "auto":
        return asked
    if torch.accelerator.is_available():
        cuda = torch.cuda.is_available()
        return "bf16" if cuda and torch.cuda.is_bf16_supported(False) else "fp32"
    instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return "bf16" if any(getattr(torch.cpu, name, bool)() for name in instructions) else "fp32"
