"""Scoring a finished model on named sets, once."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PrinterCallback, TrainingArguments

from ftft.config.schema import FineTuning
from ftft.data.encode import EncodedDataset
from ftft.dynamics.container import check_finite
from ftft.errors import ModelError
from ftft.evaluation.metrics import SetScores
from ftft.training.cost import CostMeter
from ftft.training.models import load_finetuned
from ftft.training.precision import resolve_precision
from ftft.training.progress import progress
from ftft.training.trainer import FineTuner

# How a forward pass computes; the rest of training_arguments is about training.
_PRECISION = ("tf32", "bf16_full_eval", "fp16_full_eval", "use_cpu")


def score_sets(
    model_folder: Path, settings: FineTuning, sets: Mapping[str, EncodedDataset]
) -> dict[str, SetScores]:
    """Score a model on each set.

    Args:
        model_folder: A model that ``finetune`` wrote, with its tokenizer.
        settings: Batch size and precision.
        sets: Sets by name, encoded with the model's tokenizer.

    Returns:
        Set name to scores.

    Raises:
        ModelError: The folder is not a model, or the model has other classes than the sets.
        DynamicsError: The model gives NaN or infinite logits.
    """
    with _scorer(model_folder, settings, sets.values()) as trainer:
        return {name: trainer.score(dataset) for name, dataset in sets.items()}


def score_logits(
    model_folder: Path, settings: FineTuning, dataset: EncodedDataset
) -> npt.NDArray[np.float32]:
    """The logits of a model on a data set, (N, C), in evaluation mode.

    Raises:
        ModelError: The folder is not a model, or the model has other classes than the set.
        DynamicsError: The model gives NaN or infinite logits.
    """
    with _scorer(model_folder, settings, [dataset]) as trainer:
        logits = trainer.logits(dataset)
    check_finite(logits, dataset.labelled.example_ids, str(model_folder))
    return logits


@contextlib.contextmanager
def _scorer(
    model_folder: Path, settings: FineTuning, sets: Iterable[EncodedDataset]
) -> Iterator[FineTuner]:
    model, tokenizer = load_finetuned(model_folder, trust_remote_code=settings.trust_remote_code)
    for dataset in sets:
        _check_classes(model, dataset, model_folder)
    with tempfile.TemporaryDirectory() as folder:
        trainer = FineTuner(
            model=model,
            args=_arguments(settings, folder),
            tokenizer=tokenizer,
            place=model_folder,
            horizon=1,
            dev={},
            watched=(),
            metric="accuracy",
            meter=CostMeter(),
            callbacks=[progress(print)],
        )
        trainer.remove_callback(PrinterCallback)
        yield trainer


def _check_classes(model: Any, dataset: EncodedDataset, folder: Path) -> None:
    expected = dataset.labelled.model_classes
    found = tuple(model.config.id2label[index] for index in range(model.config.num_labels))
    if found != expected:
        raise ModelError(
            f"{folder}: the model's classes are {', '.join(found)}, but the data's are "
            f"{', '.join(expected)}; give data.classes in the model's order, or another model."
        )


def _arguments(settings: FineTuning, folder: str) -> TrainingArguments:
    given = {
        name: value for name, value in settings.training_arguments.items() if name in _PRECISION
    }
    precision = resolve_precision(settings.precision)
    values: dict[str, Any] = {
        "output_dir": folder,
        "per_device_eval_batch_size": settings.eval_batch_size,
        "disable_tqdm": True,
        "report_to": "none",
        "use_cpu": not torch.accelerator.is_available(),
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
    }
    return TrainingArguments(**{**values, **given})
