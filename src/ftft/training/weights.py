"""The files of a model's weights: safetensors, which hold numbers and cannot run code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ftft.errors import ModelError

WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
# What transformers takes for a checkpoint of many processes, whatever else is there.
_DISTRIBUTED = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors$")
# Weights that are unpickled, which can run code, or that another framework reads.
_OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


def check_weights(folder: Path, name: str) -> None:
    """Check that a folder holds whole safetensors files; no tensor is read.

    Raises:
        ModelError: It holds none, only weights of another format, damaged ones, or such that would
            be loaded in their place.
    """
    parts = sorted(path.name for path in folder.iterdir() if _DISTRIBUTED.match(path.name))
    if parts:
        raise ModelError(
            f"model {name}: {parts[0]} lies in the folder, a part of a distributed checkpoint, "
            f"which transformers would load instead of {WEIGHTS}. Load and save the model once "
            "with transformers, and name that folder; or remove the part from a copy."
        )
    if (folder / WEIGHTS).is_file():
        check_header(folder / WEIGHTS, name)
    elif (folder / SHARDS).is_file():
        for shard in _shards(folder, name):
            check_header(shard, name)
    else:
        others = sorted(path.name for path in folder.iterdir() if path.suffix in _OTHER_WEIGHTS)
        if others:
            raise ModelError(
                f"model {name}: the folder holds its weights as {', '.join(others[:3])} only, and "
                f"ftft reads safetensors only, which cannot run code; a {WEIGHTS} was expected. "
                "Convert the file where you trust it, with safetensors.torch.save_file."
            )
        raise ModelError(
            f"model {name}: the folder holds no weights; a {WEIGHTS} was expected beside "
            "config.json."
        )


def weight_names(folder: Path, name: str) -> set[str]:
    """Names of the weights in a folder's safetensors files; no tensor is read.

    Raises:
        ModelError: The folder holds no whole files.
    """
    check_weights(folder, name)
    whole = folder / WEIGHTS
    names: set[str] = set()
    for path in [whole] if whole.is_file() else _shards(folder, name):
        with safe_open(path, "numpy") as file:
            names.update(file.keys())
    return names


def _shards(folder: Path, name: str) -> list[Path]:
    try:
        content = json.loads((folder / SHARDS).read_bytes())
        names = sorted(set(content["weight_map"].values()))
        if any(Path(shard).name != shard for shard in names):
            raise ValueError("it names files outside the folder")
        return [folder / shard for shard in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"model {name}: {folder / SHARDS} is no index of weights ({error}); a JSON object "
            "whose weight_map names the files was expected. Copy the model again."
        ) from error


def check_header(path: Path, name: str) -> None:
    """Check that a file of weights is a whole one, by its header alone.

    Raises:
        ModelError: It is missing, damaged or cut off.
    """
    try:
        with safe_open(path, "numpy") as file:
            file.keys()
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"model {name}: {path} is missing, damaged or cut off ({error}); a whole safetensors "
            "file was expected. Copy or download the model again."
        ) from error


def check_weight_values(model: Any, name: str) -> None:
    """Check that every weight is a number.

    Raises:
        ModelError: One is NaN or infinite.
    """
    for key, weight in model.named_parameters():
        if not bool(weight.detach().isfinite().all()):
            raise ModelError(
                f"{name}: the weight {key} holds NaN or infinite numbers. Where it was just "
                "trained, training has diverged: lower the learning rate, or set precision to bf16 "
                "or fp32 where it is fp16. Else the files are damaged: copy the model again."
            )
