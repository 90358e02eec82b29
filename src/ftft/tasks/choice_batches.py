"""Choices as tensors: tokenised, put into batches, and their softmax. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ftft.data.dataset import LabelledDataset
from ftft.data.encode import INDEX_COLUMN, MODEL_INPUTS, EncodedDataset, with_index
from ftft.errors import DataError
from ftft.tasks.multiple_choice import counts_of, packed, segments
from ftft.tasks.outputs import logits_of


def encode_choices(dataset: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
    """Tokenise a data set once, without padding: a list of sequences an example.

    What is longer than ``max_length`` is cut, the longer of the two texts first.

    Args:
        dataset: N examples.
        tokenizer: A ``transformers`` tokenizer.
        max_length: Tokens kept of a choice with its question.

    Raises:
        DataError: Two choices of an example are the same after they were cut.
    """
    # The function must not hold the data set: `datasets` hashes what it holds.
    texts = [f"text_{column}" for column in range(dataset.num_texts)]
    choices = [f"choice_{place}" for place in range(len(dataset.class_names))]

    def tokenise(batch: dict[str, list[Any]]) -> dict[str, Any]:
        columns = zip(*(batch[name] for name in (*texts, *choices)), strict=True)
        rows = [
            [segments(cells[: len(texts)], one) for one in cells[len(texts) :] if one]
            for cells in columns
        ]
        pairs = [pair for row in rows for pair in row]
        first, second = ([pair[side] for pair in pairs] for side in (0, 1))
        encoded = tokenizer(first, second, truncation=True, max_length=max_length)
        ends = np.cumsum([len(row) for row in rows]).tolist()
        starts = [0, *ends[:-1]]
        return {
            name: [encoded[name][i:j] for i, j in zip(starts, ends, strict=True)]
            for name in MODEL_INPUTS
            if name in encoded
        }

    rows = dataset.rows.select_columns([*texts, *choices]).map(
        tokenise,
        batched=True,
        remove_columns=[*texts, *choices],
        keep_in_memory=len(dataset) <= 100_000,
        desc=f"tokenise {dataset.name}",
    )
    counts = counts_of(dataset)
    ids = rows.data.column("input_ids").combine_chunks()
    each = np.asarray(ids.flatten().value_lengths(), dtype=np.int64)
    starts = np.cumsum(counts) - counts
    _refuse_cut_alike(dataset, ids, np.minimum.reduceat(each, starts) == max_length, max_length)
    lengths = np.maximum.reduceat(each, starts)
    labelled = rows.add_column("labels", packed(dataset.labels, counts).tolist())
    return EncodedDataset(dataset, with_index(labelled), lengths, counts)


def _refuse_cut_alike(
    dataset: LabelledDataset, ids: Any, full: npt.NDArray[np.bool_], max_length: int
) -> None:
    """Refuse examples of which no choice is left to see."""
    rows = ((int(place), ids[int(place)].as_py()) for place in np.flatnonzero(full))
    cut = [place for place, row in rows if all(one == row[0] for one in row)]
    if cut:
        names = ", ".join(repr(dataset.example_ids[place].as_py()) for place in cut[:3])
        raise DataError(
            f"data set {dataset.name!r}: max_length is {max_length}, and of {len(cut):,} examples "
            f"(first: {names}) all choices are the same after they are cut to that. Raise "
            "max_length, or leave those examples out."
        )


class ChoiceCollator:
    """Makes a batch (n, C, L): sequences padded by the tokenizer, rows filled up.

    A row with fewer choices than another repeats its first one: real tokens, since some networks
    give NaN for a sequence without any. Those are left out by the labels.

    Args:
        tokenizer: Pads.
        multiple: Lengths are padded to a multiple of this.
    """

    def __init__(self, tokenizer: Any, multiple: int | None) -> None:
        self._tokenizer = tokenizer
        self._multiple = multiple

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Make a batch of rows of an ``EncodedDataset``."""
        most = max(len(row["input_ids"]) for row in rows)
        names = [name for name in MODEL_INPUTS if name in rows[0]]
        sequences = [
            {name: row[name][place if place < len(row["input_ids"]) else 0] for name in names}
            for row in rows
            for place in range(most)
        ]
        padded = self._tokenizer.pad(
            sequences, return_tensors="pt", pad_to_multiple_of=self._multiple
        )
        batch = {name: padded[name].view(len(rows), most, -1) for name in names}
        for name in ("labels", INDEX_COLUMN):
            if name in rows[0]:
                batch[name] = torch.tensor([row[name] for row in rows])
        return batch


def log_shares(outputs: Any, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The logarithm of the softmax over the choices of each row.

    Args:
        outputs: What a model gave for n rows of up to C choices.
        labels: (n,) as ``packed``; what the loss ignores counts as one choice.

    Returns:
        Logarithms (n, C), minus infinity where there is no choice; which choices there are, bool
        (n, C); the right position and the number of choices, (n,) each.
    """
    logits = logits_of(outputs).float()
    held = labels.clamp(min=16)
    gold, counts = held % 16, held // 16
    places = torch.arange(logits.shape[1], device=logits.device)
    there = places < counts[:, None]
    return logits.masked_fill(~there, -torch.inf).log_softmax(1), there, gold, counts


def values_of_choices(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
    """What is recorded of n examples: float32 (n, 5), see ``ftft.dynamics.values.COLUMNS``."""
    logs, there, gold, _ = log_shares(outputs, labels)
    places = torch.arange(logs.shape[1], device=logs.device)
    at_gold = places == gold[:, None]
    right = logs.gather(1, gold[:, None])
    # Differences of logarithms of shares are those of logits.
    others = logs.masked_fill(at_gold, -torch.inf)
    margin = (right - others.max(1, keepdim=True).values)[:, 0]
    beaten = (others > right) | ((others == right) & (places < gold[:, None]) & there)
    apart = (logs.exp() - at_gold.float()).norm(dim=1)
    correct = (~beaten.any(1)).float()
    return torch.stack([right[:, 0].exp(), -right[:, 0], margin, apart, correct], dim=1).detach()
