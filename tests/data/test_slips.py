"""A label that occurs once and is a slip away from a frequent one is refused, unless meant."""

import re

import pytest

from ftft.config.data import DataConfig
from ftft.config.yaml_core import parse
from ftft.data.load import load_data
from ftft.data.slips import slips
from ftft.data.tagged import load_tagged
from ftft.errors import DataError

SLIPS = ["positve", "posittive", "psoitive", "poaitive", "positiv", "positives"]
OTHERS = ["neutral", "Positive ", "posit", "level3", "no", "possitiv"]
COUNTS = {"positive": 30, "negative": 30, "level2": 30, "on": 30}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip(name):
    assert slips({**COUNTS, name: 1}) == {name: "positive"}


@pytest.mark.parametrize("name", OTHERS)
def test_no_slip(name):
    assert slips({**COUNTS, name: 1}) == {}


def test_of_several_examples_or_beside_rare_ones_it_is_none():
    assert slips({"positive": 30, "positve": 2}) == {}
    assert slips({"positive": 9, "positve": 1}) == {}


@pytest.fixture
def config(tmp_path):
    """The data of a file with 20 rows of each class and one with a slip."""

    def make(slip="positve", whole=None, **source):
        labels = ["positive", "negative"] * 20 + [slip]
        rows = "".join(f"text number {i},{label}\n" for i, label in enumerate(labels))
        (tmp_path / "train.csv").write_text(f"text,label\n{rows}")
        train = {"path": str(tmp_path / "train.csv"), "text": "text", "label": "label"}
        return DataConfig.model_validate({"train": train | source, **(whole or {})})

    return make


def refusal(config):
    with pytest.raises(DataError) as error:
        load_data(config)
    return str(error.value)


def test_is_refused_with_its_row_and_both_ways_out(config):
    message = refusal(config())
    assert "row 41 (line 42) of " in message
    assert "'positve', the only one, which is one slip away from 'positive' (20 rows)" in message
    labels = parse(re.search(r"labels: (\{.*?\})", message)[1])
    joined = load_data(config(labels=labels))
    assert joined.class_names == ("negative", "positive")
    classes = parse(re.search(r"data.classes: (\[.*?\])", message)[1])
    meant = load_data(config(whole={"classes": classes}))
    assert meant.class_names == ("negative", "positive", "positve")


def test_what_a_mapping_names_is_meant(config):
    names = {name: name for name in ("positive", "negative", "positve")}
    assert len(load_data(config(labels=names)).class_names) == 3


def test_beside_what_a_mapping_leaves_out_the_slip_is_advised_to_the_class_that_is_meant(config):
    names = {"positive": "Good", "negative": "Bad"}
    message = refusal(config("Godo", labels=names))
    labels = parse(re.search(r"labels: (\{.*?\})", message)[1])
    assert labels == {**names, "Godo": "Good"}
    message = refusal(config("negatve", labels={"positive": "Good"}))
    labels = parse(re.search(r"labels: (\{.*?\})", message)[1])
    assert labels == {"positive": "Good", "negative": "negative", "negatve": "negative"}


@pytest.fixture
def spelt(tmp_path):
    """The data of a file with two spellings of a class and a slip."""
    labels = ["Positive", "negative"] * 20 + ["positive", "Positve"]
    rows = "".join(f"text number {i},{label}\n" for i, label in enumerate(labels))
    (tmp_path / "train.csv").write_text(f"text,label\n{rows}")

    def make(**source):
        train = {"path": str(tmp_path / "train.csv"), "text": "text", "label": "label"}
        return DataConfig.model_validate({"train": train | source})

    return make


JOINED = dict.fromkeys(("Positive", "positive", "Positve"), "Positive") | {"negative": "negative"}


def test_the_refusal_joins_what_differs_in_spelling(spelt):
    message = refusal(spelt())
    labels = parse(re.search(r"labels: (\{.*?\})", message)[1])
    assert labels == JOINED
    assert "(which also joins what differs in spelling only)" in message


def test_the_note_on_spellings_maps_a_slip_too(spelt):
    (note,) = load_data(spelt(labels={name: name for name in JOINED})).remarks
    assert parse(re.search(r"labels: (\{.*?\})", note)[1]) == JOINED
    assert "maps 'Positve' to 'Positive' too" in note


def test_init_says_so(ftft, config):
    config()
    said = ftft("init", "train.csv")
    assert said.code == 0
    assert "cannot run as it stands" in said.err
    assert "one slip away from 'positive'" in said.err


@pytest.mark.parametrize(("tag", "refused"), [("B-PRE", True), ("I-PER", False), ("B-LOC", False)])
def test_of_tags(tmp_path, tag, refused):
    sentences = ["Ann B-PER\nsings O\n"] * 12 + [f"Bob {tag}\nsings O\n"]
    (tmp_path / "a.conll").write_text("\n".join(sentences))
    source = {"path": str(tmp_path / "a.conll"), "text": ["1"], "label": "-1"}
    if not refused:
        load_tagged(DataConfig.model_validate({"train": source}))
        return
    with pytest.raises(DataError, match=r"line 37.*'B-PRE'.*one slip away from 'B-PER' \(12 words"):
        load_tagged(DataConfig.model_validate({"train": source}))
    load_tagged(DataConfig.model_validate({"train": source | {"labels": {"B-PRE": "B-PER"}}}))
