"""Texts of the examples, cut so that they fit into the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ftft.report.encode import packed_list

ROWS_PER_BLOCK = 512

# Characters kept of each text; the first that fits is taken. None: whole.
_LIMITS = (None, 2000, 1000, 500, 300, 200, 150, 100, 75, 50, 30)
# One in so many blocks is packed to learn how much the texts take.
_STRIDE = 16
_MARGIN = 1.05


@dataclass(frozen=True)
class PackedTexts:
    """Texts in blocks of ``ROWS_PER_BLOCK`` examples.

    Attributes:
        blocks: Each a compressed list with one list of texts an example.
        limit: Characters kept of each text; None where they are whole.
        cut: Examples of which something was cut off.
    """

    blocks: tuple[str, ...]
    limit: int | None
    cut: int


def packed_texts(columns: Sequence[pa.ChunkedArray], budget: int) -> PackedTexts | None:
    """Pack texts into at most ``budget`` bytes, cutting them to an equal length where needed.

    Args:
        columns: One or two arrays of N texts.
        budget: Bytes that the blocks may take together.

    Returns:
        The blocks; None where not even the first 30 characters of each text fit.
    """
    for limit in _LIMITS:
        cut = [_cut(column, limit) for column in columns]
        if _estimate(cut) > budget:
            continue
        blocks = tuple(_block(cut, start) for start in _starts(cut))
        if sum(map(len, blocks)) <= budget:
            return PackedTexts(blocks, limit, _count_cut(columns, limit))
    return None


def _cut(column: pa.ChunkedArray, limit: int | None) -> pa.ChunkedArray:
    if limit is None:
        return column
    shorter = pc.utf8_slice_codeunits(column, 0, limit)
    ended = pc.binary_join_element_wise(shorter, pa.scalar("…"), pa.scalar(""))
    return pc.if_else(pc.greater(pc.utf8_length(column), limit), ended, column)


def _count_cut(columns: Sequence[pa.ChunkedArray], limit: int | None) -> int:
    if limit is None:
        return 0
    longer = pc.greater(pc.utf8_length(columns[0]), limit)
    for column in columns[1:]:
        longer = pc.or_(longer, pc.greater(pc.utf8_length(column), limit))
    return int(pc.sum(longer).as_py() or 0)


def _starts(columns: Sequence[pa.ChunkedArray]) -> range:
    return range(0, len(columns[0]), ROWS_PER_BLOCK)


def _block(columns: Sequence[pa.ChunkedArray], start: int) -> str:
    parts = [column.slice(start, ROWS_PER_BLOCK).to_pylist() for column in columns]
    return packed_list([list(texts) for texts in zip(*parts, strict=True)])


def _estimate(columns: Sequence[pa.ChunkedArray]) -> float:
    """Bytes that all blocks take, from some of them."""
    starts = _starts(columns)
    some = starts[:: _STRIDE if len(starts) > _STRIDE else 1]
    size = sum(len(_block(columns, start)) for start in some)
    exact = len(some) == len(starts)
    return size if exact else size * len(starts) / len(some) * _MARGIN
