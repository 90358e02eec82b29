"""Classification of one text or a pair: one gold class an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ftft.config.data import DataConfig
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.load import load_data
from ftft.dynamics.checks import check_finite
from ftft.dynamics.values import Encoding
from ftft.errors import ModelError
from ftft.evaluation.metrics import SetScores, predict_classes, score
from ftft.tasks.base import Task, set_outputs

if TYPE_CHECKING:
    from ftft.data.encode import EncodedDataset
    from ftft.data.lengths import TokenLengths


class Classification:
    """See ``Task``. Logits stay what is recorded, one for each class."""

    name = "classification"
    auto_class = "AutoModelForSequenceClassification"
    encoding: Encoding = "logits"
    needs_gold = False
    new_head = True

    def load(self, config: DataConfig) -> TaskData:
        """Texts and classes."""
        return load_data(config)

    def tokenize(self, dataset: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
        """One sequence an example, two texts as a pair."""
        from ftft.data.encode import encode

        return encode(dataset, tokenizer, max_length=max_length)

    def token_lengths(
        self, dataset: LabelledDataset, tokenizer: Any, max_length: int
    ) -> TokenLengths:
        """Tokens of each example."""
        from ftft.data.lengths import measure

        return measure(dataset, tokenizer, max_length=max_length)

    def collator(self, tokenizer: Any, multiple: int | None) -> Any:
        """Pad with the tokenizer's own token."""
        from transformers import DataCollatorWithPadding

        return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=multiple)

    def configure(self, config: Any, outputs: Sequence[str]) -> None:
        """One output a class."""
        set_outputs(config, outputs, "single_label_classification")

    def as_inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """As they are."""
        return dict(batch)

    def loss(self, outputs: Any, labels: Any, num_items: Any, smoothing: float) -> Any:
        """Cross-entropy."""
        import torch

        from ftft.tasks.outputs import logits_of

        total = torch.nn.functional.cross_entropy(
            logits_of(outputs).float(), labels, reduction="sum", label_smoothing=smoothing
        )
        return total / (len(labels) if num_items is None else num_items)

    def recorded(self, outputs: Any, labels: Any) -> Any:
        """Logits (n, C)."""
        from ftft.tasks.outputs import logits_of

        return logits_of(outputs).detach()

    def predictions(self, outputs: Any, labels: Any) -> Any:
        """Logits (n, C)."""
        return self.recorded(outputs, labels)

    def score(self, dataset: LabelledDataset, predictions: npt.NDArray[Any], at: str) -> SetScores:
        """Accuracy and macro-F1 of the most probable class, or of what it is merged into."""
        check_finite(predictions, dataset.example_ids, at)
        predicted = predict_classes(predictions, dataset.class_of_model_class)
        return score(predicted, dataset.labels, dataset.slice_columns())

    def floor(self, datasets: Sequence[LabelledDataset]) -> float:
        """The share of the most frequent class."""
        labels = np.concatenate([dataset.labels for dataset in datasets])
        return float(np.bincount(labels).max() / len(labels))

    def recorder(self, train: LabelledDataset) -> dict[str, Any]:
        """Gold classes by name."""
        return {"labels": train.labels, "class_names": train.class_names}

    def shown(self, dataset: LabelledDataset) -> list[Any]:
        """The texts."""
        return dataset.shown

    def check_model(self, model: Any, dataset: LabelledDataset, folder: Path) -> None:
        """The model's classes must be the data's, in their order."""
        expected = dataset.model_classes
        found = tuple(model.config.id2label[index] for index in range(model.config.num_labels))
        if found != expected:
            raise ModelError(
                f"{folder}: the model's classes are {', '.join(found)}, but the data's are "
                f"{', '.join(expected)}; name the data's classes as the model's, with a labels "
                "mapping, and put data.classes in the model's order; or give another model."
            )


CLASSIFICATION: Task = Classification()
