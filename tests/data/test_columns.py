"""Columns that hold more text than one Arrow array of strings can."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ftft.data import columns
from ftft.data.assembly import joined_texts
from ftft.data.columns import count_shared, narrowed, take, take_rows, text_chunks
from ftft.data.dataset import LabelledDataset
from ftft.data.sources import _cast

# 40 times the same 64 MiB: no array of strings holds them all, and they need 64 MiB of memory.
TIMES, ROWS = 40, 64


@pytest.fixture(scope="module")
def long() -> pa.ChunkedArray:
    chunk = pa.array([f"{row} " + "x" * (1 << 20) for row in range(ROWS)], pa.string())
    return pa.chunked_array([chunk] * TIMES)


def test_this_is_more_than_an_array_holds(long):
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        long.combine_chunks()
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        long.take(pa.array([0]))


def test_rows_are_taken_in_their_order(long):
    table = pa.table({"text": long, "row": pa.array(range(ROWS * TIMES))})
    where = [2000, 3, ROWS * TIMES - 1, 64, 3]
    found = take_rows(table, pa.array(where))
    assert found.column_names == ["text", "row"]
    assert found["row"].to_pylist() == where
    assert [text.split()[0] for text in found["text"].to_pylist()] == [
        str(row % ROWS) for row in where
    ]
    assert found["text"].type == pa.string()
    assert take(long, np.array([], dtype=np.int64)).to_pylist() == []


def test_a_data_set_of_so_much_text_can_be_looked_at_and_cut(long, monkeypatch):
    # That all of it is hashed is another matter, which takes seconds.
    monkeypatch.setattr("ftft.data.dataset._fingerprint", lambda *given: "0" * 32)
    ids = [f"id-{row}" for row in range(ROWS * TIMES)]
    table = pa.table({"example_id": ids, "text_0": long, "label": np.arange(len(ids)) % 2})
    data = LabelledDataset.from_table("train", table, ("x", "y"))
    assert len(joined_texts(data)) == len(ids)
    assert data.take(["id-2000", "id-7"]).table["text_0"].to_pylist()[1].startswith("7 ")


def test_what_is_shared_is_counted():
    others = pa.chunked_array([["c", "x", "c"], [], ["d", ""]])
    texts = pa.chunked_array([["a", "c"], pa.array([], pa.string()), ["c", "b", "", "C"]])
    assert count_shared(texts, others) == 3
    assert count_shared(texts, pa.chunked_array([["e"]])) == 0


def test_texts_with_wide_offsets_are_cut_to_what_an_array_holds(monkeypatch):
    monkeypatch.setattr(columns, "_MOST", 10)
    texts = ["a" * 4, None, "b" * 6, "c", "", "d" * 30, "e"]
    wide = pa.chunked_array([texts[:2], texts[2:]], pa.large_string())
    for made in (narrowed(wide), _cast(wide)):
        assert made.type == pa.string()
        assert made.to_pylist() == texts
        assert [len(chunk) for chunk in made.chunks] == [2, 3, 1, 1]


def test_texts_far_into_a_wide_array_are_cut_too():
    start = 1 << 31
    # Memory that nobody writes to is not used.
    zeros, offsets = np.zeros(start + 3, dtype=np.uint8), np.array([start, start + 1, start + 3])
    chunk = pa.Array.from_buffers(
        pa.large_string(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(zeros)]
    )
    assert narrowed(pa.chunked_array([chunk])).to_pylist() == ["\0", "\0\0"]


def test_taking_by_chunks_is_taking(monkeypatch):
    chance = np.random.default_rng(0)
    column = pa.chunked_array([[f"{row}" for row in range(start, start + 7)] for start in (0, 7)])
    where = chance.permutation(14)[:9]
    expected = column.take(pa.array(where)).to_pylist()
    monkeypatch.setattr(columns, "_MOST", 5)
    found = take(column, where)
    assert found.to_pylist() == expected
    assert max(pc.sum(pc.binary_length(chunk)).as_py() for chunk in found.chunks) <= 5
    assert take(pa.chunked_array([["a", None]]), [1, 0]).to_pylist() == [None, "a"]


def test_texts_of_python_may_become_several_arrays(monkeypatch):
    assert [chunk.to_pylist() for chunk in text_chunks(["a", None])] == [["a", None]]
    several = pa.chunked_array([["a"], ["b"]])
    monkeypatch.setattr(columns.pa, "array", lambda *given: several)
    assert [chunk.to_pylist() for chunk in text_chunks(["a", "b"])] == [["a"], ["b"]]
