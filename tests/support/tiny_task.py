"""Data and plans of a training so small that it takes a second."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
from safetensors.torch import load_file
from transformers import TrainingArguments

from ftft.data.dataset import LabelledDataset
from ftft.training.arguments import Plan

CLASSES = ("neg", "pos")
# By its name in later and in earlier versions of transformers.
_RECOMPUTING = ("activation_checkpointing", "gradient_checkpointing")
CHECKPOINTING = next(name for name in _RECOMPUTING if name in TrainingArguments.__annotations__)
FILLERS = ("the", "a", "film", "book", "was", "is", "it", "and")


def reviews(name: str, size: int, *, seed: int = 0, flipped: bool = False) -> LabelledDataset:
    """Sentences of 2 to 8 words, one of which tells the label; ``flipped`` labels are all wrong."""
    chance = random.Random(seed)
    labels = [chance.randrange(2) for _ in range(size)]
    texts = []
    for label in labels:
        words = [chance.choice(FILLERS) for _ in range(chance.randint(1, 7))]
        words.insert(chance.randint(0, len(words)), ("hated", "liked")[label])
        texts.append(" ".join(words))
    table = pa.table(
        {
            "example_id": pa.array([f"{name}-{row}" for row in range(size)], pa.string()),
            "text_0": pa.array(texts, pa.string()),
            "label": pa.array([1 - label if flipped else label for label in labels], pa.int64()),
            "slice:parity": pa.array([("even", "odd")[row % 2] for row in range(size)]),
        }
    )
    return LabelledDataset.from_table(name, table, CLASSES)


def plan(steps: int, every: int | None = None, **changes: Any) -> Plan:
    """So many steps, with the horizon at their end, no patience and the last weights kept."""
    values: dict[str, Any] = {"horizon": steps, "patience": None, "keep": "last", "seed": 0}
    return Plan(steps=steps, evaluate_every=every or steps, **(values | changes))


def weights(model_folder: Path) -> dict[str, Any]:
    """All weights of a saved model or adapter, by name."""
    whole = model_folder / "model.safetensors"
    return load_file(whole if whole.is_file() else model_folder / "adapter_model.safetensors")


def same_weights(one: Path, other: Path) -> bool:
    """Whether two saved models are the same, bit for bit."""
    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(bool((left[k] == right[k]).all()) for k in left)
