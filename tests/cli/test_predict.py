"""``ftft predict``: classes and probabilities of rows without labels."""

import json

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from ftft.data.unlabelled import read_unlabelled
from ftft.errors import DataError

TEXTS = ["the film was good", "it", "i hated the very dull book and not it", "good bad", "bright"]


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_model):
    """A classifier with random weights and three classes, not in a run folder."""
    folder = tmp_path_factory.mktemp("apart") / "model"
    config = AutoConfig.from_pretrained(tiny_model, id2label={0: "neg", 1: "neutral", 2: "pos"})
    torch.manual_seed(3)
    classifier = AutoModelForSequenceClassification.from_config(config)
    torch.nn.init.normal_(classifier.classifier.weight)
    classifier.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


def expected(model, texts):
    tokenizer = AutoTokenizer.from_pretrained(model)
    classifier = AutoModelForSequenceClassification.from_pretrained(model).eval()
    with torch.no_grad():
        logits = [classifier(**tokenizer(text, return_tensors="pt")).logits[0] for text in texts]
    return torch.stack(logits).double().softmax(1).numpy()


@pytest.fixture
def rows(tmp_path):
    """The texts as a CSV file with semicolons, no labels, and a row without a text."""
    lines = [f"u{i};{text}\n" for i, text in enumerate(TEXTS)]
    lines.insert(2, "u9;\n")
    (tmp_path / "rows.csv").write_text("key;review\n" + "".join(lines))
    return "rows.csv"


CLASSES = ["neg", "neutral", "pos"]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_gives_the_models_probabilities_in_the_files_order(ftft, tmp_path, model, rows, name):
    line = ("predict", model, rows, "--text", "review", "--id", "key", "-o", name)
    said = ftft(*line)
    assert said.code == 0
    assert "note: 1 row without a text left out" in said.err
    read = pq.read_table if name.endswith("parquet") else pc.read_csv
    table = read(tmp_path / name)
    assert table.column_names[:5] == ["row", "key", "review", "prediction", "probability"]
    assert table["row"].to_pylist() == [1, 2, 4, 5, 6]
    assert table["key"].to_pylist() == ["u0", "u1", "u2", "u3", "u4"]
    found = np.stack([table[f"probability of {one}"].to_numpy() for one in CLASSES], axis=1)
    wanted = expected(model, TEXTS)
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # bf16 where the machine has it
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert table["prediction"].to_pylist() == [CLASSES[i] for i in found.argmax(axis=1)]
    assert ftft(*line).code == 2
    assert ftft(*line, "--overwrite").code == 0


@pytest.mark.parametrize("name", ["out.json", "OUT.CSV"])
def test_endings_that_export_takes_are_taken(ftft, name):
    assert "nowhere does not exist" in ftft("predict", "nowhere", "rows.csv", "-o", name).err


def test_without_an_output_the_first_rows_are_shown(ftft, model, rows):
    said = ftft("predict", model.parent, rows, "--text", "review")
    assert "the first 5 rows of 5" in said.out
    assert "predicted: " in said.out


def test_texts_that_reach_the_length_are_counted(ftft, model, rows):
    said = ftft("predict", model, rows, "--text", "review", "--max-length", 8)
    assert "note: 1 row reached 8 tokens, where texts are cut" in said.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["--text", "not in a run folder"]),
        (("--text", "reviw"), ["no column 'reviw', which --text names", "Did you mean 'review'?"]),
        (("--text", "review", "--id", "nr"), ["no column 'nr', which --id names"]),
        (("--text", "review", "-o", "out.xlsx"), [".csv, .parquet or .jsonl"]),
    ],
)
def test_bad_calls(ftft, model, rows, arguments, expected):
    refused = ftft("predict", model, rows, *arguments)
    assert refused.code == 2
    assert all(one in refused.err for one in expected), refused.err


def test_a_column_called_as_one_that_is_added(ftft, tmp_path, model):
    (tmp_path / "a.csv").write_text("prediction\ngood\nbad\n")
    refused = ftft("predict", model, "a.csv", "--text", "prediction")
    assert "a column 'prediction', as the predictions do" in refused.err


def test_a_column_called_as_the_number_of_the_row(ftft, tmp_path, model):
    (tmp_path / "a.csv").write_text("row,text\n1,good\n2,bad\n")
    refused = ftft("predict", model, "a.csv", "--text", "text", "--id", "row")
    assert refused.code == 2
    assert "a.csv has a column 'row', as the predictions do; rename it" in refused.err


def test_a_file_of_texts_alone(ftft, tmp_path, model):
    (tmp_path / "a.csv").write_text("review\ngood film\nbad\n")
    said = ftft("predict", model, "a.csv", "--text", "review")
    assert "predicted: " in said.out, said.err


ENDINGS = ["csv", "tsv", "csv.gz", "tsv.gz", "jsonl", "jsonl.gz", "parquet", "conll"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_not_there(ending, tmp_path):
    path = tmp_path / f"gone.{ending}"
    (tmp_path / f"gon.{ending}").touch()
    with pytest.raises(DataError) as error:
        read_unlabelled(path, ["text"], None, CLASSES)
    said = f"{path} does not exist in {tmp_path}. Did you mean 'gon.{ending}'?"
    assert str(error.value) == said


def test_a_damaged_file_is_not_said_to_have_a_key(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(DataError, match="the format that its name says") as error:
        read_unlabelled(tmp_path / "rows.parquet", ["text"], None, CLASSES)
    assert "'format'" not in str(error.value)


def test_other_tasks_are_refused(ftft, tmp_path, model, rows):
    values = json.loads((model / "config.json").read_text())
    values["architectures"] = ["BertForTokenClassification"]
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags/config.json").write_text(json.dumps(values))
    refused = ftft("predict", "tags", rows, "--text", "review")
    assert refused.code == 2
    assert "a model for task token-classification" in refused.err


def test_no_model(ftft, rows):
    refused = ftft("predict", ".", rows, "--text", "review")
    assert "not a model folder (no config.json)" in refused.err
