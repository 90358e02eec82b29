"""Token classification: a tag for each word of a sentence, as in named-entity recognition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ftft.config.data import DataConfig
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.tagged import OUTSIDE, TASK, load_tagged, split_tag
from ftft.dynamics.checks import DIVERGED
from ftft.dynamics.values import Encoding
from ftft.errors import DynamicsError, ModelError
from ftft.evaluation.entities import TagScheme, f1, find_entities
from ftft.evaluation.metrics import SetScores, by_slice
from ftft.tasks.base import Task, set_outputs

if TYPE_CHECKING:
    from ftft.data.encode import EncodedDataset

_NO_PREDICTION = -1
_IGNORED = -100
_KIND_SLICE = "entity type"


class TokenClassification:
    """See ``Task``. An example is a sentence, and its values are means over its words."""

    name = TASK
    auto_class = "AutoModelForTokenClassification"
    encoding: Encoding = "values"
    needs_gold = True
    new_head = True

    def load(self, config: DataConfig) -> TaskData:
        """Words and tags."""
        return load_tagged(config)

    def tokenize(self, dataset: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
        """The first token of each word has its tag."""
        from ftft.data.encode_words import encode_words

        return encode_words(dataset, tokenizer, max_length=max_length)

    def collator(self, tokenizer: Any, multiple: int | None) -> Any:
        """Pad tokens with the tokenizer's own, tags with -100."""
        from transformers import DataCollatorForTokenClassification

        return DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=multiple)

    def configure(self, config: Any, outputs: Sequence[str]) -> None:
        """One output a tag."""
        set_outputs(config, outputs, None)

    def as_inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """As they are."""
        return dict(batch)

    def loss(self, outputs: Any, labels: Any, num_items: Any, smoothing: float) -> Any:
        """Cross-entropy, summed over words; ``num_items`` is the words of the whole step."""
        import torch

        from ftft.tasks.outputs import logits_of

        logits = logits_of(outputs).float().flatten(0, 1)
        total = torch.nn.functional.cross_entropy(
            logits, labels.flatten(), reduction="sum", label_smoothing=smoothing
        )
        items = (labels != _IGNORED).sum() if num_items is None else num_items
        # Of a step without a word the sum is 0.
        return total / torch.as_tensor(items, device=total.device).clamp(min=1)

    def recorded(self, outputs: Any, labels: Any) -> Any:
        """Means over the words; correct where all words are; (n, 5) float32.

        The probability is the mean of those of the right tags, the loss that of their negative
        logarithms. A sentence without a word left is missing.
        """
        import torch

        from ftft.tasks.outputs import logits_of

        logits = logits_of(outputs).detach().float()
        counted = labels != _IGNORED
        gold = labels.clamp(min=0)[..., None]
        log_shares = logits.log_softmax(-1)
        loss = -log_shares.gather(-1, gold)[..., 0]
        shares = log_shares.exp()
        others = logits.scatter(-1, gold, -torch.inf).amax(-1)
        margin = logits.gather(-1, gold)[..., 0] - others
        errors = shares.scatter_add(-1, gold, -torch.ones_like(gold, dtype=shares.dtype))
        right = (logits.argmax(-1) == labels) | ~counted
        words = counted.sum(-1)
        # 0 / 0 is NaN, which is what a missing value is.
        means = [
            torch.where(counted, value, 0.0).sum(-1) / words
            for value in (shares.gather(-1, gold)[..., 0], loss, margin, errors.norm(dim=-1))
        ]
        correct = torch.where(words > 0, right.all(-1).float(), torch.nan)
        return torch.stack([*means, correct], dim=1)

    def recorded_words(self, outputs: Any, labels: Any) -> tuple[Any, Any, Any]:
        """Of each word the given tag, the likeliest one and the given one's probability.

        All (n, L), at the first token of each word; the given tag is negative elsewhere.
        """
        import torch

        from ftft.tasks.outputs import logits_of

        logits = logits_of(outputs).detach().float()
        shares = logits.softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        # They are held on the device until they are written.
        return labels.to(torch.int16), logits.argmax(-1).to(torch.int16), shares

    def predictions(self, outputs: Any, labels: Any) -> Any:
        """The likeliest tag at the first token of each word, -100 elsewhere: (n, L)."""
        import torch

        from ftft.tasks.outputs import logits_of

        logits = logits_of(outputs).detach()
        usable = logits.isfinite().all(-1)
        found = torch.where(usable, logits.argmax(-1), _NO_PREDICTION)
        return torch.where(labels == _IGNORED, _IGNORED, found)

    def score(self, dataset: LabelledDataset, predictions: npt.NDArray[Any], at: str) -> SetScores:
        """Micro F1 of entities and accuracy of words; also by slice and by entity type.

        Words that lie beyond the model's length count as predicted ``O``.
        """
        lost = (predictions == _NO_PREDICTION).any(axis=1)
        if lost.any():
            first = dataset.example_ids[int(np.argmax(lost))].as_py()
            raise DynamicsError(
                f"{at}: the logits of example {first!r} are NaN or infinite (of {lost.sum():,} "
                f"examples in all). {DIVERGED}"
            )
        return _Scored(dataset, predictions).scores()

    def floor(self, datasets: Sequence[LabelledDataset]) -> None:
        """None: what needs no learning finds no entity."""

    def recorder(self, train: LabelledDataset) -> dict[str, Any]:
        """Whether a sentence has entities, as its group."""
        return {
            "labels": train.labels,
            "class_names": train.class_names,
            "chance": 1 / len(train.model_classes),
        }

    def shown(self, dataset: LabelledDataset) -> list[Any]:
        """The sentence, its entities in brackets."""
        return dataset.shown

    def check_model(self, model: Any, dataset: LabelledDataset, folder: Path) -> None:
        """The model's tags must be the data's, in their order."""
        found = tuple(model.config.id2label[index] for index in range(model.config.num_labels))
        if found != dataset.model_classes:
            raise ModelError(
                f"{folder}: the model's tags are {', '.join(found)}, but the data's are "
                f"{', '.join(dataset.model_classes)}; name the data's tags as the model's, with a "
                "labels mapping, and put data.classes in the model's order; or give another model."
            )


