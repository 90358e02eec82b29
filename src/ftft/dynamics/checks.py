"""What is checked of everything that is recorded or read."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.dynamics.values import COLUMNS, FIRST_MEASURE, Encoding, Recorded, unusable
from ftft.errors import DynamicsError, reason

DIVERGED = (
    "Training has probably diverged: lower the learning rate, or use bfloat16 or float32 instead "
    "of float16."
)


class IdsOfRows:
    """The ids of some rows, looked up only when a message needs one."""

    def __init__(self, ids: pa.StringArray, rows: npt.NDArray[Any]) -> None:
        self._ids, self._rows = ids, rows

    def __getitem__(self, position: int) -> Any:
        """Return the id of one of the rows, as an Arrow scalar."""
        return self._ids[int(self._rows[position])]


def check_finite(
    recorded: Recorded,
    ids: pa.StringArray | IdsOfRows,
    where: str,
    encoding: Encoding = "logits",
) -> None:
    """Raise a ``DynamicsError`` that names the first example that cannot be used.

    Args:
        recorded: (N, W) rows; which are usable says ``ftft.dynamics.values.unusable``.
        ids: (N,) ids of the rows.
        where: The place, for the message.
        encoding: What they are.
    """
    if encoding == "logits" and np.isfinite(recorded).all():
        return
    bad = unusable(recorded, encoding)
    if not bad.any():
        return
    row, count = int(np.argmax(bad)), int(bad.sum())
    kind = "NaN or infinite logits"
    if encoding == "values":
        kind = f"values out of range, infinite or in part NaN, of {', '.join(COLUMNS)}"
    raise DynamicsError(
        f"{where}: the {encoding} of example {ids[row].as_py()!r} are {recorded[row].tolist()} "
        f"({count} examples have {kind}). {DIVERGED}"
    )


def warn_of_probabilities(recorded: Recorded, where: str) -> None:
    """Warn where rows (n, C), given as logits to a recorder, look like probabilities."""
    sums = recorded.sum(axis=1, dtype=np.float64)
    # Half precision keeps three digits.
    if len(recorded) and (recorded >= 0).all() and (np.abs(sums - 1) < 5e-3).all():
        warnings.warn(
            f"{where}: the rows of the first batch are not negative and sum to 1, as "
            "probabilities do, where logits were expected. Record what the model gives before its "
            "softmax, or the logarithm of the probabilities; a map of these would be wrong.",
            stacklevel=4,
        )


def checked_chance(chance: float | None, encoding: Encoding, num_classes: int) -> float:
    """The probability of the right answer by chance, in [0, 1)."""
    if chance is None:
        return 1 / num_classes if encoding == "logits" else 0.0
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance < 1:
        raise DynamicsError(f"chance is {chance!r}; it must be a number from 0 to below 1.")
    return float(chance)


def checked_measures(measures: Any, encoding: Encoding) -> tuple[str, ...]:
    """Names of other probabilities that are recorded beside the values."""
    names = tuple(measures)
    if isinstance(measures, str) or not all(isinstance(one, str) and one for one in names):
        raise DynamicsError(f"measures is {measures!r}; it must be a list of names.")
    if len(set(names)) < len(names) or FIRST_MEASURE in names:
        raise DynamicsError(
            f"measures is {measures!r}; each may stand once, and {FIRST_MEASURE} is what the "
            "values hold anyway."
        )
    if names and encoding == "logits":
        raise DynamicsError("measures are for encoding='values'; logits have no others.")
    return names


def stacked_arrays(recorded: Any, encoding: Encoding) -> Recorded:
    """One float32 array (E, N, W) of what was recorded, its shape checked."""
    try:
        stacked = np.asarray(recorded, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DynamicsError(
            "The logits are not one array of numbers of shape (recording points, examples, "
            f"classes): {reason(error)}. Give every recording point the same examples and classes."
        ) from error
    if encoding == "values" and (stacked.ndim != 3 or stacked.shape[2] != len(COLUMNS)):
        raise DynamicsError(
            f"The values have shape {stacked.shape}, expected (recording points, examples, "
            f"{len(COLUMNS)}): {', '.join(COLUMNS)} of each example."
        )
    if stacked.ndim != 3 or stacked.shape[2] < 2:
        raise DynamicsError(
            f"The logits have shape {stacked.shape}, expected (recording points, examples, "
            "classes) with at least two classes. A model with a single output z for two classes "
            "is recorded as the two logits 0 and z."
        )
    return stacked


def checked_epoch(epoch: int) -> int:
    """Return a recording point, an integer from 0, or raise a ``DynamicsError``."""
    if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or epoch < 0:
        raise DynamicsError(f"The epoch is {epoch!r}; it must be an integer from 0.")
    return int(epoch)


def at_least(least: int, value: int, name: str) -> int:
    """Return an integer that is at least so high, or raise a ``DynamicsError``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DynamicsError(f"{name} is {value!r}; it must be an integer of at least {least}.")
    return value
