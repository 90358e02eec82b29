"""Ranking by a score with ties broken by id, the same on every machine and row order."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.dynamics.examples import text_buffers

Rows: TypeAlias = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def top(
    scores: npt.NDArray[Any],
    ids: pa.StringArray,
    count: int,
    *,
    largest: bool,
    rows: Rows | None = None,
) -> Rows:
    """The ``count`` rows with the best scores, best first; equal scores by ascending id.

    Only the chosen rows are sorted, and ids are compared only among equal scores.

    Args:
        scores: (N,) numbers without NaN.
        ids: (N,) unique ids; compared byte by byte (UTF-8).
        count: How many rows, from 0 to the number of candidates.
        largest: Whether high scores are the best ones.
        rows: The candidates, row numbers without repeats; all N where None.

    Returns:
        int64 row numbers of shape (count,), in rank order.
    """
    chosen = top_set(scores, ids, count, largest=largest, rows=rows)
    keys = _keys(scores, chosen, largest)
    order = np.argsort(keys)
    keys, chosen = keys[order], chosen[order]
    tied = _tied(keys[1:] == keys[:-1])
    if len(tied):
        groups = _numbered(keys[tied][1:] == keys[tied][:-1])
        equal = chosen[tied]
        chosen[tied] = equal[_id_order(ids.take(pa.array(equal)), groups)]
    return chosen


def top_set(
    scores: npt.NDArray[Any],
    ids: pa.StringArray,
    count: int,
    *,
    largest: bool,
    rows: Rows | None = None,
) -> Rows:
    """The same rows as ``top`` in no particular order, without the cost of sorting them."""
    candidates = np.arange(len(scores), dtype=np.int64) if rows is None else rows
    if count >= len(candidates):
        return candidates
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    keys = _keys(scores, rows, largest)
    border = np.partition(keys, count - 1)[count - 1]
    inside = candidates[keys < border]
    ties = candidates[keys == border]
    wanted = count - len(inside)
    if wanted < len(ties):
        ties = ties[_id_order(ids.take(pa.array(ties)), np.zeros_like(ties))][:wanted]
    return np.concatenate([inside, ties])


def id_uniform(ids: pa.StringArray, seed: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each id that depends on nothing but the id and the seed.

    A 64-bit hash of the UTF-8 bytes, eight at a time, mixed as in SplitMix64 (Steele et
    al. 2014). Unlike a generator's stream it does not depend on the order of the rows,
    and unlike ``hash`` it is the same in every process and on every machine.

    Args:
        ids: (N,) ids.
        seed: Any integer.

    Returns:
        float64 array of shape (N,), uniform over ids; the upper 53 bits of the hash.
    """
    words = _Words(ids)
    start = _mix(np.array([seed % (1 << 64)], dtype=np.uint64) + _GOLDEN)[0]
    state = _mix(words.lengths.astype(np.uint64) ^ start)
    active = np.flatnonzero(words.lengths > 0)
    position = 0
    while len(active):
        state[active] = _mix((state[active] ^ words.at(active, position)) + _GOLDEN)
        position += 8
        active = active[words.lengths[active] > position]
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _keys(scores: npt.NDArray[Any], rows: Rows | None, largest: bool) -> npt.NDArray[Any]:
    """Scores of some rows, turned so that the lowest is the best."""
    values = scores if rows is None else scores[rows]
    return -values if largest else values


def _id_order(ids: pa.StringArray, groups: Rows) -> Rows:
    """The order of ids by group (ascending already) and then by id.

    Compares eight bytes of the ids at once and continues with the next eight only for
    those that are still equal; sorting whole strings costs several times as much.
    """
    words = _Words(ids)
    order = np.arange(len(ids))
    active = order.copy()
    position, longest = 0, int(words.lengths.max(initial=0))
    while len(active) and position <= longest:
        current = order[active]
        word = words.at(current, position).byteswap()  # now compares as its bytes do
        lengths = np.minimum(words.lengths[current] - position, 8)
        finer = np.lexsort((lengths, word, groups))
        order[active] = order[active][finer]
        word, lengths, groups = word[finer], lengths[finer], groups[finer]
        same = (word[1:] == word[:-1]) & (lengths[1:] == lengths[:-1])
        same &= groups[1:] == groups[:-1]
        tied = _tied(same)
        groups, active = _numbered(same)[tied], active[tied]
        position += 8
    return order


def _tied(same_as_last: npt.NDArray[np.bool_]) -> Rows:
    """Positions that equal a neighbour."""
    tied = np.zeros(len(same_as_last) + 1, dtype=np.bool_)
    tied[1:] = same_as_last
    tied[:-1] |= same_as_last
    return np.flatnonzero(tied)


def _numbered(same_as_last: npt.NDArray[np.bool_]) -> Rows:
    """Numbers of the runs of equal neighbours, ascending."""
    return np.concatenate([[0], np.cumsum(~same_as_last)])


class _Words:
    """The UTF-8 bytes of ids, eight at a time, for many ids at once."""

    def __init__(self, ids: pa.StringArray) -> None:
        self._offsets, data = text_buffers(ids)
        self.lengths = np.diff(self._offsets)
        # A view of the eight bytes that start at each byte; the padding keeps it inside.
        padded = np.concatenate([data, np.zeros(8, dtype=np.uint8)])
        self._words = np.ndarray((len(data) + 1,), dtype="<u8", buffer=padded, strides=(1,))

    def at(self, rows: Rows, position: int) -> npt.NDArray[np.uint64]:
        """Bytes ``position`` to ``position`` + 7 of some ids, zero after the end of an id.

        The first byte is the lowest of the number.
        """
        left = np.clip(self.lengths[rows] - position, 0, 8).astype(np.uint64)
        starts = np.minimum(self._offsets[rows] + position, len(self._words) - 1)
        # A shift by 64 is undefined: an id that has ended is set to zero apart.
        mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(64) - np.uint64(8) * np.maximum(left, 1))
        word = self._words[starts].astype(np.uint64) & mask
        return np.where(left > 0, word, np.uint64(0))
