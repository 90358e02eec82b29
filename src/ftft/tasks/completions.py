"""Prompts and completions as token ids, and batches of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from ftft.data.chats import MESSAGES, whole_chat
from ftft.data.completions import COMPLETION, PROMPT
from ftft.data.dataset import LabelledDataset
from ftft.data.encode import IGNORED_LABEL, INDEX_COLUMN, EncodedDataset, with_lengths
from ftft.data.messages import listed, short
from ftft.errors import DataError, ModelError, first_line
from ftft.utils.plural import counted

_AROUND = 8


def end_token(tokenizer: Any, name: str | None = None) -> int:
    """The id of the token that ends a completion.

    Raises:
        ModelError: The tokenizer has none.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"model {name or tokenizer.name_or_path}: its tokenizer has no token that ends a text "
            "(eos_token), so the model cannot learn where a completion ends; save the tokenizer "
            "with one, or name another model."
        )
    return int(tokenizer.eos_token_id)


def encode_completions(
    labelled: LabelledDataset, tokenizer: Any, *, max_length: int
) -> EncodedDataset:
    """Tokenise prompts and completions once, without padding.

    Prompt and completion are tokenised apart, so that a token never holds a part of both, and
    joined; what the tokenizer puts before a text stays before the prompt. The tokenizer's end
    token follows. A chat is written with the tokenizer's chat template; what that writes from
    the assistant's last words on is the completion. What is longer than ``max_length`` is cut
    at its end.

    Args:
        labelled: N examples.
        tokenizer: A ``transformers`` tokenizer with an end token.
        max_length: Tokens kept of an example.

    Returns:
        The encoded data set, in the same order; ``labels`` are the token ids, -100 in the prompt.

    Raises:
        DataError: A prompt leaves no room for a token of its completion, or the chat template
            refuses a chat.
        ModelError: The tokenizer has no end token, or there are chats and it has no template.
    """
    encoded = _encoded(labelled, tokenizer, max_length)
    lost = _lost(encoded, max_length)
    if lost:
        raise DataError(
            f"data set {labelled.name!r}: {no_room(len(lost), max_length)}: {listed(lost)}. "
            "Raise max_length, or take these rows out of the data."
        )
    return encoded


def no_room(count: int, max_length: int) -> str:
    """What is wrong with so many examples."""
    return (
        f"the prompts of {counted(count, 'example')} have max_length ({max_length}) tokens or "
        "more, so that no token of a completion is left to learn"
    )


