"""Tokens are counted as they would be made, without making them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.data.test_encode import make

from ftft.data import lengths
from ftft.data.encode import encode
from ftft.data.lengths import measure, texts_of, whole_lengths

# Cases, accents, combining marks, other scripts, every kind of blank, what is no character,
# special tokens, long words, nothing.
PIECES = [
    *(
        "aB",
        "un-believable",
        "can't",
        "é",
        "\u0301\u0301",
        "中文",
        "，。",
        "?!",
        "\t",
        "\n",
        "\u00a0",
    ),
    *(
        "\u2003",
        "\u200b",
        "\ufeff",
        "\x00",
        "\ufffd",
        "Σς",
        "İı",
        "ﬁ ½",
        "😀👍🏽",
        "한글",
        "ไทย",
        "12.5",
    ),
    *("[SEP]", "[MASK]x", "[UNK] ", "ab" * 60, " ", " ", " ", "  ", "the film"),
]


@pytest.fixture(scope="module")
def bert() -> Any:
    """A tokenizer of BERT's kind, of letters and some words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyzσςßﬁ1234567890中文한ไ"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *letters, *(f"##{one}" for one in letters), *"?!.,'-[]，。", "the", "film"]
    vocabulary = {word: index for index, word in enumerate(words)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {f"{one[1:-1].lower()}_token": one for one in special}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def texts(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(PIECES, k=chance.randint(0, 30))) for _ in range(count)]


@pytest.mark.parametrize("pairs", [False, True])
def test_words_have_the_tokens_that_their_texts_have(bert, pairs, monkeypatch):
    monkeypatch.setattr(lengths, "_ROWS", 150)
    monkeypatch.setattr(lengths, "_MOST_KNOWN", 20)
    first = pa.chunked_array([["", " ", *texts(300, 0)], texts(98, 1)])
    columns = [first, pa.chunked_array([texts(400, 2)])] if pairs else [first]
    given = [column.to_pylist() for column in columns]
    expected = [len(ids) for ids in bert(*given, verbose=False)["input_ids"]]
    called = []
    counts = lengths._counts

    def watched(tokenizer, *texts, **settings):
        called.append(settings)
        return counts(tokenizer, *texts, **settings)

    monkeypatch.setattr(lengths, "_counts", watched)
    assert whole_lengths(columns, bert).tolist() == expected
    assert {"add_special_tokens": False} in called, "nothing was counted by words"


def test_lengths_are_those_of_what_is_encoded(bert):
    data = make(*texts(50, 3), "the film")
    for length in (2, 9, 40):
        encoded = encode(data, bert, max_length=length)
        assert np.array_equal(measure(data, bert, max_length=length).lengths, encoded.lengths)


def test_other_tokenizers_are_given_the_whole_texts(bert, tiny_model, monkeypatch):
    from transformers import AutoTokenizer

    data = make("the film was good", "", "bad  film")
    other = AutoTokenizer.from_pretrained(tiny_model)
    for tokenizer in (other, bert):
        expected = encode(data, tokenizer, max_length=99).lengths.tolist()
        with monkeypatch.context() as patch:
            # What does not have the same tokens word by word is found out by trying.
            patch.setattr(lengths._Words, "_of_words", lambda self, words: np.full(len(words), 7))
            assert whole_lengths(texts_of(data.table), tokenizer).tolist() == expected


def test_a_word_with_a_blank_in_the_vocabulary_is_not_torn_apart(bert):
    from copy import deepcopy

    assert lengths._splits_at_blanks(bert)
    more = deepcopy(bert)
    more.add_tokens(["new york"])
    assert not lengths._splits_at_blanks(more)
    assert whole_lengths([pa.chunked_array([["the new york"]])], more).tolist() == [4]
