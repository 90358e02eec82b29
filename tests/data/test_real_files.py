"""Other people's published files, as they are: read from ``FTFT_DATA``, never copied."""

from __future__ import annotations

from collections import Counter

import pytest

from ftft.config.data import DataConfig
from ftft.data import LabelledDataset, detect_columns, load_data
from published import needs, published

FOLDER = published("nli").parent

pytestmark = needs("nli")

MERGE = {"neutral": "non-entailment", "contradiction": "non-entailment"}
ANLI = {
    "text": ["context", "statement"],
    "label": "gold_label",
    "id": "uid",
    "labels": {"e": "entailment", "n": "neutral", "c": "contradiction"},
}
IMDB = {
    "text": "Text",
    "label": "Sentiment",
    "labels": {"Positive": "positive", "Negative": "negative"},
}


def load(**config):
    return load_data(DataConfig.model_validate(config))


def counts(data: LabelledDataset) -> dict[str, int]:
    return dict(Counter(data.class_names[i] for i in data.labels.tolist()))


def test_nli():
    train = {
        "path": "$FTFT_DATA/nli/mnli_dev.csv",
        "text": ["premise", "hypothesis"],
        "label": "label",
    }
    hans = {
        "path": "$FTFT_DATA/nli/hans.tsv.gz",
        "text": ["sentence1", "sentence2"],
        "label": "gold_label",
        "id": "pairID",
        "slices": ["heuristic", "subcase"],
        "merge": MERGE,
    }
    conjnli = {"quoting": False, "text": ["Premise", "Hypothesis"], "label": "Label"}
    rounds = {f"anli_r{i}": {"path": f"$FTFT_DATA/nli/anli_r{i}_dev.csv"} | ANLI for i in (1, 2, 3)}
    data = load(
        train=[train, train | {"path": "$FTFT_DATA/nli/snli_dev.csv"}],
        test_ood=rounds
        | {"hans": hans, "conjnli": {"path": "$FTFT_DATA/nli/conjnli_dev.tsv"} | conjnli},
    )
    assert data.class_names == ("contradiction", "entailment", "neutral")
    assert len(data.train) + len(data.dev["id"]) == 19_647 + 9_831
    assert [len(data.test_ood[name]) for name in rounds] == [1_000, 1_000, 1_198]
    assert counts(data.test_ood["conjnli"]) == {
        "neutral": 281,
        "entailment": 204,
        "contradiction": 138,
    }
    hans_rows = data.test_ood["hans"]
    assert counts(hans_rows) == {"entailment": 15_000, "non-entailment": 15_000}
    assert len(hans_rows.table.column("slice:heuristic").unique()) == 3
    assert len(hans_rows.table.column("slice:subcase").unique()) == 30


def test_offensive_language():
    data = load(
        train={
            "path": "$FTFT_DATA/hate_speech/olid_train.tsv",
            "quoting": False,
            "id": "id",
            "text": "tweet",
            "label": "subtask_a",
        },
        test={"olid": {"path": "$FTFT_DATA/hate_speech/olid_test.tsv", "id": "id"}},
        test_ood={
            "hatecheck": {
                "path": "$FTFT_DATA/hate_speech/hatecheck.csv",
                "text": "test_case",
                "label": "label_gold",
                "labels": {"hateful": "OFF", "non-hateful": "NOT"},
                "slices": ["functionality"],
            },
            "davidson": {
                "path": "$FTFT_DATA/hate_speech/davidson.csv",
                "text": "tweet",
                "label": "class",
                "labels": {0: "OFF", 1: "OFF", 2: "NOT"},
            },
        },
    )
    assert len(data.train) + len(data.dev["id"]) == 13_240
    assert counts(data.test["olid"]) == {"OFF": 240, "NOT": 620}
    assert counts(data.test_ood["hatecheck"]) == {"OFF": 2_563, "NOT": 1_165}
    assert counts(data.test_ood["davidson"]) == {"OFF": 20_620, "NOT": 4_163}


def test_edos_by_its_split_column():
    edos = {"path": "$FTFT_DATA/hate_speech/edos.csv", "id": "rewire_id"}
    columns = {"text": "text", "label": "label_sexist"}
    data = load(
        train=edos | columns | {"where": {"split": "train"}},
        dev={"edos_dev": edos | {"where": {"split": "dev"}}},
        test={"edos_test": edos | {"where": {"split": "test"}}},
    )
    sizes = [len(data.train), len(data.dev["edos_dev"]), len(data.test["edos_test"])]
    assert sizes == [14_000, 2_000, 4_000]


def test_sentiment():
    data = load(
        train={
            "path": "$FTFT_DATA/sentiment/sst2_train.tsv",
            "quoting": False,
            "header": False,
            "columns": ["sentence", "label"],
            "text": "sentence",
            "label": "label",
            "labels": {0: "negative", 1: "positive"},
        },
        dev={"sst2_dev": {"path": "$FTFT_DATA/sentiment/sst2_dev.tsv"}},
        test={"sst2_test": {"path": "$FTFT_DATA/sentiment/sst2_test.tsv"}},
        test_ood={
            "original": {"path": "$FTFT_DATA/sentiment/imdb_original.tsv"} | IMDB,
            "contrast": {"path": "$FTFT_DATA/sentiment/imdb_contrast.tsv"} | IMDB,
        },
    )
    assert counts(data.train) == {"positive": 3_610, "negative": 3_310}
    assert counts(data.dev["sst2_dev"]) == {"positive": 444, "negative": 428}
    assert counts(data.test["sst2_test"]) == {"positive": 909, "negative": 912}
    assert len(data.test_ood["original"]) == len(data.test_ood["contrast"]) == 488


@pytest.mark.parametrize(
    ("file", "text", "label", "rows"),
    [
        ("nli/mnli_dev.csv", ("premise", "hypothesis"), "label", 19_647),
        ("nli/anli_r3_dev.csv", ("context", "statement"), "gold_label", 1_198),
        ("nli/hans.tsv.gz", ("sentence1", "sentence2"), "gold_label", 30_000),
        ("nli/conjnli_adversarial_train.tsv", ("Premise", "Hypothesis"), "Label", 15_000),
        ("hate_speech/olid_train.tsv", ("tweet",), "subtask_a", 13_240),
        ("hate_speech/olid_test.tsv", ("tweet",), "subtask_a", 860),
        ("hate_speech/edos.csv", ("text",), "label_sexist", 20_000),
        ("hate_speech/davidson.csv", ("tweet",), "class", 24_783),
        ("hate_speech/hatecheck.csv", ("test_case",), "label_gold", 3_728),
        ("sentiment/sst2_train.tsv", ("column_1",), "column_2", 6_920),
        ("sentiment/imdb_contrast.tsv", ("Text",), "Sentiment", 488),
    ],
)
def test_detection(file, text, label, rows):
    found = detect_columns(FOLDER / file)
    assert (found.text, found.label, found.rows) == (text, label, rows)
    assert sum(found.label_values.values()) == rows
