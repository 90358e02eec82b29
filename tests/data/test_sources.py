"""Which reader reads what, Parquet, and hub data sets from local folders."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.config.data import DataSource
from ftft.data.sources import read_source
from ftft.errors import DataError


def source(path=None, **options):
    place = {} if path is None else {"path": str(path)}
    return DataSource.model_validate(place | {"text": "a", "label": "b"} | options)


def read(path=None, **options):
    return read_source(source(path, **options)).columns.to_pydict()


def problem(path=None, **options):
    with pytest.raises(DataError) as caught:
        read_source(source(path, **options))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "a,b\n1,2\n"),
        ("x.CSV", "a,b\n1,2\n"),
        ("x.tsv", "a\tb\n1\t2\n"),
        ("x.tab", "a\tb\n1\t2\n"),
        ("x.csv.gz", "a,b\n1,2\n"),
        ("x.jsonl", '{"a": 1, "b": 2}\n'),
        ("x.json", '{"a": 1, "b": 2}\n'),
        ("x.ndjson.gz", '{"a": 1, "b": 2}\n'),
    ],
)
def test_suffix_tells_the_format(write, name, content):
    assert read(write(name, content)) == {"a": ["1"], "b": ["2"]}


def test_format_and_delimiter_may_be_given(write):
    assert read(write("x.txt", "a;b\n1;2\n"), format="csv", delimiter=";")["b"] == ["2"]
    assert "its name does not say its format" in problem(write("x.txt", "a,b\n"))


def test_all_columns_that_are_named_are_read_once(write):
    path = write("x.csv", "a,b,c,d,e,f\n1,2,3,4,5,6\n")
    options = {"id": "c", "slices": ["d", "b"], "where": {"e": "5", "a": "1"}}
    assert list(read(path, **options)) == ["a", "b", "d", "e", "c"]


@pytest.mark.parametrize("name", ["", "no.csv"])
def test_a_folder_that_may_not_be_listed_ends_in_a_message(tmp_path, monkeypatch, name):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    assert str(tmp_path) in problem(tmp_path / name)


def test_missing_file_names_the_nearest(write):
    path = write("train.csv", "")
    message = problem(path.with_name("trian.csv"))
    assert "does not exist in" in message
    assert "Did you mean 'train.csv'?" in message
    assert "nor does the folder" in problem(path.parent / "nowhere" / "x.csv")


def test_folder_belongs_under_hub(tmp_path):
    assert "goes under 'hub'" in problem(tmp_path)


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.csv.gz"])
def test_no_rows(write, name):
    assert "has no rows" in problem(write(name, "a\tb\n" if "tsv" in name else "a,b\n"))


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\0x"])
def test_damaged_gzip_file(tmp_path, content):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(content)
    is_gzip = content[:2] == b"\x1f\x8b"
    expected = "cannot be read as csv" if is_gzip else "is not a gzip file"
    assert f"{path} {expected}" in problem(path)


def parquet(tmp_path, columns):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_values_become_strings(tmp_path):
    columns = {
        "a": pa.array(["007", None, "x"]).dictionary_encode(),
        "b": pa.array([1.0, 0.0, None]),
        "c": pa.array([True, False, None]),
        "d.e": pa.array([1, 2, 3]),
    }
    path = parquet(tmp_path, columns)
    assert read(path, slices=["c", "d.e"]) == {
        "a": ["007", None, "x"],
        "b": ["1.0", "0.0", None],
        "c": ["true", "false", None],
        "d.e": ["1", "2", "3"],
    }


def test_parquet_refuses_lists_and_bytes_that_are_no_text(tmp_path):
    lists = parquet(tmp_path, {"a": pa.array([["x"]]), "b": pa.array([1])})
    assert "column 'a' holds values of type list" in problem(lists)
    binary = parquet(tmp_path, {"a": pa.array([b"\xff"]), "b": pa.array([1])})
    assert "column 'a' of type binary cannot be read as text" in problem(binary)


def test_parquet_missing_column_and_damage(tmp_path):
    path = parquet(tmp_path, {"a": pa.array(["x"]), "labels": pa.array([1])})
    assert "Did you mean 'labels'?" in problem(path, label="label")
    path.write_bytes(b"PAR1 not really")
    assert "cannot be read as parquet" in problem(path)


@pytest.fixture
def rows():
    import datasets

    return datasets.Dataset.from_dict(
        {"a": ["x", "y", "z"], "b": [0, 1, -1]},
        features=datasets.Features(
            {"a": datasets.Value("string"), "b": datasets.ClassLabel(names=["no", "yes"])}
        ),
    )


def test_saved_data_set_with_class_names(rows, tmp_path):
    rows.save_to_disk(tmp_path / "one")
    raw = read_source(source(hub=str(tmp_path / "one")))
    assert raw.columns.to_pydict() == {"a": ["x", "y", "z"], "b": ["no", "yes", "-1"]}
    assert raw.value_names == {"b": ("no", "yes")}


def test_parquet_written_by_datasets_keeps_class_names(rows, tmp_path):
    rows.to_parquet(tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet")["b"] == ["no", "yes", "-1"]


def test_splits_of_a_saved_data_set(rows, tmp_path):
    import datasets

    folder = str(tmp_path / "both")
    datasets.DatasetDict({"train": rows, "test": rows.select([2, 0])}).save_to_disk(folder)
    assert read(hub=folder, split="test")["a"] == ["z", "x"]
    assert "choose one of its splits with 'split': 'train', 'test'" in problem(hub=folder)
    assert "Did you mean 'train'?" in problem(hub=folder, split="trian")
    assert "leave them out" in problem(hub=folder, split="test", revision="main")


def test_folder_of_files_through_load_dataset(write, tmp_path, tmp_path_factory, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("hf")))
    write("train.csv", "a,b\nx,1\n")
    write("test.csv", "a,b\ny,0\n")
    assert read(hub=str(tmp_path), split="test") == {"a": ["y"], "b": ["0"]}
    assert "choose one of its splits" in problem(hub=str(tmp_path))
    assert "cannot be loaded" in problem(hub=str(tmp_path), split="nope")
    assert "no column 'c'" in problem(hub=str(tmp_path), split="test", label="c")


def test_data_set_that_is_not_to_be_had(monkeypatch):
    import datasets

    def refuse(*args, **kwargs):
        raise ConnectionError("no network\nand a long story")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    message = problem(hub="owner/name", config="c", split="train")
    assert "owner/name / c / train: cannot be loaded (ConnectionError: no network)" in message
    assert "local folder" in message


def test_damaged_saved_data_set(tmp_path):
    (tmp_path / "state.json").write_text("{")
    assert "cannot be read" in problem(hub=str(tmp_path))
