"""Multiple choice: a question or context, 2 to 10 choices, one of them right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ftft.config.data import DataConfig
from ftft.data.choices import marked_choices
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.load_choices import TASK, load_choices
from ftft.dynamics.checks import check_finite
from ftft.dynamics.values import Encoding
from ftft.evaluation.metrics import SetScores, accuracy, by_slice
from ftft.tasks.base import Task, set_outputs

if TYPE_CHECKING:
    from ftft.data.encode import EncodedDataset

# The place of a blank that the choice fills, as WinoGrande writes it.
_BLANK = re.compile(r"(?<!\w)_+(?!\w)")


class MultipleChoice:
    """See ``Task``. Each choice is a sequence of its own, read together with the question.

    A batch's ``labels`` hold the right position and the number of choices in one integer
    (``packed``): the Trainer counts a step's examples by them, and choices that only fill up a
    batch must be left out of every softmax.

    Values are recorded, not logits: rows may differ in their number of choices, and a position
    is no class that one example shares with another.
    """

    name = TASK
    auto_class = "AutoModelForMultipleChoice"
    encoding: Encoding = "values"
    needs_gold = True
    new_head = True

    def load(self, config: DataConfig) -> TaskData:
        """Questions and choices."""
        return load_choices(config)

    def tokenize(self, dataset: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
        """A sequence a choice: see ``segments``."""
        from ftft.tasks.choice_batches import encode_choices

        return encode_choices(dataset, tokenizer, max_length)

    def collator(self, tokenizer: Any, multiple: int | None) -> Any:
        """Pad to the longest sequence and the most choices."""
        from ftft.tasks.choice_batches import ChoiceCollator

        return ChoiceCollator(tokenizer, multiple)

    def configure(self, config: Any, outputs: Sequence[str]) -> None:
        """One output, the score of a choice."""
        set_outputs(config, ["score"], None)

    def as_inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """All texts as the choices of one example."""
        return {name: tensor.unsqueeze(0) for name, tensor in batch.items()}

    def loss(self, outputs: Any, labels: Any, num_items: Any, smoothing: float) -> Any:
        """Cross-entropy over the choices of a row; smoothing spreads over them alike."""
        from ftft.tasks.choice_batches import log_shares

        logs, there, gold, counts = log_shares(outputs, labels)
        each = -logs.gather(1, gold[:, None])[:, 0]
        if smoothing:
            spread = -logs.masked_fill(~there, 0.0).sum(1) / counts
            each = (1 - smoothing) * each + smoothing * spread
        counted = labels >= 0
        total = each.where(counted, 0.0).sum()
        return total / (counted.sum() if num_items is None else num_items)

    def recorded(self, outputs: Any, labels: Any) -> Any:
        """Values (n, 5) of the softmax over the choices of a row."""
        from ftft.tasks.choice_batches import values_of_choices

        return values_of_choices(outputs, labels)

    def predictions(self, outputs: Any, labels: Any) -> Any:
        """Logits (n, C), also of what only fills up a row."""
        from ftft.tasks.outputs import logits_of

        return logits_of(outputs).detach()

    def score(self, dataset: LabelledDataset, predictions: npt.NDArray[Any], at: str) -> SetScores:
        """Accuracy of the choice with the highest logit."""
        there = np.arange(predictions.shape[1]) < counts_of(dataset)[:, None]
        check_finite(np.where(there, predictions, 0), dataset.example_ids, at)
        chosen = np.where(there, predictions, -np.inf).argmax(axis=1)

        def measure(rows: npt.NDArray[np.bool_]) -> dict[str, float]:
            return {"accuracy": accuracy(chosen[rows], dataset.labels[rows])}

        return by_slice(measure, len(dataset), dataset.slice_columns())

    def floor(self, datasets: Sequence[LabelledDataset]) -> float:
        """Always the same position, the most frequent one, or any choice at random."""
        labels = np.concatenate([dataset.labels for dataset in datasets])
        chance = np.concatenate([1 / counts_of(dataset) for dataset in datasets])
        return float(max(np.bincount(labels).max() / len(labels), chance.mean()))

    def recorder(self, train: LabelledDataset) -> dict[str, Any]:
        """Right positions by letter, and chance: the mean of one in the number of choices."""
        return {
            "labels": train.labels,
            "class_names": train.class_names,
            "chance": float((1 / counts_of(train)).mean()),
        }

    def shown(self, dataset: LabelledDataset) -> list[Any]:
        """The question and its choices by letter, the right one ticked."""
        return marked_choices(dataset)

    def check_model(self, model: Any, dataset: LabelledDataset, folder: Path) -> None:
        """A model that scores choices takes any number of them."""


MULTIPLE_CHOICE: Task = MultipleChoice()


def choice_columns(dataset: LabelledDataset) -> list[list[str]]:
    """The columns of choices, each with one an example, empty where a row has fewer."""
    names = [f"choice_{place}" for place in range(len(dataset.class_names))]
    return [dataset.table.column(name).to_pylist() for name in names]


def counts_of(dataset: LabelledDataset) -> npt.NDArray[np.int64]:
    """The number of choices of each example, int64 of shape (N,)."""
    filled = [[bool(cell) for cell in column] for column in choice_columns(dataset)]
    return np.asarray(np.array(filled).sum(axis=0), dtype=np.int64)


def segments(texts: Sequence[str], choice: str) -> tuple[str, str]:
    """The two texts that a tokenizer gets of one choice.

    The choice follows the question; of two texts the second one begins the choice's segment, as
    in SWAG. Where the last text has one blank (``_``), the choice fills it and begins or
    continues the segment there, as in WinoGrande.

    Args:
        texts: One or two texts.
        choice: The choice.
    """
    parts = _BLANK.split(texts[-1])
    if len(parts) == 2:
        filled = f"{choice}{parts[1]}"
        return (parts[0].rstrip(), filled) if len(texts) == 1 else (texts[0], parts[0] + filled)
    if len(texts) == 1:
        return texts[0], choice
    return texts[0], f"{texts[1]} {choice}".strip()


def packed(gold: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Right position (below 16) and number of choices of each example in one integer."""
    return counts * 16 + gold
