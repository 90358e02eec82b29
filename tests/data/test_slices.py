"""A table of slices is read as strictly as the data, and every cell is the text it holds."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from ftft.data.slices import read_slices
from ftft.errors import DataError


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz"])
def test_cells_are_texts_whatever_the_file(tmp_path, suffix):
    path = tmp_path / f"slices{suffix}"
    table = pd.DataFrame({"example_id": ["007", "8"], "kind": ["01", None]})
    if suffix == ".parquet":
        table.to_parquet(path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_dict("records")))
    else:
        table.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    assert read_slices(path) == {"kind": {"007": "01"}}


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".tsv", "\t")])
def test_what_is_called_na_is_no_missing_value(tmp_path, suffix, mark):
    path = tmp_path / f"slices{suffix}"
    path.write_text(f"example_id{mark}kind\nNA{mark}None\nnan{mark}null\n")
    assert read_slices(path) == {"kind": {"NA": "None", "nan": "null"}}


def test_numbers_and_dates_stay_as_they_are_written(tmp_path):
    path = tmp_path / "slices.jsonl"
    path.write_text(
        '{"example_id": 12345678901234567890, "date": 20200101, "share": 1.10}\n'
        '{"example_id": "2020-01-01", "date": "2020-01-02", "length": 3}\n'
    )
    assert read_slices(path) == {
        "date": {"12345678901234567890": "20200101", "2020-01-01": "2020-01-02"},
        "share": {"12345678901234567890": "1.10"},
        "length": {"2020-01-01": "3"},
    }


def test_whole_numbers_beside_missing_ones_stay_whole(tmp_path):
    path = tmp_path / "slices.parquet"
    table = pd.DataFrame({"example_id": [1, 2], "year": [1999, None], "share": [float("nan"), 2]})
    table.astype({"year": "Int64"}).to_parquet(path)
    assert read_slices(path) == {"year": {"1": "1999"}, "share": {"2": "2.0"}}


def test_the_nameless_column_of_pandas_is_no_slice(tmp_path):
    path = tmp_path / "slices.csv"
    pd.DataFrame({"example_id": ["a"], "kind": ["x"]}).to_csv(path)
    assert read_slices(path) == {"kind": {"a": "x"}}


def test_one_column_of_several(tmp_path):
    """Others may hold what no slice can."""
    path = tmp_path / "slices.jsonl"
    path.write_text('{"example_id": "a", "kind": "x", "tokens": [1, 2]}\n')
    assert read_slices(path, {"kind": "--balance-by"}) == {"kind": {"a": "x"}}
    with pytest.raises(
        DataError,
        match=r"there is no column 'kinds', which --balance-by names\. Did you mean 'kind'\?",
    ):
        read_slices(path, {"kinds": "--balance-by"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.csv", b'example_id,kind\n1,"a', "never closed"),
        ("short.csv", b"example_id,kind\n1,a\n2\n", "line 3: 1 column where the header has 2"),
        ("wide.csv", "example_id,kind\n1,a\n".encode("utf-16"), "UTF-16.*iconv -f UTF-16"),
        ("latin.csv", "example_id,kind\n1,é\n".encode("cp1252"), "line 2.*iconv -f WINDOWS-1252"),
        ("two.csv", b"example_id,kind,kind\n1,a,b\n", "names 2 columns 'kind'"),
        ("no.csv", b"id,kind\n1,a\n", "the columns are id, kind, but"),
        ("only.csv", b"example_id\n1\n", "at least one more"),
        ("empty.csv", b"", "is empty"),
        (
            "twice.csv",
            b"example_id,kind\na,x\nb,y\na,z\n",
            r"'a' is in row 1 \(line 2\) and in row 3 ",
        ),
        ("lost.csv", b"example_id,kind\na,x\n,y\n", r"row 2 \(line 3\): the example_id"),
        (
            "lost.jsonl",
            b'{"example_id": null, "kind": "x"}\n',
            r"row 1 \(line 1\): the example_id",
        ),
        ("broken.parquet", b"not parquet", "cannot be read as parquet"),
        ("broken.jsonl", b"{", "line 1: not valid JSON"),
        ("list.jsonl", b'{"example_id": "a", "kind": []}\n', "'kind' holds a list"),
        ("image.png", b"x", "its name does not say its format"),
        ("gone.csv", None, "does not exist"),
    ],
)
def test_tables_that_are_no_slices_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_slices(path)
    assert str(path) in str(caught.value)
