"""Columns of texts of any size.

An Arrow array of strings holds 2 GiB at most, since its offsets have 32 bits. So texts stay in
chunks, and what would put all chunks into one array (``combine_chunks``, ``take``) is done here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Bytes of a chunk that is made here.
_MOST = 1 << 30


def text_chunks(values: Iterable[str | None]) -> list[pa.StringArray]:
    """Texts as arrays, in their order: one, unless they are too long for it."""
    made = pa.array(values, pa.string())
    return made.chunks if isinstance(made, pa.ChunkedArray) else [made]


def narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of type ``large_string`` as one of type ``string``.

    Raises:
        pyarrow.ArrowInvalid: A single text has 2 GiB or more.
    """
    parts = [part.cast(pa.string()) for chunk in column.chunks for part in _parts(chunk)]
    return pa.chunked_array(parts, pa.string())


def take(column: pa.ChunkedArray, positions: Any) -> pa.ChunkedArray:
    """The values at N positions, in their order.

    Args:
        column: A column of any type.
        positions: N integers, none of them missing.
    """
    where = np.asarray(positions, dtype=np.int64)
    if not pa.types.is_string(column.type) or column.nbytes < _MOST:
        return column.take(pa.array(where))
    # First from each chunk what is wanted of it, in any order, and that then into its order.
    starts = np.cumsum([0, *map(len, column.chunks)])
    chunk_of = np.searchsorted(starts, where, side="right") - 1
    found = [
        part.take(pa.array(where[chunk_of == place] - starts[place])).cast(pa.large_string())
        for place, part in enumerate(column.chunks)
    ]
    order = np.argsort(np.argsort(chunk_of, kind="stable"))
    return narrowed(pa.chunked_array(found, pa.large_string()).take(pa.array(order)))


def take_rows(table: pa.Table, positions: Any) -> pa.Table:
    """The rows at N positions, in their order; none of them missing."""
    if all(column.nbytes < _MOST for column in table.itercolumns()):
        return table.take(positions)
    columns = [take(column, positions) for column in table.itercolumns()]
    return pa.table(columns, names=table.column_names)


def count_shared(texts: pa.ChunkedArray, others: pa.ChunkedArray) -> int:
    """How many of some texts are also among others."""
    # Few texts are looked up in many, so that no table of the many is needed.
    found = 0
    for chunk in texts.chunks:
        both = others.filter(pc.is_in(others, value_set=chunk))
        found += pc.sum(pc.is_in(chunk, value_set=pc.unique(both))).as_py() or 0
    return found


def _parts(chunk: pa.LargeStringArray) -> Iterable[pa.LargeStringArray]:
    """Parts of a chunk that fit into an array of type ``string`` each."""
    ends = np.cumsum(_byte_lengths(chunk))
    start = 0
    while start < len(chunk):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _MOST, side="right")))
        # A slice would keep its offsets, which may be too large however short it is.
        yield chunk.take(pa.array(np.arange(start, stop)))
        start = stop


def _byte_lengths(chunk: pa.LargeStringArray) -> npt.NDArray[np.int64]:
    return np.asarray(pc.fill_null(pc.binary_length(chunk), 0), dtype=np.int64)
