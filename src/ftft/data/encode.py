"""Texts to token ids: a labelled data set as one tokenizer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from datasets.table import InMemoryTable

from ftft.data.dataset import LabelledDataset

MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
INDEX_COLUMN = "example_index"

# What cross-entropy and the Trainer's count of examples leave out.
IGNORED_LABEL = -100


@dataclass(frozen=True)
class EncodedDataset:
    """A labelled data set with its token ids.

    Attributes:
        labelled: The data set itself: ids, labels, slices.
        rows: Token ids and masks, one row an example, in the order of ``labelled``, with the
            columns ``labels`` and ``example_index`` (position in ``labelled``).
        lengths: Tokens in each example, special tokens counted, int64 of shape (N,); of several
            sequences, in the longest.
        widths: Sequences in each example, int64 of shape (N,); None: one each.
        note: What should be known of how it was encoded, a line; empty where nothing is.
    """

    labelled: LabelledDataset
    rows: datasets.Dataset
    lengths: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int64] | None = None
    note: str = ""

    def __len__(self) -> int:
        return len(self.labelled)

    def inputs(self, gold: bool = False) -> datasets.Dataset:
        """Only what a model's forward pass takes, for scoring; with the gold labels if asked."""
        left_out = [INDEX_COLUMN] if gold else [INDEX_COLUMN, "labels"]
        return self.rows.remove_columns(left_out)

    def rows_with_filler(self) -> datasets.Dataset:
        """The rows and, after them, a filler for batches of which there are too few.

        Its label is the one that the loss ignores and that is not counted among the examples of a
        step, so it changes no gradient, and its index is -1, which keeps it out of dynamics.
        """
        shortest = self.rows.select([int(self.lengths.argmin())])
        label = shortest[0]["labels"]
        ignored = [IGNORED_LABEL] * len(label) if isinstance(label, list) else IGNORED_LABEL
        filler = shortest.remove_columns(["labels", INDEX_COLUMN])
        filler = filler.add_column("labels", [ignored]).add_column(INDEX_COLUMN, [-1])
        return datasets.concatenate_datasets([self.rows, filler])

    def take(self, example_ids: pa.Array) -> EncodedDataset:
        """The examples with these ids, in the order of the ids; nothing is tokenised again.

        Raises:
            DataError: An id is not in the data set.
        """
        subset = self.labelled.take(example_ids)
        positions = pc.index_in(subset.example_ids, value_set=self.labelled.example_ids)
        where = np.asarray(positions, dtype=np.int64)
        table = self.rows.with_format("arrow")[where].drop_columns(INDEX_COLUMN)
        rows = datasets.Dataset(InMemoryTable(table))
        widths = None if self.widths is None else self.widths[where]
        return EncodedDataset(subset, with_index(rows), self.lengths[where], widths)


def encode(labelled: LabelledDataset, tokenizer: Any, *, max_length: int) -> EncodedDataset:
    """Tokenise a data set once, without padding.

    Two texts are given to the tokenizer as a pair; what is longer than ``max_length`` is cut,
    the longer text of a pair first.

    Args:
        labelled: N examples.
        tokenizer: A ``transformers`` tokenizer.
        max_length: Tokens kept of an example.

    Returns:
        The encoded data set, in the same order.
    """
    # The function must not hold the data set: `datasets` hashes what it holds.
    texts = [f"text_{column}" for column in range(labelled.num_texts)]

    def tokenise(batch: dict[str, list[Any]]) -> dict[str, Any]:
        columns = [batch[name] for name in texts]
        encoded = tokenizer(*columns, truncation=True, max_length=max_length)
        return {name: encoded[name] for name in MODEL_INPUTS if name in encoded}

    rows = labelled.rows.select_columns(texts).map(
        tokenise,
        batched=True,
        remove_columns=texts,
        keep_in_memory=len(labelled) <= 100_000,
        desc=f"tokenise {labelled.name}",
    )
    return with_lengths(labelled, rows.add_column("labels", labelled.labels.tolist()))


def with_lengths(labelled: LabelledDataset, rows: datasets.Dataset) -> EncodedDataset:
    """An encoded data set of rows that have ``input_ids`` and ``labels``, one an example."""
    lengths = pc.list_value_length(rows.data.column("input_ids"))
    return EncodedDataset(labelled, with_index(rows), np.asarray(lengths, dtype=np.int64))


def with_index(rows: datasets.Dataset) -> datasets.Dataset:
    """The rows with their positions as a column."""
    return rows.add_column(INDEX_COLUMN, list(range(len(rows))))
