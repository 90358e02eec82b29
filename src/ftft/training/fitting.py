"""Whether a model fits its tokenizer and the data's classes, found out without its weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from transformers.initialization import no_init_weights
from transformers.trainer_utils import align_special_tokens

from ftft.config.schema import FineTuning
from ftft.data.encode import MODEL_INPUTS
from ftft.errors import ModelError, first_line
from ftft.tasks.base import Task
from ftft.tasks.causal_lm import CAUSAL_LM
from ftft.tasks.classification import CLASSIFICATION
from ftft.tasks.completions import end_token
from ftft.tasks.outputs import auto_model
from ftft.training.adapters import add_adapter, require_peft
from ftft.training.attention import check_attention
from ftft.training.decoders import check_decoder
from ftft.training.head import head_weights, output_order, refuse_lost
from ftft.training.indices import EnoughError, NoRowError, RealIndices
from ftft.training.models import (
    explained,
    load_config,
    load_tokenizer,
    model_fingerprint,
    quiet,
    resolve_model,
)
from ftft.training.quantized import require_bitsandbytes
from ftft.training.weights import weight_names

# Tokenizers without a stated limit give a number like 1e30.
_NO_LIMIT = 10**6

_fitting: set[Hashable] = set()


def check_head(
    settings: FineTuning, class_names: Sequence[str], task: Task = CLASSIFICATION
) -> None:
    """Check that the head that a model comes with is there and one for these classes.

    Of a model on the hub, whose weights may not have been fetched, only its classes are checked.

    Raises:
        ModelError: It is for others, or its weights are not in the model's folder.
    """
    output_order(load_config(settings), class_names, settings.model)
    folder = Path(resolve_model(settings.model))
    if folder.is_dir():
        found = weight_names(folder, settings.model)
        refuse_lost(set(head_weights(_empty_model(settings, task))) - found, settings.model)


def check_model(settings: FineTuning, *, texts: int = 2, task: Task = CLASSIFICATION) -> None:
    """Check that a model can be fed with batches of as many tokens as it may be given.

    Args:
        settings: The model and its maximum length.
        texts: Texts in an example, 1 or 2.
        task: What the model is for.

    Raises:
        ModelError: It cannot, or cannot be loaded, or its adapter does not fit it.
    """
    # A run looks at the same model several times, and at what it found before. The name counts
    # too: a hub model may have no commit that distinguishes it.
    chosen = (settings.model, settings.layers, settings.max_length, texts, task.name)
    further = (settings.trust_remote_code, repr(settings.adapter), settings.quantization)
    attention = (settings.attn_implementation, settings.precision)
    key = (*model_fingerprint(settings).items(), *chosen, *further, *attention)
    if key in _fitting:
        return
    if settings.adapter is not None:
        require_peft(settings.model)
        require_bitsandbytes(settings.quantization, settings.model)
    tokenizer = load_tokenizer(settings)
    if task.name == CAUSAL_LM.name:
        check_decoder(load_config(settings), settings.model)
        end = end_token(tokenizer, settings.model)
        if tokenizer.pad_token is None:
            # As its batches do; the mask and the labels leave padding out.
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(end)
    if tokenizer.pad_token is None:
        raise ModelError(
            f"model {settings.model}: its tokenizer has no padding token, so texts cannot be put "
            "into batches; save the tokenizer with one, or name another model."
        )
    stated = getattr(tokenizer, "model_max_length", math.inf)
    if settings.max_length > stated and stated < _NO_LIMIT:
        raise _too_long(settings, max(int(stated), 1), "its tokenizer states")
    with quiet():
        network = _Network(settings, tokenizer, texts, task)
        network.check_padding()
        if not network.takes_all(settings.max_length):
            network.check_tokens()
            network.check_length(settings.max_length)
        check_attention(settings, network.model)
        if settings.adapter is not None:
            add_adapter(network.model, settings.adapter, task, settings.model)
    _fitting.add(key)


def _too_long(settings: FineTuning, limit: int, source: str) -> ModelError:
    return ModelError(
        f"model {settings.model}: max_length is {settings.max_length}, but the model takes "
        f"{limit} tokens at most, as {source}; lower max_length, or name another model."
    )


def _empty_model(settings: FineTuning, task: Task) -> Any:
    """A model whose weights are on the ``meta`` device; its buffers are real."""
    config = load_config(settings)
    with explained(settings.model), no_init_weights(), init_empty_weights(include_buffers=False):
        made = auto_model(task).from_config(
            config,
            trust_remote_code=settings.trust_remote_code,
            # The only one that any network has and that runs without weights.
            attn_implementation="eager",
        )
        return made.eval()


class _Network:
    """A network without weights and its tokenizer."""

    def __init__(self, settings: FineTuning, tokenizer: Any, texts: int, task: Task) -> None:
        self.settings, self.tokenizer, self.task = settings, tokenizer, task
        self.name = settings.model
        self.model = _empty_model(settings, task)
        # As the Trainer does before it trains.
        align_special_tokens(self.model, tokenizer)
        example = tokenizer(*["a"] * texts)
        taken = inspect.signature(self.model.forward).parameters
        self.columns = [name for name in MODEL_INPUTS if name in example and name in taken]
        self.example = {name: list(example[name]) for name in MODEL_INPUTS if name in example}
        self.batch: dict[str, torch.Tensor] = {}
        self.known: set[int] = {*tokenizer.get_vocab().values(), *tokenizer.all_special_ids}

    def run(self, ids: Sequence[int], length: int) -> Exception | None:
        """What becomes of a batch of a text with these tokens and a short one.

        Args:
            ids: Token ids, put into the tokenizer's own encoding of a short text.
            length: Tokens of the longer text.
        """
        short = self.example
        more = max(0, length - len(short["input_ids"]))
        fill = {"input_ids": [ids[i % len(ids)] for i in range(more)], "attention_mask": [1] * more}
        first = {name: short[name][:1] for name in short}
        text = {name: [*first[name], *fill.get(name, first[name] * more)] for name in short}
        long = {name: text[name] + short[name][1:] for name in short}
        multiple = 8 if torch.cuda.is_available() else None
        batch = self.tokenizer.pad([long, short], return_tensors="pt", pad_to_multiple_of=multiple)
        self.batch = {name: batch[name] for name in self.columns}
        try:
            with torch.no_grad(), RealIndices():  # type: ignore[no-untyped-call]  # torch's
                self.model(**self.task.as_inputs(self.batch))
        except EnoughError:
            return None
        # Any exception: what a network raises without weights differs from one to the next.
        except Exception as error:
            return error
        return None

    def takes_all(self, length: int) -> bool:
        """Whether one batch that has all there is to refuse is taken.

        It has the least and the largest token id, and the full length. Where it is refused, or
        could hide something, the checks one by one find out what.
        """
        extremes = [min(self.known), max(self.known)]
        if length < len(self.example["input_ids"]) + len(extremes):
            return False
        # Padding takes no position there, and the longest text would seem shorter.
        if self._counted_from() and self.tokenizer.pad_token_id in extremes:
            return False
        return self.run(extremes, length) is None

    def _counted_from(self) -> list[int]:
        """The padding tokens from which the network counts positions; none where it does not."""
        tables = (
            (place, getattr(table, "padding_idx", None))
            for place, table in self.model.named_modules()
        )
        return [own for place, own in tables if "position" in place and own is not None]

    def check_padding(self) -> None:
        """Refuse another padding token than the one from which the network counts positions."""
        pad = self.tokenizer.pad_token_id
        for own in self._counted_from():
            if own != pad:
                raise ModelError(
                    f"model {self.name}: its tokenizer pads with id {pad}, but the network counts "
                    f"positions by the padding id {own}; save the tokenizer that belongs to the "
                    "model beside it, or set pad_token_id in config.json if that is what is wrong."
                )

    def check_tokens(self) -> None:
        """Refuse token ids, type ids and short texts that the network has no rows for."""
        ids = sorted({min(self.known), max(self.known), self.tokenizer.pad_token_id})
        problem = self.run(ids, len(self.example["input_ids"]) + len(ids))
        if isinstance(problem, NoRowError):
            raise ModelError(f"model {self.name}: {self._unfitting(problem)}") from problem

    def check_length(self, length: int) -> None:
        """Refuse batches that the network refuses, and more tokens than it has positions for."""
        encoded = self.example["input_ids"]
        special = self.tokenizer.all_special_ids
        words = [one for one in encoded if one not in special] or encoded
        fits, fails = len(encoded), max(length, len(encoded))
        if self.run(words[:1], fails) is None:
            return
        usual = self.run(words[:1], fits)
        if isinstance(usual, ValueError):
            raise ModelError(
                f"model {self.name}: its network refuses a batch of two short texts: "
                f"{first_line(usual)}. Correct its config.json, or name another model."
            ) from usual
        if not self._fails(words[:1], fails, usual):
            return
        while fails - fits > 1:
            middle = (fits + fails) // 2
            if self._fails(words[:1], middle, usual):
                fails = middle
            else:
                fits = middle
        raise _too_long(self.settings, fits, "its network has positions for")

    def _unfitting(self, problem: NoRowError) -> str:
        row, rows = problem.row, problem.rows
        start = "its tokenizer and its network do not fit: "
        types = self.batch.get("token_type_ids")
        # Sorted, since some networks turn their inputs round.
        if types is not None and torch.equal(*(_sorted(one) for one in (types, problem.asked))):
            return (
                f"{start}the tokenizer gives the text type {row}, but the network has {rows} types "
                "(type_vocab_size); save the tokenizer without token_type_ids among its "
                "model_input_names, or name another model."
            )
        if bool((self.batch["input_ids"] == row).any()):
            lost = sum(not 0 <= one < rows for one in self.known)
            token = self.tokenizer.convert_ids_to_tokens(row)
            what = "the padding token" if row == self.tokenizer.pad_token_id else "a token"
            return (
                f"{start}{what} {token!r} has id {row}, but the network's table has {rows:,} rows "
                f"({lost:,} tokens have none); name a model with the tokenizer that belongs to it, "
                "or give the network a row for each with resize_token_embeddings and save both."
            )
        return (
            f"{start}a short text needs row {row} of a table of {rows} rows "
            "(positions, or a special token that config.json names); correct config.json, or name "
            "another model."
        )

    def _fails(self, ids: Sequence[int], length: int, usual: Exception | None) -> bool:
        # What cannot be run without weights fails at any length, and says nothing.
        problem = self.run(ids, length)
        return problem is not None and type(problem) is not type(usual)


def _sorted(indices: torch.Tensor) -> torch.Tensor:
    return indices.flatten().sort().values