def _encoded(labelled: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
    end = end_token(tokenizer)
    closing = {end, tokenizer.sep_token_id} - {None}

    def tokenise(batch: dict[str, list[str]]) -> dict[str, Any]:
        prompts, completions = _token_ids(batch, tokenizer)
        rows: dict[str, Any] = {"input_ids": [], "attention_mask": [], "labels": []}
        chats = batch.get(MESSAGES, [""] * len(prompts))
        for prompt, completion, chat in zip(prompts, completions, chats, strict=True):
            while not chat and len(prompt) > 1 and prompt[-1] in closing:
                prompt.pop()
            # A template writes its end itself, and may write a line break after it.
            ending = [] if chat and end in completion else [end]
            ids = [*prompt, *completion, *ending][:max_length]
            before = min(len(prompt), len(ids))
            rows["input_ids"].append(ids)
            rows["attention_mask"].append([1] * len(ids))
            rows["labels"].append([IGNORED_LABEL] * before + ids[before:])
        return rows

    texts = [PROMPT, COMPLETION, *([MESSAGES] if MESSAGES in labelled.table.column_names else [])]
    rows = labelled.rows.select_columns(texts).map(
        tokenise,
        batched=True,
        remove_columns=texts,
        keep_in_memory=len(labelled) <= 100_000,
        desc=f"tokenise {labelled.name}",
    )
    return with_lengths(labelled, rows)


def _token_ids(batch: dict[str, list[str]], tokenizer: Any) -> tuple[list[Any], list[Any]]:
    """Token ids of prompts and of completions."""
    prompts, completions = batch[PROMPT], batch[COMPLETION]
    chats = batch.get(MESSAGES, [""] * len(prompts))
    if any(chats):
        pairs = [
            _written(tokenizer, chat, completion) if chat else (prompt, completion)
            for chat, prompt, completion in zip(chats, prompts, completions, strict=True)
        ]
        prompts, completions = map(list, zip(*pairs, strict=True))
    # What a template writes has the special tokens already.
    bare = tokenizer(prompts, add_special_tokens=False)["input_ids"] if any(chats) else chats
    whole = bare if all(chats) else tokenizer(prompts)["input_ids"]
    begun = [ids if chat else other for chat, ids, other in zip(chats, bare, whole, strict=True)]
    return begun, tokenizer(completions, add_special_tokens=False)["input_ids"]


def _written(tokenizer: Any, before: str, completion: str) -> tuple[str, str]:
    """A chat as the template writes it, cut before the assistant's last words."""
    name = tokenizer.name_or_path
    if not tokenizer.chat_template:
        raise ModelError(
            f"model {name}: its tokenizer has no chat template, so it cannot be known how a chat "
            "is written. Name a model that was made for chats, save the tokenizer with a "
            "chat_template, or write prompts and completions in place of messages."
        )
    chat = whole_chat(before, completion)
    try:
        prompt = tokenizer.apply_chat_template(
            chat[:-1], tokenize=False, add_generation_prompt=True
        )
        everything = tokenizer.apply_chat_template(chat, tokenize=False)
    # A template is a program of the model's authors: it may raise anything.
    except Exception as error:
        raise DataError(
            f"model {name}: its chat template refuses the chat that ends with "
            f"{short(completion)}: {first_line(error)}. Bring the messages into the order that "
            "the model expects, or take the chat out of the data."
        ) from error
    if not everything.startswith(prompt):
        raise DataError(
            f"model {name}: its chat template writes the chat that ends with {short(completion)} "
            "otherwise than the prompt before it, so it cannot be known where the completion "
            "begins. Use another template, or write prompts and completions in place of messages."
        )
    return prompt, everything[len(prompt) :]


def without_room(labelled: LabelledDataset, tokenizer: Any, *, max_length: int) -> list[str]:
    """Ids of examples whose prompt leaves no room for a token of the completion.

    Not all examples are tokenised for it.

    Raises:
        DataError: The chat template refuses a chat.
        ModelError: The tokenizer has no end token, or there are chats and it has no template.
    """
    # A token has at least a byte, but for the few that a tokenizer puts around a text.
    size = pc.binary_length(labelled.table.column(PROMPT)).to_numpy()
    is_long = size + _AROUND >= max_length
    if MESSAGES in labelled.table.column_names:  # nobody knows how much a template adds
        is_long |= pc.not_equal(labelled.table.column(MESSAGES), "").to_numpy()
    long = labelled.example_ids.take(pa.array(np.flatnonzero(is_long)))
    if not len(long):
        return []
    return _lost(_encoded(labelled.take(long), tokenizer, max_length), max_length)


def _lost(encoded: EncodedDataset, max_length: int) -> list[str]:
    full = np.flatnonzero(encoded.lengths >= max_length)
    # A completion that is left ends the row.
    lost = [int(row) for row in full if encoded.rows[int(row)]["labels"][-1] == IGNORED_LABEL]
    return [str(encoded.labelled.example_ids[row]) for row in lost]


class PadCompletions:
    """Makes a batch: ids, mask and labels, padded on the right.

    Args:
        tokenizer: Its padding token is used; its end token where it has none.
        multiple: Lengths are padded to a multiple of this.
    """

    def __init__(self, tokenizer: Any, multiple: int | None) -> None:
        pad = tokenizer.pad_token_id
        self._fill = {
            "input_ids": end_token(tokenizer) if pad is None else int(pad),
            "attention_mask": 0,
            "labels": IGNORED_LABEL,
        }
        self._multiple = multiple or 1

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of rows."""
        longest = max(len(row["input_ids"]) for row in rows)
        length = -(-longest // self._multiple) * self._multiple
        batch = {
            name: torch.tensor([[*row[name], *[fill] * (length - len(row[name]))] for row in rows])
            for name, fill in self._fill.items()
            if name in rows[0]
        }
        if INDEX_COLUMN in rows[0]:
            batch[INDEX_COLUMN] = torch.tensor([row[INDEX_COLUMN] for row in rows])
        return batch
