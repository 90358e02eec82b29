"""Dynamics of data with label errors that are known."""

from __future__ import annotations

import numpy as np

from ftft.dynamics import TrainingDynamics


def noisy(examples=400, epochs=4, flipped=40):
    """Dynamics of a model that learns the true labels; the first ones are flipped."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, examples)
    logits = generator.normal(size=(epochs, examples, 3))
    logits[:, np.arange(examples), truth] += np.arange(1, epochs + 1)[:, None]
    labels = truth.copy()
    labels[:flipped] = (truth[:flipped] + 1) % 3
    return TrainingDynamics.from_arrays(logits, labels, class_names=["x", "y", "z"])