class _Scored:
    """Gold and predicted tags of all words of a set, sentence after sentence."""

    def __init__(self, dataset: LabelledDataset, predictions: npt.NDArray[Any]) -> None:
        tags = dataset.table.column("tags").combine_chunks()
        counts = np.diff(tags.offsets.to_numpy())
        self.dataset = dataset
        self.gold = tags.flatten().to_numpy()
        self.sentence = np.repeat(np.arange(len(counts)), counts)
        names = dataset.model_classes
        # Data may have no such tag, and words beyond the model's length are predicted as it.
        names = names if OUTSIDE in names else (*names, OUTSIDE)
        self.scheme = TagScheme.of([split_tag(name) for name in names])
        there = predictions != _IGNORED
        first = np.repeat(np.cumsum(counts) - counts, there.sum(axis=1))
        self.predicted = np.full(len(self.gold), names.index(OUTSIDE), dtype=np.int64)
        self.predicted[first + (np.cumsum(there, axis=1) - 1)[there]] = predictions[there]
        self.wanted = find_entities(self.gold, self.sentence, self.scheme)
        self.found = find_entities(self.predicted, self.sentence, self.scheme)
        self.right = self.found.same_as(self.wanted)

    def scores(self) -> SetScores:
        """Of all sentences, by slice, and by entity type."""
        count = len(self.dataset)
        scores = by_slice(self._measure, count, self.dataset.slice_columns())
        kinds = {name: self._of_kind(code) for code, name in enumerate(self.scheme.kinds)}
        return SetScores(scores.metrics, scores.slices | {_KIND_SLICE: kinds})

    def _measure(
        self, sentences: npt.NDArray[np.bool_], kind: int | None = None
    ) -> dict[str, float]:
        wanted, found = (
            sentences[self.sentence[one.start]] & (kind is None or one.kind == kind)
            for one in (self.wanted, self.found)
        )
        words = sentences[self.sentence] & (kind is None or self.scheme.kind[self.gold] == kind)
        right = (self.gold == self.predicted)[words]
        return {
            "entity_f1": f1(int(self.right[found].sum()), int(wanted.sum()), int(found.sum())),
            "token_accuracy": float(right.mean()) if len(right) else 0.0,
        }

    def _of_kind(self, kind: int) -> dict[str, float]:
        """Metrics of one type; ``examples`` are the sentences that have such an entity."""
        having = np.unique(self.sentence[self.wanted.start[self.wanted.kind == kind]])
        every = np.ones(len(self.dataset), dtype=np.bool_)
        return self._measure(every, kind) | {"examples": float(len(having))}


TOKEN_CLASSIFICATION: Task = TokenClassification()
