"""Batches of logits of any array library, held without waiting for the device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ftft.dynamics.values import COLUMNS, Encoding
from ftft.errors import DynamicsError


def detach_copy(array: Any) -> Any:
    """Keep an array for later, without moving it off its device.

    A torch tensor is cut from the graph and copied on its device (the copy is queued
    like any other operation), so that it may change afterwards: compiled models with
    CUDA graphs reuse the memory of their outputs. JAX arrays never change and are kept
    as they are. Everything else becomes a NumPy array of its own.
    """
    if is_torch(array):
        return array.detach().clone()
    if is_jax(array):
        return array
    return np.array(array)


def is_torch(array: Any) -> bool:
    """Whether ``array`` is a torch tensor, found out without importing torch."""
    return any(base.__module__.split(".")[0] == "torch" for base in type(array).__mro__)


def is_jax(array: Any) -> bool:
    """Whether ``array`` is a JAX array, found out without importing JAX."""
    return any(base.__module__.split(".")[0] in ("jax", "jaxlib") for base in type(array).__mro__)


def to_host(arrays: list[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Join held arrays along their first axis and move them to the host in bulk.

    Args:
        arrays: At least one array of shape (n, …) from ``detach_copy``.
        dtype: The NumPy type of the result: float32, int64, or ``np.str_`` for ids.

    Returns:
        One NumPy array of the given type; an object array of strings for ``np.str_``.

    Raises:
        DynamicsError: The arrays do not fit together.
    """
    if all(map(is_torch, arrays)):
        return _torch_to_host(arrays, dtype)
    if all(map(is_jax, arrays)):
        import jax

        arrays = jax.device_get(arrays)
    kind: Any = object if dtype is np.str_ else dtype
    return np.concatenate([_plain(array, dtype).astype(kind) for array in arrays])


def _torch_to_host(tensors: list[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    import torch

    wanted = torch.float32 if dtype is np.float32 else torch.int64
    devices = {tensor.device for tensor in tensors}
    if len(devices) > 1:
        return np.concatenate([_torch_to_host([tensor], dtype) for tensor in tensors])
    joined: npt.NDArray[Any] = torch.cat([tensor.to(wanted) for tensor in tensors]).cpu().numpy()
    return joined


def _plain(array: Any, dtype: type[np.generic]) -> npt.NDArray[Any]:
    return _torch_to_host([array], dtype) if is_torch(array) else np.asarray(array)


def batch_size(ids: Any, recorded: Any, width: int, encoding: Encoding) -> int:
    """Check the shapes of one batch; nothing is read from the device.

    Args:
        ids: Held ids or indices of shape (n,).
        recorded: Held logits (n, C) or values (n, 5).
        width: C or 5.
        encoding: Which they are.

    Returns:
        n.

    Raises:
        DynamicsError: The shapes are not (n,) and (n, width).
    """
    shape = tuple(recorded.shape)
    if encoding == "values" and (len(shape) != 2 or shape[1] != width):
        raise DynamicsError(
            f"The recorded values have shape {shape}, expected (examples, {width}): "
            f"{', '.join(COLUMNS)} of each example."
        )
    if len(shape) != 2 or shape[1] != width:
        hint = "Give the model's logits at the classes, one row an example."
        if shape[-1:] == (1,) and width == 2:
            hint = "A single output z for two classes is recorded as the two logits 0 and z."
        raise DynamicsError(
            f"The recorded logits have shape {shape}, expected (examples, {width}): the "
            f"recorder was made for {width} classes. {hint}"
        )
    if tuple(ids.shape) != shape[:1]:
        raise DynamicsError(
            f"The recorded ids have shape {tuple(ids.shape)}, but the {encoding} are of {shape[0]} "
            "examples. Give one id or index for each row."
        )
    return int(shape[0])
