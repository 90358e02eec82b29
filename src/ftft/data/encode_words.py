"""Words to token ids: sentences as one tokenizer sees them, the first token of a word tagged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import datasets

from ftft.data.dataset import LabelledDataset
from ftft.data.encode import IGNORED_LABEL, MODEL_INPUTS, EncodedDataset, with_lengths
from ftft.errors import ModelError

_AT_ONCE = 1_000


def encode_words(labelled: LabelledDataset, tokenizer: Any, *, max_length: int) -> EncodedDataset:
    """Tokenise sentences once, without padding.

    The first token of a word has its tag, all others -100, which the loss leaves out. A word of
    which the tokenizer makes nothing (a lone control character) becomes its unknown token, so that
    only truncation takes a word its tag; the note of the result says how many.

    Args:
        labelled: N sentences, with ``words`` and ``tags``.
        tokenizer: A ``transformers`` tokenizer that knows which word a token is of.
        max_length: Tokens kept of a sentence.

    Raises:
        ModelError: The tokenizer does not say which word a token is of.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"model {tokenizer.name_or_path}: its tokenizer does not say which word a "
            "token is of, which token classification needs; name a model with a tokenizer.json."
        )
    words = labelled.table.column("words").to_pylist()
    tags = labelled.table.column("tags").to_pylist()
    columns: dict[str, list[Any]] = {}
    side, tokenizer.truncation_side = tokenizer.truncation_side, "right"
    try:
        for start in range(0, len(words), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            for row in _encoded(tokenizer, words[part], tags[part], max_length):
                for column, value in row.items():
                    columns.setdefault(column, []).append(value)
    finally:
        tokenizer.truncation_side = side
    encoded = with_lengths(labelled, datasets.Dataset.from_dict(columns))
    return replace(encoded, note=_lost(labelled.name, words, columns["labels"], max_length))


def _encoded(
    tokenizer: Any, sentences: list[list[str]], tagged: list[list[int]], max_length: int
) -> Iterator[dict[str, list[int]]]:
    found = _tokenised(tokenizer, sentences, max_length)
    for number, (words, tags) in enumerate(zip(sentences, tagged, strict=True)):
        one, at = found, number
        blank = _blank(found, number, len(words), max_length)
        if blank:
            unknown = tokenizer.unk_token or "?"
            filled = [unknown if place in blank else word for place, word in enumerate(words)]
            one, at = _tokenised(tokenizer, [filled], max_length), 0
        row = {name: one[name][at] for name in MODEL_INPUTS if name in one}
        yield row | {"labels": _labels(one.word_ids(at), tags)}


def _tokenised(tokenizer: Any, sentences: list[list[str]], max_length: int) -> Any:
    return tokenizer(sentences, is_split_into_words=True, truncation=True, max_length=max_length)


def _blank(found: Any, number: int, words: int, max_length: int) -> set[int]:
    """The words without a token that truncation did not take."""
    there = {word for word in found.word_ids(number) if word is not None}
    cut = len(found["input_ids"][number]) >= max_length
    return set(range(max(there, default=-1) + 1 if cut else words)) - there


def _labels(word_ids: list[int | None], tags: list[int]) -> list[int]:
    labels, before = [], None
    for word in word_ids:
        labels.append(IGNORED_LABEL if word is None or word == before else tags[word])
        before = word
    return labels


def _lost(name: str, words: list[list[str]], labels: list[list[int]], max_length: int) -> str:
    kept = [sum(label != IGNORED_LABEL for label in one) for one in labels]
    lost = [len(one) - count for one, count in zip(words, kept, strict=True)]
    if not any(lost):
        return ""
    none_left = sum(not count for count in kept)
    more = f"; {none_left:,} have no word left and no value on the map" if none_left else ""
    return (
        f"note: {sum(lost):,} words of {name} in {sum(map(bool, lost)):,} sentences lie beyond "
        f"max_length {max_length} and lost their tag: they are not learnt, and count as predicted "
        f"O where the set is scored{more}"
    )
