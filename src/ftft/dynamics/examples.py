"""Example ids and gold labels: converted, checked and fingerprinted in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.dynamics.values import Encoding, Labels, Lengths
from ftft.errors import DynamicsError, reason


def to_ids(ids: Any) -> pa.StringArray:
    """Turn ids into one Arrow string array.

    Args:
        ids: A sequence, NumPy array or Arrow array of strings or integers, shape (N,).

    Returns:
        ``pa.StringArray`` of length N; integers in decimal.

    Raises:
        DynamicsError: An id is missing or is neither a string nor an integer, or all
            ids together exceed 2 GiB of text.
    """
    array = _as_arrow(ids)
    if not _is_text_or_integer(array.type):
        raise DynamicsError(
            f"Example ids must be strings or integers, not {array.type}. Convert them to strings "
            "before they are recorded."
        )
    if array.null_count:
        position = pc.index(array.is_null(), True).as_py()
        raise DynamicsError(
            f"The example id at position {position} is missing ({array.null_count} are). Give "
            "every example an id."
        )
    try:
        array = array.cast(pa.string())
        if isinstance(array, pa.ChunkedArray):
            array = (
                pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
            )
        return array
    except pa.ArrowException as error:
        raise DynamicsError(
            f"The example ids cannot be held as text of at most 2 GiB: {reason(error)}. Use "
            "shorter ids, for example a number or the first 16 characters of a hash."
        ) from error


def _is_text_or_integer(kind: pa.DataType) -> bool:
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return bool(text or types.is_integer(kind))


def _as_arrow(ids: Any) -> Any:
    if isinstance(ids, pa.Array | pa.ChunkedArray):
        return ids
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu" and ids.ndim == 1:
        return pa.array(ids)
    items = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    for position, item in enumerate(items):
        if isinstance(item, bool) or not isinstance(item, str | int | np.integer):
            raise DynamicsError(
                f"The example id at position {position} is {item!r} ({type(item).__name__}); ids "
                "must be strings or integers. Convert them before they are recorded."
            )
    return pa.array([str(item) for item in items], type=pa.string())


def json_ids(ids: pa.StringArray) -> pa.StringArray:
    """Ids as JSON: as numbers where all are decimal integers, else as quoted texts.

    Args:
        ids: (N,) ids.

    Returns:
        (N,) pieces of JSON.
    """
    if pc.all(pc.match_substring_regex(ids, r"^(0|-?[1-9]\d{0,17})$")).as_py():
        return ids
    return pa.array([json.dumps(name) for name in ids.to_pylist()], pa.string())


def check_unique(ids: pa.StringArray, where: str) -> None:
    """Raise a ``DynamicsError`` naming a repeated id, where there is one.

    Args:
        ids: (N,) ids.
        where: What holds the ids, for the message.
    """
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    counts = ids.value_counts()
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    first = repeated[0]
    raise DynamicsError(
        f"{where}: the example id {first['values'].as_py()!r} occurs {first['counts'].as_py()} "
        f"times ({len(repeated)} ids are repeated). Ids join dynamics, map and data, so each "
        "must be unique; add a column with a running number where the data have none."
    )


def to_labels(labels: Any, num_classes: int | None, where: str) -> Labels:
    """Turn gold class indices into an int64 array.

    Args:
        labels: (N,) integers in [0, num_classes).
        num_classes: The number of classes C, or None to leave the upper end open.
        where: What holds the labels, for the message.

    Returns:
        int64 array of shape (N,).

    Raises:
        DynamicsError: The labels are not a list of integers in range.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DynamicsError(
            f"{where}: gold labels must be one class index (an integer from 0) an example, but "
            f"have shape {array.shape} and type {array.dtype}. Map class names to indices first."
        )
    result: Labels = array.astype(np.int64)
    outside = result < 0
    if num_classes is not None:
        outside |= result >= num_classes
    if outside.any():
        position = int(np.argmax(outside))
        upper = "" if num_classes is None else f" and below the number of classes {num_classes}"
        raise DynamicsError(
            f"{where}: the gold label of example {position} is {int(result[position])}; it must be "
            f"at least 0{upper} ({int(outside.sum())} labels are outside). Map the labels to "
            "0, 1, 2, …, or leave unlabelled examples out."
        )
    return result


def resolve_classes(
    labels: Any,
    num_classes: int | None,
    class_names: Sequence[str] | None,
    where: str,
    *,
    least: int = 2,
) -> tuple[Labels, int, tuple[str, ...]]:
    """Settle labels, number of classes and class names together.

    Args:
        labels: (N,) gold class indices.
        num_classes: C; from the class names, else from the largest label, where None.
        class_names: C names; "0", "1", … where None; none at all where the labels are no
            group of examples.
        where: What holds the labels, for messages.
        least: The least number of classes.

    Returns:
        The int64 labels (N,), C, and the C names, or none.

    Raises:
        DynamicsError: The three do not fit together.
    """
    if num_classes is None and class_names:
        num_classes = len(class_names)
    checked = to_labels(labels, num_classes, where)
    if num_classes is None:
        num_classes = max(least, int(checked.max()) + 1) if len(checked) else least
    names = tuple(map(str, range(num_classes) if class_names is None else class_names))
    if num_classes < least or (names and not len(names) == num_classes == len(set(names))):
        raise DynamicsError(
            f"{where}: {num_classes} classes with the names {list(names)} do not fit together. "
            f"There must be at least {least} and one different name for each."
        )
    return checked, num_classes, names


def classes_of(
    labels: Any,
    num_classes: int | None,
    class_names: Sequence[str] | None,
    where: str,
    encoding: Encoding,
    examples: int,
) -> tuple[Labels, int, tuple[str, ...]]:
    """Labels, number of classes and their names, as ``resolve_classes``, of either encoding.

    Of values, labels are groups, and there may be none.
    """
    if encoding == "logits":
        return resolve_classes(labels, num_classes, class_names, where)
    if labels is None:
        return resolve_classes(np.zeros(examples, dtype=np.int64), 1, (), where, least=1)
    return resolve_classes(labels, None, class_names, where, least=1)


def fingerprint(ids: pa.StringArray, labels: Labels) -> str:
    """SHA-256 (hexadecimal) of ids and labels in their order."""
    offsets, data = text_buffers(ids)
    digest = hashlib.sha256()
    digest.update(np.diff(offsets).astype("<i4").tobytes())
    digest.update(data.data)
    digest.update(np.ascontiguousarray(labels, dtype="<i8").data)
    return digest.hexdigest()


def text_buffers(ids: pa.StringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The offsets (N + 1, starting at 0) and the UTF-8 bytes of a string array."""
    _, offset_buffer, data_buffer = ids.buffers()
    if len(ids) == 0 or offset_buffer is None:
        return np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.uint8)
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if data_buffer is None:
        return np.zeros(len(ids) + 1, dtype=np.int64), np.zeros(0, dtype=np.uint8)
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return offsets.astype(np.int64) - int(offsets[0]), data


def to_lengths(lengths: Any, count: int) -> Lengths:
    """Turn lengths of examples into an int32 array (count,).

    Raises:
        DynamicsError: There are more or fewer, or one is no number of tokens.
    """
    found = np.asarray(lengths)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise DynamicsError(
            f"The lengths are {found.dtype} of shape {found.shape}; give a number of tokens, an "
            f"integer, for each of the {count} examples."
        )
    if count and not 0 <= found.min() <= found.max() < 2**31:
        raise DynamicsError(
            f"The lengths go from {found.min()} to {found.max()}; give numbers of tokens from 0."
        )
    return found.astype(np.int32)
