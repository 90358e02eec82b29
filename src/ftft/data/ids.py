"""Example ids: taken from a column or made from the content, unique, assigned once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# Rows whose texts are Python's at a time.
_ROWS = 50_000


def content_ids(texts: Sequence[pa.ChunkedArray], labels: pa.Array | pa.ChunkedArray) -> list[str]:
    """Make ids from texts and class names: 16 hexadecimal digits, equal for equal rows.

    Args:
        texts: One or two arrays of N texts.
        labels: N class names.
    """
    made: list[str] = []
    for start in range(0, len(labels), _ROWS):
        columns = [column.slice(start, _ROWS).to_pylist() for column in (*texts, labels)]
        made += [
            hashlib.blake2b(
                "".join(f"{len(cell)}:{cell}" for cell in cells).encode(), digest_size=8
            ).hexdigest()
            for cells in zip(*columns, strict=True)
        ]
    return made


def number_repeats(ids: Sequence[str]) -> list[str]:
    """Make ids unique: the second ``x`` becomes ``x-2``, the third ``x-3``."""
    seen: dict[str, int] = {}
    numbered = []
    for example_id in ids:
        count = seen[example_id] = seen.get(example_id, 0) + 1
        numbered.append(example_id if count == 1 else f"{example_id}-{count}")
    return numbered


def first_repeat(ids: pa.Array) -> tuple[int, list[int]] | None:
    """Find ids that are not unique.

    Args:
        ids: N ids.

    Returns:
        The position of the first id that is repeated, and those that repeat an earlier id, its
        own repetition first; None where all ids differ.
    """
    codes = ids.dictionary_encode().indices.to_numpy()
    repeats = len(codes) - (int(codes.max()) + 1 if len(codes) else 0)
    if repeats == 0:
        return None
    # Codes count up in order of appearance, so a row that repeats an earlier id is one
    # that does not raise the running maximum.
    is_repeat = np.diff(np.maximum.accumulate(codes), prepend=-1) == 0
    positions = np.flatnonzero(is_repeat).tolist()
    return int(np.flatnonzero(codes == codes[positions[0]])[0]), positions


def repeat_message(example_id: str, first: str, second: str, repeats: str = "") -> str:
    """That ids are not unique, given two places of one, and which rows repeat an earlier id.

    Args:
        example_id: An id that is there more than once.
        first: Its first place.
        second: Its second place.
        repeats: The rows that repeat an earlier id, where the second place is not the only one.
    """
    others = f"; {repeats} repeat an earlier id" if repeats else ""
    return (
        f"the example id {example_id[:80]!r} is there twice, in {first} and in {second}{others}. "
        "Ids must be unique: repair the column, or leave 'id' out to have ids made "
        "from the content."
    )


def choose_by_hash(ids: Sequence[str], count: int, *, salt: str) -> npt.NDArray[np.bool_]:
    """Choose ``count`` ids at random, the same ones in any order and on every machine.

    Of two choices with the same salt the larger contains the smaller, and adding other
    ids changes a choice little.

    Returns:
        A mask over the N ids with ``min(count, N)`` set, bool of shape (N,).
    """
    chosen = np.zeros(len(ids), dtype=np.bool_)
    chosen[np.argsort(hashed(ids, salt=salt), kind="stable")[:count]] = True
    return chosen


def hashed(values: Sequence[str], *, salt: str) -> npt.NDArray[np.uint64]:
    """Hash N strings to uint64 of shape (N,), the same on every machine."""
    key = hashlib.blake2b(salt.encode(), digest_size=32).digest()
    return np.fromiter(
        (
            int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8, key=key).digest())
            for value in values
        ),
        dtype=np.uint64,
        count=len(values),
    )
