"""Networks whose weights are held in 4 or 8 bits, frozen under an adapter (QLoRA).

The weights are those of the model's files, rounded by bitsandbytes while they are loaded. What is
trained is whole: the adapter, the layers after the network and the pooler.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ftft.config.adapter import Adapter
from ftft.config.schema import FineTuning, Quantization
from ftft.errors import ModelError
from ftft.tasks.base import Task
from ftft.tasks.outputs import auto_model
from ftft.training.adapters import trained_whole
from ftft.training.precision import resolve_precision

Compute = Literal["float32", "bfloat16", "float16"]

_COMPUTE: Mapping[str, Compute] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Rounding:
    """How the weights of a network are held.

    Attributes:
        quantization: In how many bits.
        compute: The type that they are turned into for matrix products, with 4 bits.
    """

    quantization: Quantization
    compute: Compute


def rounding_of(settings: FineTuning) -> Rounding | None:
    """How a training holds its network; None: in float32, as it is."""
    if settings.quantization is None:
        return None
    return Rounding(settings.quantization, _COMPUTE[resolve_precision(settings.precision)])


def require_bitsandbytes(quantization: Quantization | None, name: str) -> None:
    """Refuse quantised weights where what rounds them is not installed.

    Raises:
        ModelError: It is not.
    """
    if quantization is not None and importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"model {name}: quantization: {quantization} needs the package bitsandbytes, which is "
            "not installed; install it with `pip install bitsandbytes`, or leave quantization out."
        )


def loading(
    rounding: Rounding | None,
    config: Any,
    task: Task,
    adapter: Adapter | None,
    name: str,
    *,
    trusted: bool,
) -> dict[str, Any]:
    """Further arguments of ``from_pretrained`` that round a network's weights.

    Args:
        rounding: How; None: they stay as they are, and there are none.
        config: The model's configuration, for the task.
        task: What the model is for.
        adapter: What is put into it.
        name: The model's name, for messages.
        trusted: Whether the model's own code may be run.

    Raises:
        ModelError: bitsandbytes is not installed.
    """
    if rounding is None:
        return {}
    assert adapter is not None, "the schema says so"
    require_bitsandbytes(rounding.quantization, name)
    from transformers import BitsAndBytesConfig

    with torch.device("meta"):
        model = auto_model(task).from_config(config, trust_remote_code=trusted)
    # What is trained must be whole, and so is what turns the network's output into words.
    last = model.get_output_embeddings()
    kept = [key for key, module in model.named_modules() if module is last]
    kept += trained_whole(model, adapter, task, name)
    if rounding.quantization == "8bit":
        made = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    else:
        # As in QLoRA (Dettmers et al. 2023): NormalFloat, the scales rounded again.
        made = BitsAndBytesConfig(
            load_in_4bit=True,
            llm_int8_skip_modules=kept,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=rounding.compute,
        )
    return {"quantization_config": made}


def refuse_whole(model: Any, rounding: Rounding | None, name: str) -> None:
    """Refuse a network in which nothing was rounded.

    Raises:
        ModelError: None of its weights was.
    """
    if rounding is not None and not any(map(_is_rounded, model.parameters())):
        raise ModelError(
            f"model {name}: quantization: {rounding.quantization}: bitsandbytes found no linear "
            "layer that it can hold so; leave quantization out, or name another model."
        )


def _is_rounded(weight: Any) -> bool:
    return not weight.is_floating_point()
