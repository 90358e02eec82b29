"""What was recorded of each example, point by point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ftft.dynamics.container import TrainingDynamics


def confidence_by_epoch(dynamics: TrainingDynamics) -> npt.NDArray[np.float32]:
    """Probability of the gold label at each recording point.

    Returns:
        float32 array of shape (E, N), in [0, 1], NaN where a value is missing; higher is
        learnt better.

    Raises:
        DynamicsError: A recording point cannot be read.
    """
    return _by_epoch(dynamics, dynamics.epochs, "probability")


def loss_trajectories(
    dynamics: TrainingDynamics, epochs: Sequence[int] | None = None
) -> npt.NDArray[np.float32]:
    """Cross-entropy of the gold label at each recording point.

    Args:
        dynamics: What was recorded.
        epochs: E of its complete points, such as those of a map; all where None.

    Returns:
        float32 array of shape (N, E), at least 0; lower is learnt better. One row is the
        trajectory that SmallToLarge clusters (Yang et al. 2024, section 4). A missing value
        is the mean of the example's others.

    Raises:
        DynamicsError: A recording point cannot be read.
    """
    taken = dynamics.epochs if epochs is None else epochs
    losses = np.ascontiguousarray(_by_epoch(dynamics, taken, "loss").T)
    missing = np.isnan(losses)
    if missing.any():
        means = np.nansum(losses, axis=1) / np.maximum((~missing).sum(axis=1), 1)
        losses[missing] = np.broadcast_to(means[:, None], losses.shape)[missing]
    return losses


def _by_epoch(
    dynamics: TrainingDynamics, epochs: Sequence[int], name: str
) -> npt.NDArray[np.float32]:
    result = np.empty((len(epochs), len(dynamics)), dtype=np.float32)
    for position, epoch in enumerate(epochs):
        result[position] = getattr(dynamics.point_values(epoch), name)
    return result
