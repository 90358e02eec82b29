"""Lists of ids from elsewhere as selections."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.cartography import DataMap
from ftft.cartography.export import export_table
from ftft.dynamics import TrainingDynamics
from ftft.errors import FtftError
from ftft.selection import Selection, select
from ftft.selection.id_lists import is_id_list, read_ids


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ids.csv", "example_id\nb\n007\nc d\n"),
        ("ids.csv", "text,id\nx,b\ny,007\n\nz,c d\n"),
        ("ids.csv", 'label,guid,id\nx,9,b\ny,8,"007"\nz,7,"c d"\n'),
        ("ids.csv", "b\n007\nc d\n"),
        ("ids.csv", "\ufeffid\r\nb\r\n007\r\nc d\r\n"),
        ("ids.tsv", "id\ttext\nb\tx,y\n007\t\nc d\tz\n"),
        ("ids.txt", "b\n\n007\r\nc d"),
        ("IDS.TXT", "b\n007\nc d"),
        ("ids.jsonl", '"b"\n"007"\n"c d"\n'),
        ("ids.jsonl", '{"guid": "b"}\n{"guid": "007", "x": 1}\n{"id": "c d"}\n'),
        ("ids.json", '["b", "007",\n "c d"]'),
        ("ids.jsonl", '{"id": "b", "text": "one\u2028line"}\n"007"\r\n"c d"'),
        ("ids.json", '{"id": "b"}\n{"id": "007"}\n{"id": "c d"}\n'),
    ],
)
def test_an_id_list_in_its_order(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert is_id_list(tmp_path / name)
    assert read_ids(tmp_path / name).to_pylist() == ["b", "007", "c d"]


def test_numbers_are_ids_too(tmp_path):
    (tmp_path / "ids.jsonl").write_text('17\n{"guid": 12345678901234567890}\n')
    assert read_ids(tmp_path / "ids.jsonl").to_pylist() == ["17", "12345678901234567890"]
    pq.write_table(pa.table({"id": [3, 1]}), tmp_path / "ids.parquet")
    assert is_id_list(tmp_path / "ids.parquet")
    assert read_ids(tmp_path / "ids.parquet").to_pylist() == ["3", "1"]


@pytest.mark.parametrize("name", ["c.csv", "c.jsonl", "c.parquet"])
def test_what_export_writes_comes_back(tmp_path, name):
    """Also ids that a spreadsheet would run, and ids that look as if they had been made safe."""
    ids = ["-5", "=1+1", "'quoted", "plain", "''-5", 'a,"b"', "@x", "x'=y"]
    logits = np.random.default_rng(0).normal(size=(3, len(ids), 2))
    datamap = DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0] * len(ids), ids))
    selection = select(datamap, "ambiguous", 1.0)
    export_table(selection.to_table(), tmp_path / name)
    assert is_id_list(tmp_path / name)
    found = Selection.of_ids(read_ids(tmp_path / name), len(datamap))
    assert found.example_ids.to_pylist() == selection.example_ids.to_pylist()
    assert (found.strategy, found.fraction, found.total) == ("given", 1.0, 8)


def test_what_ftft_wrote_is_no_list(tmp_path):
    logits = np.random.default_rng(0).normal(size=(3, 4, 2))
    datamap = DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0, 1, 0, 1]))
    datamap.write(tmp_path / "map.parquet")
    select(datamap).write(tmp_path / "selection.parquet")
    pq.write_table(pa.table({"other": [1]}), tmp_path / "other.parquet")
    (tmp_path / "none.csv").mkdir()
    for name in ("map.parquet", "selection.parquet", "other.parquet", "none.csv", "gone.csv"):
        assert not is_id_list(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ids.csv", b"", "holds no example id"),
        ("ids.csv", b"example_id\n", "holds no example id"),
        ("ids.txt", b"\n \n", "holds no example id"),
        ("ids.csv", b"text,label\nx,y\n", "its columns are text, label"),
        ("ids.csv", b"text,id\nx,1\ny\n", r"row 2 \(line 3\) has no cell in the column id"),
        ("ids.csv", b'id\n"a', "never closed"),
        ("ids.txt", "a".encode("utf-16"), "UTF-16, not UTF-8. Convert it: iconv"),
        ("ids.jsonl", b'"\xe9"\n', "not UTF-8.*iconv -f WINDOWS-1252"),
        ("ids.tsv", b"id\n\xe9\n", "line 2: .* is not UTF-8"),
        ("ids.txt", b"a\nb\na\n", "'a' occurs 2 times"),
        ("ids.jsonl", b"{", "cannot be read as a list"),
        ("ids.jsonl", b'{"text": 1}\n', "an object has the keys text"),
        ("ids.json", b"[1.5]", "is 1.5 "),
        ("ids.json", b"[true]", "is True "),
        ("ids.json", b"[null]", "is None "),
    ],
)
def test_lists_that_are_none(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FtftError, match=message) as caught:
        read_ids(path)
    assert str(path) in str(caught.value)
