"""How many tokens texts have, for those who need no token ids: costs that are worked out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.data.dataset import LabelledDataset

Lengths = npt.NDArray[np.int64]

# Rows that are looked at together.
_ROWS = 10_000
# Known words are few, and short, whatever is in the texts.
_MOST_KNOWN, _LONGEST_KNOWN = 500_000, 40
# Texts that are tokenised whole before their words are trusted.
_TRIED = 200

# Normaliser, pre-tokenizer and model of BERT's tokenizers: each looks at a word alone.
_BERT = ("BertNormalizer", "BertPreTokenizer", "WordPiece")


class Measured(Protocol):
    """A labelled data set whose tokens are counted; see ``EncodedDataset``."""

    @property
    def labelled(self) -> LabelledDataset:
        """N examples."""

    @property
    def lengths(self) -> Lengths:
        """Tokens in each, int64 of shape (N,)."""

    @property
    def widths(self) -> Lengths | None:
        """Sequences in each, int64 of shape (N,); None: one each."""


@dataclass(frozen=True)
class TokenLengths:
    """A labelled data set and the tokens of its examples, as ``EncodedDataset`` has them."""

    labelled: LabelledDataset
    lengths: Lengths
    widths: Lengths | None = None


def measure(labelled: LabelledDataset, tokenizer: Any, *, max_length: int) -> TokenLengths:
    """Count what :func:`~ftft.data.encode.encode` would make, without making it.

    Args:
        labelled: N examples of one or two texts.
        tokenizer: A ``transformers`` tokenizer.
        max_length: Tokens kept of an example.
    """
    whole = whole_lengths(texts_of(labelled.table), tokenizer)
    return TokenLengths(labelled, np.minimum(whole, max_length))


def texts_of(table: pa.Table) -> list[pa.ChunkedArray]:
    """The columns of texts of a labelled table."""
    return [table.column(name) for name in ("text_0", "text_1") if name in table.column_names]


def whole_lengths(texts: Sequence[pa.ChunkedArray], tokenizer: Any) -> Lengths:
    """Tokens of each example, special tokens counted, nothing cut.

    Args:
        texts: One or two columns of N texts; two are a pair.
        tokenizer: A ``transformers`` tokenizer.

    Returns:
        int64 of shape (N,).
    """
    tried = [column.slice(0, _TRIED) for column in texts]
    if _splits_at_blanks(tokenizer):
        words = _Words(tokenizer)
        # A tokenizer may have ways of its own all the same.
        if np.array_equal(words.lengths(tried), _tokenised(tried, tokenizer)):
            return words.lengths(texts)
    return _tokenised(texts, tokenizer)


def _tokenised(texts: Sequence[pa.ChunkedArray], tokenizer: Any) -> Lengths:
    found: list[int] = []
    for start in range(0, len(texts[0]), _ROWS // 10):
        part = [column.slice(start, _ROWS // 10).to_pylist() for column in texts]
        found += _counts(tokenizer, *part)
    return np.array(found, dtype=np.int64)


def _counts(tokenizer: Any, *texts: list[str], **settings: Any) -> list[int]:
    if not texts[0]:
        return []  # which tokenizers do not take
    # What is not asked for is not made; warnings about length are for who feeds a model.
    bare = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    return [len(ids) for ids in tokenizer(*texts, **bare, **settings)["input_ids"]]


def _splits_at_blanks(tokenizer: Any) -> bool:
    """Whether the tokens of a text are those of the words between its blanks, one by one."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return False
    parts = (backend.normalizer, backend.pre_tokenizer, backend.model)
    added = tokenizer.added_tokens_decoder.values()
    return tuple(type(part).__name__ for part in parts) == _BERT and not any(
        " " in token.content for token in added
    )


@dataclass
class _Words:
    """Counts the tokens of texts from those of their words, each of which is tokenised once."""

    tokenizer: Any
    _known: dict[str, int] = field(default_factory=dict)

    def lengths(self, texts: Sequence[pa.ChunkedArray]) -> Lengths:
        special: int = self.tokenizer.num_special_tokens_to_add(pair=len(texts) == 2)
        columns = [np.concatenate([*self._of_chunks(column), []]) for column in texts]
        together: Lengths = np.sum(columns, axis=0).astype(np.int64)
        return together + special

    def _of_chunks(self, column: pa.ChunkedArray) -> Iterator[Lengths]:
        for chunk in column.chunks:
            for start in range(0, len(chunk), _ROWS):
                yield self._of(chunk.slice(start, _ROWS))

    def _of(self, texts: pa.StringArray) -> Lengths:
        words = pc.split_pattern(texts, " ")
        found = words.flatten().dictionary_encode()
        counts = self._of_words(found.dictionary.to_pylist())[found.indices.to_numpy()]
        # An empty text has one word, which is empty: no list is.
        starts = words.offsets.to_numpy()[:-1] - words.offsets[0].as_py()
        sums: Lengths = np.add.reduceat(counts, starts)
        return sums

    def _of_words(self, words: list[str]) -> Lengths:
        new = [word for word in words if word not in self._known]
        fresh = dict(zip(new, _counts(self.tokenizer, new, add_special_tokens=False), strict=True))
        found = [fresh[word] if word in fresh else self._known[word] for word in words]
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known |= {word: n for word, n in fresh.items() if len(word) <= _LONGEST_KNOWN}
        return np.array(found, dtype=np.int64)
