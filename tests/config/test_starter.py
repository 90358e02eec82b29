"""The file that ``ftft init`` writes: valid as it stands, whatever the columns are called."""

import json

import pytest

from ftft.config.data import DataSource
from ftft.config.load import load_experiment
from ftft.config.starter import starter_file
from ftft.config.yaml_core import parse
from ftft.data.detect import detect_columns
from ftft.data.load import load_data
from ftft.errors import ConfigError
from ftft.training.arguments import check_training_arguments

NASTY = [
    "no",
    "OFF",
    "1",
    "1e5",
    "null",
    "~",
    "2024-01-01",
    "a: b",
    "# hash",
    "- dash",
    "{brace}",
    "{0}",
    "%s $",
    "*star",
    "&and",
    "!!tag",
    "it's",
    'say "x"',
    "back\\slash",
    "comma, here",
    "two\nlines",
    "win\r\ndows",
    "next\x85line",
    "line\u2028separator",
    "null\x00byte",
    "face 😀\u200d",
    "tab\there",
    " spaces ",
    "漢字 é",
    "long " * 60,
]


def starter(tmp_path, source, values=None, name=None, reference="owner/small", main="owner/large"):
    path = tmp_path / "experiment.yaml"
    text = starter_file(source, values or {"a": 1, "b": 2}, reference, main, name)
    path.write_text(text, encoding="utf-8")
    return load_experiment(path, checks=[check_training_arguments])


def source(**changes):
    return DataSource.model_validate({"path": "a.csv", "text": "t", "label": "y"} | changes)


@pytest.mark.parametrize("column", NASTY)
def test_any_column_name_survives(tmp_path, column):
    given = source(text=column, label=f"{column} label", id=f"{column} id")
    read = starter(tmp_path, given).data.train[0]
    assert (read.text, read.label, read.id) == ([column], f"{column} label", f"{column} id")


@pytest.mark.parametrize("column", NASTY)
def test_the_commented_lines_are_valid_when_uncommented(tmp_path, column):
    text = starter_file(source(text=column, label="label"), {column: 3}, "a/b", "c/d")
    lines = [
        line.replace("# ", "", 1)
        for line in text.split("\n")
        if line.strip().startswith(
            ("# test", "#   test", "#   other", "#     ", "# training_arguments")
        )
    ]
    uncommented = "\n".join(lines)
    assert parse(uncommented)["test_ood"]["other"]["text"] == [column]


@pytest.mark.parametrize("value", NASTY)
def test_any_label_value_stays_within_its_comment(tmp_path, value):
    starter(tmp_path, source(), {value: 3, "other": 4})


def test_pairs_and_how_the_file_is_written(tmp_path):
    given = source(
        text=["no", "yes"],
        format="tsv",
        delimiter=";",
        quoting=False,
        header=False,
        columns=["no", "yes", "y"],
    )
    read = starter(tmp_path, given).data.train[0]
    assert read == given.resolved(tmp_path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train.csv", "train"),
        ("sub/My data (v2).tsv.gz", "sub-My-data-v2"),
        ("olid/olid.csv", "olid"),
        ("z" * 200 + "/train.csv", "z" * 94 + "-train"),
        (".hidden.csv", "experiment"),
        ("---.csv", "experiment"),
        ("数据.csv", "experiment"),
        ("2024.csv", "2024"),
        ("no.csv", "no"),
        ("1e5.csv", "1e5"),
        ("a/" + "x" * 200 + ".csv", "x" * 100),
    ],
)
def test_name_comes_from_the_file(tmp_path, path, name):
    assert starter(tmp_path, source(path=path)).name == name


def test_name_may_be_given(tmp_path):
    assert starter(tmp_path, source(), name="off").name == "off"


@pytest.mark.parametrize("name", ["with space", "a/b", ".x", "x" * 101, "new\nline", "x\n"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigError, match="cannot name an experiment"):
        starter_file(source(), {"a": 1}, "a/b", "c/d", name)


@pytest.mark.parametrize("model", ["./a model", "package:gt_all/model", "C#/x", "no"])
def test_any_model_name(tmp_path, model):
    experiment = starter(tmp_path, source(), reference=model, main=model)
    expected = str(tmp_path / "a model") if model.startswith(".") else model
    assert (experiment.reference.model, experiment.main.model) == (expected, expected)


def test_documented_defaults_are_the_schemas(tmp_path):
    experiment = starter(tmp_path, source())
    assert experiment.selection.fraction == 0.33
    assert experiment.main.budget == pytest.approx(1 / 3, abs=1e-3)
    assert experiment.baselines == ("erm", "erm_budget")


FILES = {
    "plain.csv": "text,label\n"
    + "".join(f"one two {i},OFF\nfour five {i},NOT\n" for i in range(3)),
    "pairs.tsv": "premise\thypothesis\tgold_label\n"
    + "".join(f"a b\tc {i}\tno\ne f\tg {i}\tyes\n" for i in range(3)),
    "numbers.csv": "id,sentence,label\n"
    + "".join(f"{i},some words {i},{i % 2}\n" for i in range(6)),
    "bare.csv": "".join(f"some words of text number {i},{i % 3}\n" for i in range(9)),
    "lines.jsonl": "".join(
        json.dumps({"uid": f"u{i}", "review": f"some words {i}", "class": ["on", "off"][i % 2]})
        + "\n"
        for i in range(6)
    ),
    "quoted.csv": '"text ","la: bel"\n'
    + "".join(f'"one, two {i}",x # y\n"four five {i}","{{z}}"\n' for i in range(3)),
}


@pytest.mark.parametrize("name", FILES)
def test_from_file_to_data_and_back(tmp_path, monkeypatch, name):
    """What was detected is an experiment whose data loads, all of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    label = "la: bel" if name == "quoted.csv" else None
    detected = detect_columns(name, label=label)
    experiment = starter(tmp_path, detected.source(), detected.label_values)
    data = load_data(experiment.data)
    assert len(data.train) + len(data.dev["id"]) == detected.rows
    assert set(data.class_names) == set(detected.label_values)
    assert data.num_texts == len(detected.text)


def test_of_a_column_of_texts_only_the_beginnings_of_a_few_are_named():
    texts = {f"{i} " + "words " * 60: 1 for i in range(2_000)}
    text = starter_file(source(), texts, "a/b", "c/d")
    (line,) = [line for line in text.split("\n") if "Found in the file" in line]
    assert "# Found in the file: 0 words words" in line
    assert line.endswith("… (1) and 1,997 more")
    assert len(line) < 180
