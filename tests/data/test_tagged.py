"""Sentences with tags: every source, what they become, and what is refused."""

import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.config.data import DataConfig
from ftft.data.tagged import load_tagged, marked
from ftft.errors import DataError
from ner import write_conll

ROWS = [
    {"id": "a", "tokens": ["in", "New", "York"], "tags": ["O", "B-loc", "I-loc"], "lang": "en"},
    {"id": "b", "tokens": ["nothing"], "tags": ["O"], "lang": "en"},
    {"id": "c", "tokens": ["Ann", "ran"], "tags": ["B-per", "O"], "lang": "de"},
]
NAMES = ["O", "B-loc", "I-loc", "B-per"]


def jsonl(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def load(source, dev=None, **more):
    source = {"text": "tokens", "label": "tags"} | source
    dev = {"path": source["path"]} if dev is None else dev
    return load_tagged(DataConfig.model_validate({"train": source, "dev": {"dev": dev}, **more}))


def test_json_lines(tmp_path):
    path = jsonl(tmp_path / "a.jsonl")
    data = load({"path": path, "id": "id", "slices": ["lang"]})
    train = data.train
    assert data.class_names == train.model_classes == ("O", "B-loc", "B-per", "I-loc")
    assert train.example_ids.to_pylist() == ["a", "b", "c"]
    assert train.table.column("tags").to_pylist() == [[0, 1, 3], [0], [2, 0]]
    assert train.shown[0].to_pylist() == ["in [New York](loc)", "nothing", "[Ann](per) ran"]
    assert [train.class_names[label] for label in train.labels] == [
        *("with entities", "without entities", "with entities"),
    ]
    assert train.slice_columns()["lang"].tolist() == ["en", "en", "de"]
    assert data.overlaps == {"dev": 3}
    assert train.take(["c"]).table.column("words").to_pylist() == [["Ann", "ran"]]


def test_the_same_content_has_the_same_fingerprint_whatever_it_came_from(tmp_path):
    path = jsonl(tmp_path / "a.jsonl")
    lines = [
        "".join(f"{w} {t}\n" for w, t in zip(row["tokens"], row["tags"], strict=True))
        for row in ROWS
    ]
    conll = tmp_path / "a.conll"
    conll.write_text("\n".join(lines), encoding="utf-8")
    parquet = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), parquet)
    found = [
        load({"path": path}).train,
        load({"path": str(conll), "text": 1, "label": 2}).train,
        load({"path": str(parquet)}).train,
    ]
    assert len({one.fingerprint for one in found}) == 1
    other = [*ROWS[:2], {**ROWS[2], "tags": ["O", "B-per"]}]
    assert load({"path": jsonl(tmp_path / "b.jsonl", other)}).train.fingerprint not in {
        one.fingerprint for one in found
    }


@pytest.mark.parametrize("kind", ["saved", "parquet"])
def test_class_labels_of_a_hub_data_set(tmp_path, kind):
    rows = [
        {"tokens": row["tokens"], "ner_tags": [NAMES.index(tag) for tag in row["tags"]]}
        for row in ROWS
    ]
    features = datasets.Features(
        {
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=NAMES)),
        }
    )
    made = datasets.Dataset.from_list(rows, features=features)
    if kind == "saved":
        made.save_to_disk(tmp_path / "hub")
        source = {"hub": str(tmp_path / "hub")}
    else:
        made.to_parquet(tmp_path / "a.parquet")
        source = {"path": str(tmp_path / "a.parquet")}
    data = load({**source, "label": "ner_tags"}, dev=source)
    assert data.class_names == ("O", "B-loc", "B-per", "I-loc")
    assert data.train.table.column("tags").to_pylist()[0] == [0, 1, 3]


def test_where_labels_limit_and_classes(tmp_path):
    path = jsonl(tmp_path / "a.jsonl")
    english = {"path": path, "where": {"lang": "en"}}
    chosen = load({**english, "labels": {"I-loc": "B-loc"}}, dev=english)
    assert chosen.class_names == ("O", "B-loc")
    assert len(chosen.train) == 2
    assert len(load({"path": path, "limit": 2}).train) == 2
    classes = ["B-per", "O", "B-loc", "I-loc", "B-org"]
    data = load({"path": path}, classes=classes)
    assert data.class_names == tuple(classes)
    assert "'B-org (0)'" in data.remarks[0]


def test_a_development_set_is_held_out(tmp_path):
    write_conll(tmp_path / "a.conll", 60, 0)
    source = {"path": str(tmp_path / "a.conll"), "text": 1, "label": 2}
    data = load_tagged(DataConfig.model_validate({"train": source}))
    assert len(data.dev["id"]) == 6
    assert len(data.train) == 54
    assert data.dev["id"].model_classes == data.train.model_classes
    assert data.overlaps == {"id": 0}


