"""From texts to token ids: pairs, truncation, lengths, and subsets by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ftft.data.dataset import LabelledDataset
from ftft.data.encode import EncodedDataset, encode
from ftft.errors import DataError


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    names = ["input_ids", "token_type_ids", "attention_mask"]
    return AutoTokenizer.from_pretrained(tiny_model, model_input_names=names)


def make(*texts: Any, labels: list[int] | None = None) -> LabelledDataset:
    """A data set of texts, or of pairs where they are tuples."""
    rows = [text if isinstance(text, tuple) else (text,) for text in texts]
    columns = {
        f"text_{column}": pa.array([row[column] for row in rows], pa.string())
        for column in range(len(rows[0]))
    }
    ids = pa.array([f"id-{row}" for row in range(len(rows))], pa.string())
    gold = pa.array(labels or [row % 2 for row in range(len(rows))], pa.int64())
    table = pa.table({"example_id": ids, **columns, "label": gold})
    return LabelledDataset.from_table("some", table, ("x", "y"))


def words(tokenizer: Any, ids: list[int]) -> str:
    return " ".join(tokenizer.convert_ids_to_tokens(ids))


def test_single_texts(tokenizer):
    encoded = encode(make("the film", "it was good", labels=[1, 0]), tokenizer, max_length=16)
    assert len(encoded) == 2
    assert words(tokenizer, encoded.rows[0]["input_ids"]) == "[CLS] the film [SEP]"
    assert words(tokenizer, encoded.rows[1]["input_ids"]) == "[CLS] it was good [SEP]"
    assert encoded.rows[1]["attention_mask"] == [1] * 5  # not padded
    assert encoded.rows["labels"][:] == [1, 0]
    assert encoded.rows["example_index"][:] == [0, 1]
    assert encoded.lengths.tolist() == [4, 5]
    assert encoded.lengths.dtype == np.int64


def test_pairs_are_given_as_pairs(tokenizer):
    encoded = encode(make(("the film", "it was good")), tokenizer, max_length=16)
    row = encoded.rows[0]
    assert words(tokenizer, row["input_ids"]) == "[CLS] the film [SEP] it was good [SEP]"
    assert row["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert encoded.lengths.tolist() == [8]


def test_long_texts_are_cut(tokenizer):
    encoded = encode(make("the good bad dull bright film", "it was"), tokenizer, max_length=5)
    assert words(tokenizer, encoded.rows[0]["input_ids"]) == "[CLS] the good bad [SEP]"
    assert encoded.lengths.tolist() == [5, 4]


def test_the_longer_text_of_a_pair_is_cut_first(tokenizer):
    pair = ("the good bad dull bright film book", "it was")
    encoded = encode(make(pair, pair[::-1]), tokenizer, max_length=8)
    assert words(tokenizer, encoded.rows[0]["input_ids"]) == "[CLS] the good bad [SEP] it was [SEP]"
    assert words(tokenizer, encoded.rows[1]["input_ids"]) == "[CLS] it was [SEP] the good bad [SEP]"
    assert encoded.lengths.tolist() == [8, 8]


def test_text_of_no_known_word_and_of_no_word(tokenizer):
    encoded = encode(make("zzz", " ", "ſilm"), tokenizer, max_length=16)
    assert encoded.lengths.tolist() == [3, 2, 3]


def test_inputs_are_what_a_model_takes(tokenizer):
    encoded = encode(make("the film"), tokenizer, max_length=16)
    names = {"input_ids", "attention_mask", "token_type_ids"}
    assert set(encoded.inputs().column_names) == names


def test_a_tokenizer_without_types(tokenizer):
    def untyped(*texts: Any, **options: Any) -> Any:
        return {k: v for k, v in tokenizer(*texts, **options).items() if k != "token_type_ids"}

    encoded = encode(make("the film"), untyped, max_length=16)
    assert set(encoded.inputs().column_names) == {"input_ids", "attention_mask"}


@pytest.fixture
def five(tokenizer: Any) -> EncodedDataset:
    texts = ["the", "the film", "the film was", "the film was good", "the film was good or bad"]
    return encode(make(*texts), tokenizer, max_length=16)


def test_take_keeps_ids_and_follows_their_order(five, tokenizer):
    taken = five.take(pa.array(["id-3", "id-0", "id-4"]))
    assert taken.labelled.example_ids.to_pylist() == ["id-3", "id-0", "id-4"]
    assert taken.labelled.labels.tolist() == taken.rows["labels"][:] == [1, 0, 0]
    assert taken.lengths.tolist() == [6, 3, 8]
    assert [len(ids) for ids in taken.rows["input_ids"]] == [6, 3, 8]
    assert words(tokenizer, taken.rows[0]["input_ids"]) == "[CLS] the film was good [SEP]"
    assert taken.rows["example_index"][:] == [0, 1, 2]
    assert len(taken.rows) == len(taken) == 3
    assert set(taken.rows.column_names) == set(five.rows.column_names)


def test_take_from_what_was_taken(five):
    taken = five.take(["id-3", "id-0", "id-4"]).take(["id-4", "id-3"])
    assert taken.labelled.example_ids.to_pylist() == ["id-4", "id-3"]
    assert taken.lengths.tolist() == [8, 6]
    assert taken.rows["example_index"][:] == [0, 1]
    assert [len(ids) for ids in taken.rows["input_ids"]] == [8, 6]


def test_take_leaves_the_whole_as_it_was(five):
    five.take(["id-3"])
    assert five.rows["example_index"][:] == [0, 1, 2, 3, 4]
    assert five.lengths.tolist() == [3, 4, 5, 6, 8]


def test_what_is_taken_is_as_if_encoded_by_itself(five, tokenizer):
    ids = ["id-2", "id-1"]
    taken = five.take(ids)
    alone = encode(five.labelled.take(ids), tokenizer, max_length=16)
    assert taken.rows.to_list() == alone.rows.to_list()
    assert taken.lengths.tolist() == alone.lengths.tolist()
    assert taken.labelled.fingerprint == alone.labelled.fingerprint


def test_take_an_unknown_id(five):
    with pytest.raises(DataError, match="not in it"):
        five.take(["id-0", "id-9"])


def test_many_examples_in_several_chunks(tokenizer):
    encoded = encode(make(*["the film"] * 2500, "it was good"), tokenizer, max_length=16)
    assert encoded.lengths.tolist() == [4] * 2500 + [5]
    assert encoded.rows[2500]["example_index"] == 2500
