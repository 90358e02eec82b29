"""Scoring a finished model on named sets, once."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PrinterCallback, TrainingArguments

from ftft.config.schema import FineTuning
from ftft.data.encode import EncodedDataset
from ftft.dynamics.checks import check_finite
from ftft.evaluation.metrics import SetScores
from ftft.tasks import TASKS
from ftft.training.cost import CostMeter
from ftft.training.precision import resolve_precision
from ftft.training.progress import progress
from ftft.training.saved import load_finetuned
from ftft.training.sharding import unsharded
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
    if not sets:
        return {}
    with _scorer(model_folder, settings, sets.values()) as trainer:
        return {name: trainer.score(dataset) for name, dataset in sets.items()}


def score_recorded(
    model_folder: Path, settings: FineTuning, dataset: EncodedDataset
) -> npt.NDArray[np.float32]:
    """What a recorder would be given of a model on a data set, (N, W), in evaluation mode.

    Raises:
        ModelError: As :func:`score_with_words`; likewise what follows.
        DynamicsError: The model gives what cannot be recorded, such as NaN.
    """
    recorded, _ = score_with_words(model_folder, settings, dataset)
    return recorded


def score_with_words(
    model_folder: Path, settings: FineTuning, dataset: EncodedDataset
) -> tuple[npt.NDArray[np.float32], tuple[npt.NDArray[Any], ...]]:
    """What a recorder would be given of a model on a data set, and of the words of its examples.

    Returns:
        (N, W), and what :meth:`~ftft.dynamics.recorder.DynamicsRecorder.record_words` takes;
        nothing in tasks without an answer a word.

    Raises:
        ModelError: The folder is not a model, or the model has other classes than the set.
        DynamicsError: The model gives what cannot be recorded, such as NaN.
    """
    with _scorer(model_folder, settings, [dataset]) as trainer:
        recorded, words = trainer.record_all(dataset)
    encoding = trainer.task.encoding
    check_finite(recorded, dataset.labelled.example_ids, str(model_folder), encoding)
    return recorded, words


def predict_set(
    model_folder: Path, settings: FineTuning, dataset: EncodedDataset
) -> npt.NDArray[np.float32]:
    """What the task predicts of a data set, whose labels are not looked at: logits (N, C).

    Raises:
        ModelError: The folder is not a model.
    """
    with _scorer(model_folder, settings, [dataset]) as trainer:
        return trainer.predict_all(dataset)


@contextlib.contextmanager
def _scorer(
    model_folder: Path, settings: FineTuning, sets: Collection[EncodedDataset]
) -> Iterator[FineTuner]:
    task = TASKS[next(iter(sets)).labelled.task]
    trusted = settings.trust_remote_code
    with unsharded():
        model, tokenizer = load_finetuned(
            model_folder, trust_remote_code=trusted, task=task, base=settings.model
        )
    for dataset in sets:
        task.check_model(model, dataset.labelled, model_folder)
    with unsharded(), tempfile.TemporaryDirectory() as folder:
        trainer = FineTuner(
            model=model,
            task=task,
            args=_arguments(settings, folder),
            tokenizer=tokenizer,
            place=model_folder,
            horizon=1,
            dev={},
            watched=(),
            metric="",
            meter=CostMeter(),
            callbacks=[progress(print)],
        )
        trainer.remove_callback(PrinterCallback)
        yield trainer


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