BAD = {
    "lengths": ([{"tokens": ["a", "b"], "tags": ["O"]}], "line 1: 2 words in 'tokens' but 1 tags"),
    "empty": ([ROWS[0], {"tokens": [], "tags": []}], "line 2: the sentence has no words"),
    "missing": ([ROWS[0], {"tokens": None, "tags": None}], "line 2: the sentence has no words"),
    "text": ([{"tokens": "a b", "tags": "O O"}], "line 1: 'tokens' holds a str; a list"),
    "null tag": ([{"tokens": ["a", "b"], "tags": ["O", None]}], "line 1, word 2: the tag is"),
    "empty word": ([{"tokens": ["a", ""], "tags": ["O", "O"]}], "line 1, word 2: the word is"),
    "nested": ([{"tokens": ["a", ["b"]], "tags": ["O", "O"]}], "line 1, word 2: the word is"),
    "numbers": ([{"tokens": ["a", "b"], "tags": [0, 1]}], "the tag '0' is a number without"),
    "one tag": ([{"tokens": ["a", "b"], "tags": ["O", "O"]}], "have one tag ('O')"),
    "no column": ([{"tokens": ["a"], "ner": ["O"]}], "there is no column 'tags'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(tmp_path, name):
    rows, words = BAD[name]
    path = jsonl(tmp_path / "bad.jsonl", rows)
    with pytest.raises(DataError) as caught:
        load({"path": path})
    assert words in str(caught.value)
    assert path in str(caught.value)
    assert caught.value.problems[0].startswith("training data: ")


def test_empty_sentences_are_left_out_by_choice(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", [*ROWS, {"tokens": [], "tags": []}])
    source = {"path": path, "drop_empty": True}
    assert len(load(source, dev=source).train) == 3


def test_an_unknown_tag_in_an_evaluation_set(tmp_path):
    path = jsonl(tmp_path / "a.jsonl")
    other = jsonl(tmp_path / "b.jsonl", [{"tokens": ["a", "b"], "tags": ["O", "B-lok"]}])
    with pytest.raises(DataError) as caught:
        load({"path": path}, dev={"path": other})
    message = str(caught.value)
    assert message.startswith("dev set 'dev': ")
    assert "line 1: the tag 'B-lok' is none" in message
    assert "Did you mean 'B-loc'?" in message
    assert len(load({"path": path}, dev={"path": other, "labels": {"B-lok": "O"}}).dev["dev"]) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"path": "a.csv"}, "a csv file holds no lists"),
        ({"path": "a.conll"}, "'tokens' is no column of a CoNLL file"),
        ({"path": "a.conll", "text": 1, "label": 2, "id": "x"}, "'id', 'slices' and 'where'"),
        ({"path": "a.jsonl", "text": ["tokens", "tags"], "label": "id"}, "the one column of the"),
        ({"path": "a.jsonl", "where": {"lang": "fr"}}, "no row meets 'where'"),
    ],
)
def test_sources_that_do_not_fit(tmp_path, given, words):
    jsonl(tmp_path / "a.jsonl")
    write_conll(tmp_path / "a.conll", 4, 0)
    (tmp_path / "a.csv").write_text("tokens,tags\na,O\n", encoding="utf-8")
    texts = given["text"] if isinstance(given.get("text"), list) else "tokens"
    dev = {"path": str(tmp_path / "a.jsonl"), "text": texts, "label": given.get("label", "tags")}
    with pytest.raises(DataError, match=words):
        load({**given, "path": str(tmp_path / given["path"])}, dev=dev)


def test_marked():
    tags = ["I-a", "I-a", "B-a", "I-b", "O", "E-b", "S-b", "NOUN", "NOUN"]
    words = [str(number) for number in range(len(tags))]
    assert marked(words, tags) == "[0 1](a) [2](a) [3](b) 4 [5](b) [6](b) [7 8](NOUN)"


def test_ids_of_equal_sentences_differ(tmp_path):
    data = load({"path": jsonl(tmp_path / "a.jsonl", [*ROWS, ROWS[0]])})
    assert len(np.unique(data.train.example_ids.to_pylist())) == 4


def test_all_that_is_wrong_is_said_together(tmp_path):
    rows = [
        *({"id": f"r{i}", "tokens": ["Ann", "ran"], "tags": ["B-per", "O"]} for i in range(12)),
        {"id": "x", "tokens": ["Ann"], "tags": ["B-pre"]},
        {"id": "r3", "tokens": ["Ann"], "tags": ["B-pe"]},
        {"id": "y", "tokens": ["Ann"], "tags": []},
        {"id": "z", "tokens": [], "tags": []},
    ]
    with pytest.raises(DataError) as caught:
        load({"path": jsonl(tmp_path / "a.jsonl", rows), "id": "id"})
    message = str(caught.value)
    for words in (
        "line 15: 1 words in 'tokens' but 0 tags",
        "line 16: the sentence has no words",
        "line 13: the tag 'B-pre', the only one, is one slip away from 'B-per'",
        "line 14: the tag 'B-pe', the only one, is one slip away from 'B-per'",
        "'r3' is there twice",
    ):
        assert words in message


def test_what_is_left_out_is_counted(tmp_path):
    rows = [*ROWS, {"id": "d", "tokens": [], "tags": [], "lang": "en"}]
    path = jsonl(tmp_path / "a.jsonl", rows)
    dev = {"path": path, "where": {"lang": "de"}, "text": "tokens", "label": "tags"}
    data = load({"path": path, "drop_empty": True}, dev)
    assert data.left_out == {"train": {"drop_empty": 1}, "dev": {"where": 3}}
