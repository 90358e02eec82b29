"""Prompt to completion: a causal language model that learns to write the completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ftft.config.data import DataConfig
from ftft.config.tasks import MEASURES
from ftft.data.completions import CAUSAL_LM as NAME
from ftft.data.completions import load_completions
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.dynamics.checks import DIVERGED
from ftft.dynamics.values import Encoding
from ftft.errors import DynamicsError
from ftft.evaluation.metrics import SetScores, by_slice
from ftft.tasks.base import Task

if TYPE_CHECKING:
    from ftft.data.encode import EncodedDataset


class CausalLM:
    """See ``Task``. The loss is that of the completion's tokens, its end included.

    An example's probability is the inverse perplexity of its completion, the exponential of the
    mean log-probability of its tokens (İnce et al. 2023), its loss the mean of their negative
    log-probabilities; the mean probability of its tokens is recorded beside it. It is right where
    each of its tokens is the most probable one after the right tokens before it, which is when
    greedy decoding writes exactly this completion. It has no margin and no error norm. An example
    without a token of completion has no value.
    """

    name = NAME
    auto_class = "AutoModelForCausalLM"
    encoding: Encoding = "values"
    needs_gold = True
    new_head = False

    def load(self, config: DataConfig) -> TaskData:
        """Prompts, completions and, where they are named, groups."""
        return load_completions(config)

    def tokenize(self, dataset: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
        """Prompt, completion and the end in one sequence; the prompt is not in the labels."""
        from ftft.tasks.completions import encode_completions

        return encode_completions(dataset, tokenizer, max_length=max_length)

    def collator(self, tokenizer: Any, multiple: int | None) -> Any:
        """Pad on the right, labels with what the loss leaves out."""
        from ftft.tasks.completions import PadCompletions

        return PadCompletions(tokenizer, multiple)

    def configure(self, config: Any, outputs: Sequence[str]) -> None:
        """The vocabulary is the head; only outputs by name are wanted."""
        for part in {id(one): one for one in (config, config.get_text_config())}.values():
            part.return_dict = True
            part.output_hidden_states = part.output_attentions = False

    def as_inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """As they are."""
        return dict(batch)

    def loss(self, outputs: Any, labels: Any, num_items: Any, smoothing: float) -> Any:
        """Cross-entropy over the tokens of the completions."""
        from ftft.tasks.token_losses import reduce_tokens

        reduced = reduce_tokens(outputs, labels, smoothing)
        total = reduced.loss.sum()
        return total / (reduced.count.sum().clamp(min=1) if num_items is None else num_items)

    def recorded(self, outputs: Any, labels: Any) -> Any:
        """Values (n, 6); all NaN where no token of a completion is left."""
        from ftft.tasks.token_losses import completion_values, reduce_tokens

        reduced = reduce_tokens(outputs, labels)
        return completion_values(reduced.nll, reduced.count, reduced.right, reduced.probability)

    def predictions(self, outputs: Any, labels: Any) -> Any:
        """(n, 3): the summed loss of a completion, its tokens, and how many of them are right."""
        import torch

        from ftft.tasks.token_losses import reduce_tokens

        reduced = reduce_tokens(outputs, labels)
        return torch.stack([reduced.nll, reduced.count, reduced.right], dim=1)

    def score(self, dataset: LabelledDataset, predictions: npt.NDArray[Any], at: str) -> SetScores:
        """Exact match, token accuracy and inverse perplexity; higher is better, in [0, 1].

        Exact match is the share of the completions that greedy decoding would write exactly, end
        included: As long as every token is the right one, decoding continues from the right tokens,
        so one pass over the gold completion says the same. Token accuracy and inverse perplexity
        are over all tokens of the set.
        """
        summed = predictions.astype(np.float64)
        if not np.isfinite(summed).all():
            row = int(np.flatnonzero(~np.isfinite(summed).all(axis=1))[0])
            raise DynamicsError(
                f"{at}: the loss of example {dataset.example_ids[row].as_py()!r} is not a finite "
                f"number. {DIVERGED}"
            )
        loss, tokens, right = summed.T

        def measure(rows: npt.NDArray[np.bool_]) -> dict[str, float]:
            known = tokens[rows] > 0
            total = max(1.0, float(tokens[rows].sum()))
            return {
                "exact_match": float(((right[rows] == tokens[rows]) & known).mean()),
                "token_accuracy": float(right[rows].sum()) / total,
                "inverse_perplexity": float(np.exp(-loss[rows].sum() / total)),
            }

        return by_slice(measure, len(dataset), dataset.slice_columns())

    def floor(self, datasets: Sequence[LabelledDataset]) -> None:
        """None: nothing is right without learning."""

    def recorder(self, train: LabelledDataset) -> dict[str, Any]:
        """Groups, where there are any."""
        known: dict[str, Any] = {"chance": 0.0, "measures": MEASURES[1:]}
        if train.class_names:
            known |= {"labels": train.labels, "class_names": train.class_names}
        return known

    def shown(self, dataset: LabelledDataset) -> list[Any]:
        """Prompt and completion."""
        return dataset.shown

    def check_model(self, model: Any, dataset: LabelledDataset, folder: Path) -> None:
        """Any vocabulary will do: the tokenizer is the model's own."""


CAUSAL_LM: Task = CausalLM()
