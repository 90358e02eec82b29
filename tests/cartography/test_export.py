from __future__ import annotations

import csv
import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.cartography import DataMap, export_table
from ftft.dynamics import TrainingDynamics
from ftft.errors import DynamicsError
from ftft.selection import select

IDS = ["=1+2", "+b", "-3", "@d", "\te", 'f,"x"', "g\nh", "日"]


@pytest.fixture
def datamap():
    generator = np.random.default_rng(0)
    return DataMap.from_dynamics(
        TrainingDynamics.from_arrays(
            generator.normal(size=(3, 8, 2)), [0, 1] * 4, IDS, ["=no", "yes"]
        ),
        burn_in=0,
    )


@pytest.fixture
def rows():
    order = [3, 1, 2, 0, 7, 6, 5, 4]
    columns = {
        "uid": [IDS[i] for i in order] + ["more"],
        "text": [f"=text {i}" for i in order] + ["x"],
        "label": [i for i in order] + [9],
        "tags": [[f"t{i}", None] for i in order] + [[]],
    }
    return pa.table(columns)


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_is_inert_in_spreadsheets_and_complete(datamap, tmp_path):
    export_table(datamap.to_table(), tmp_path / "map.csv")
    found = read_csv(tmp_path / "map.csv")
    assert [row["example_id"] for row in found] == [
        "'=1+2",
        "'+b",
        "'-3",
        "'@d",
        "'\te",
        'f,"x"',
        "g\nh",
        "日",
    ]
    assert {row["label"] for row in found} == {"'=no", "yes"}
    for row, aum in zip(found, datamap.aum, strict=True):
        assert float(row["aum"]) == pytest.approx(aum)  # negative numbers stay numbers
    assert min(float(row["aum"]) for row in found) < 0


def test_every_format_holds_the_same_rows(datamap, tmp_path):
    table = datamap.to_table()
    export_table(table, tmp_path / "map.parquet")
    export_table(table, tmp_path / "map.jsonl")
    export_table(table, tmp_path / "folder")
    assert pq.read_table(tmp_path / "map.parquet").to_pylist() == table.to_pylist()
    lines = (tmp_path / "map.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == table.to_pylist()
    assert datasets.load_from_disk(str(tmp_path / "folder")).to_list() == table.to_pylist()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder",
        "map.jsonl",
        "map.parquet",
    ]


def test_original_rows_are_joined_by_id(datamap, rows, tmp_path):
    selection = select(datamap, "hard-to-learn", 0.5)
    export_table(selection.to_table(), tmp_path / "s.jsonl", rows=rows, id_column="uid")
    for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        number = IDS.index(row["example_id"])
        assert row["text"] == f"=text {number}"
        assert row["label"] == number
        assert row["tags"] == [f"t{number}", None]


def test_columns_of_the_same_name_and_lists_in_csv(datamap, rows, tmp_path):
    rows = rows.set_column(1, "=text", rows["text"].combine_chunks().dictionary_encode())
    export_table(datamap.to_table(), tmp_path / "m.csv", rows=rows, id_column="uid")
    found = read_csv(tmp_path / "m.csv")
    assert [row["original_label"] for row in found] == [str(i) for i in range(8)]
    assert [row["'=text"] for row in found] == [f"'=text {i}" for i in range(8)]
    assert found[2]["tags"] == '["t2", null]'


def test_a_column_that_is_called_original_is_not_met_twice(datamap, rows, tmp_path):
    rows = rows.add_column(0, "original_label", rows["label"])
    export_table(datamap.to_table(), tmp_path / "m.csv", rows=rows, id_column="uid")
    header = (tmp_path / "m.csv").read_text().partition("\n")[0]
    assert '"original_original_label"' in header
    assert header.count('"original_label"') == 1


def test_not_a_number_is_null_in_json(tmp_path):
    table = pa.table({"example_id": ["a"], "aum": [float("nan")], "x": [{"y": float("inf")}]})
    export_table(table, tmp_path / "x.jsonl")
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {
        "example_id": "a",
        "aum": None,
        "x": {"y": None},
    }


def test_an_existing_datasets_folder_is_kept(datamap, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DynamicsError, match="already exists"):
        export_table(datamap.to_table(), tmp_path / "folder")
    (tmp_path / "file").write_text("")
    for name in ("inside.csv", "inside"):
        with pytest.raises(DynamicsError, match="cannot be written"):
            export_table(datamap.to_table(), tmp_path / "file" / name)


def test_what_cannot_be_exported(datamap, rows, tmp_path):
    table = datamap.to_table()
    for settings, message in [
        ({"path": tmp_path / "map.xlsx"}, "format"),
        ({"path": tmp_path / "map.csv", "kind": "pickle"}, "format"),
        ({"path": tmp_path / "map.csv", "rows": rows}, "no column 'example_id'"),
        ({"path": tmp_path / "m.csv", "rows": rows.slice(1), "id_column": "uid"}, "lack .*'@d'"),
        (
            {"path": tmp_path / "m.csv", "rows": pa.concat_tables([rows] * 2), "id_column": "uid"},
            "occurs 2 times",
        ),
    ]:
        with pytest.raises(DynamicsError, match=message):
            export_table(table, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_datasets_folder_is_written_without_foreign_bars(datamap, tmp_path, capfd):
    import datasets

    before = datasets.are_progress_bars_disabled()
    datasets.enable_progress_bars()
    try:
        export_table(datamap.to_table(), tmp_path / "folder")
        assert not datasets.are_progress_bars_disabled()  # as it was
    finally:
        if before:
            datasets.disable_progress_bars()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_an_ending_that_is_no_format_names_endings_only(datamap, tmp_path):
    with pytest.raises(DynamicsError, match="End the name in") as caught:
        export_table(datamap.to_table(), tmp_path / "map.txt")
    assert "name one of" not in str(caught.value)
    with pytest.raises(DynamicsError, match=r"There is no format 'xml' .* csv, parquet, jsonl"):
        export_table(datamap.to_table(), tmp_path / "map.csv", kind="xml")
