"""Scores of predictions: accuracy, macro-F1, and the same by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class SetScores:
    """Scores on one set.

    Attributes:
        metrics: Those of the task, for classification ``accuracy`` and ``macro_f1``, each in
            [0, 1], higher is better, and ``examples``, their number.
        slices: For each slice column and value, the same metrics on its examples.
    """

    metrics: dict[str, float]
    slices: dict[str, dict[str, dict[str, float]]]


def predict_classes(
    logits: FloatArray, class_of_model_class: tuple[int, ...] | None = None
) -> IntArray:
    """The predicted class of each example.

    A set whose labels are coarser than the model's (HANS: neutral and contradiction both count
    as non-entailment) takes the class that the most probable model class belongs to, as McCoy
    et al. (2019, section 4) do; probabilities of merged classes are not summed.

    Args:
        logits: Shape (N, C), any float dtype.
        class_of_model_class: For each of the C model classes, its class in the set.

    Returns:
        int64 of shape (N,).
    """
    winners: IntArray = np.argmax(logits, axis=1).astype(np.int64)
    if class_of_model_class is None:
        return winners
    classes: IntArray = np.asarray(class_of_model_class, dtype=np.int64)
    return classes[winners]


def accuracy(predicted: IntArray, gold: IntArray) -> float:
    """Share of examples predicted right, in [0, 1]; higher is better."""
    return float(np.mean(predicted == gold))


def macro_f1(predicted: IntArray, gold: IntArray) -> float:
    """Mean over classes of F1, in [0, 1]; higher is better.

    F1 of a class is ``2 TP / (2 TP + FP + FN)``. Classes that neither the gold labels nor the
    predictions contain are left out, so that a slice of one class is not punished for the rest.
    """
    classes = np.union1d(predicted, gold)
    scores = []
    for label in classes:
        hits = np.sum((predicted == label) & (gold == label))
        errors = np.sum((predicted == label) != (gold == label))
        scores.append(2 * hits / (2 * hits + errors))
    return float(np.mean(scores))


def score(
    predicted: IntArray, gold: IntArray, slices: Mapping[str, npt.NDArray[Any]] | None = None
) -> SetScores:
    """Score predictions on one set and on each of its slices.

    Args:
        predicted: Predicted classes, shape (N,), N at least 1.
        gold: Gold classes, shape (N,).
        slices: Slice column to the value of each example, shape (N,).

    Returns:
        The scores.
    """
    return by_slice(lambda rows: _metrics(predicted[rows], gold[rows]), len(gold), slices or {})


def by_slice(
    measure: Callable[[npt.NDArray[np.bool_]], dict[str, float]],
    examples: int,
    slices: Mapping[str, npt.NDArray[Any]],
) -> SetScores:
    """Scores of all examples and of each slice.

    Args:
        measure: Gives the metrics of the examples in a mask, bool of shape (N,).
        examples: N, at least 1.
        slices: Slice column to the value of each example, shape (N,).
    """
    columns = {
        column: {str(value): _counted(measure, values == value) for value in np.unique(values)}
        for column, values in slices.items()
    }
    return SetScores(_counted(measure, np.ones(examples, dtype=np.bool_)), columns)


def _counted(
    measure: Callable[[npt.NDArray[np.bool_]], dict[str, float]], rows: npt.NDArray[np.bool_]
) -> dict[str, float]:
    return measure(rows) | {"examples": float(rows.sum())}


def _metrics(predicted: IntArray, gold: IntArray) -> dict[str, float]:
    return {
        "accuracy": accuracy(predicted, gold),
        "macro_f1": macro_f1(predicted, gold),
    }
