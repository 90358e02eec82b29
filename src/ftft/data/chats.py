"""Chats: lists of messages, of which the last one, the assistant's, is the completion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ftft.config.data import DataSource
from ftft.data.lines import rows_in
from ftft.errors import DataError

MESSAGES = "messages"
"""The column of a data set with the messages before the completion, as JSON; of no chat, empty."""

_ROLES = ("system", "developer", "user", "assistant")
_WANTED = (
    'A list of messages such as [{"role": "user", "content": "…"}, {"role": "assistant", '
    '"content": "…"}] was expected, the last one the assistant\'s.'
)


@dataclass(frozen=True)
class Chats:
    """The chats of a source, one a row.

    Attributes:
        before: The messages before the last one, as JSON; they end with the user's.
        texts: The same for people to read.
        completions: What the assistant says at the end.
    """

    before: pa.Array
    texts: pa.Array
    completions: pa.Array


def read_chats(source: DataSource, cells: Sequence[str | None], rows: Sequence[int]) -> Chats:
    """Take chats apart.

    Args:
        source: Where they come from; for messages.
        cells: A list of messages each, as JSON.
        rows: The row of each in its source, from 1.

    Raises:
        DataError: A cell is no list of messages with role and content, or does not end with
            words of the assistant after another's.
    """
    problems: dict[str, list[int]] = {}
    parsed: list[list[dict[str, str]]] = []
    for row, cell in zip(rows, cells, strict=True):
        try:
            parsed.append(_messages(cell))
        except ValueError as error:
            problems.setdefault(str(error), []).append(row)
    if problems:
        found = "; ".join(f"{rows_in(source, bad)}: {what}" for what, bad in problems.items())
        raise DataError(
            f"{source.place}, column {source.label!r}: {found}. {_WANTED} Repair these rows, or "
            "take them out of the data."
        )
    return Chats(
        before=pa.array([json.dumps(one[:-1], ensure_ascii=False) for one in parsed], pa.string()),
        texts=pa.array([_readable(one[:-1]) for one in parsed], pa.string()),
        completions=pa.array([one[-1]["content"] for one in parsed], pa.string()),
    )


def whole_chat(before: str, completion: str) -> list[dict[str, str]]:
    """The messages of a chat, the completion as the last of them."""
    return [*json.loads(before), {"role": "assistant", "content": completion}]


def _messages(cell: str | None) -> list[dict[str, str]]:
    """The messages of a cell, with role and content only.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    try:
        chat = json.loads(cell or "null")
    except (ValueError, RecursionError):
        chat = None
    if not isinstance(chat, list) or not chat:
        raise ValueError("no list of messages")
    if not all(isinstance(one, dict) and _are_texts(one) for one in chat):
        raise ValueError("a message without a role and a content that are texts")
    unknown = next((one["role"] for one in chat if one["role"] not in _ROLES), None)
    if unknown is not None:
        raise ValueError(f"the role {unknown[:20]!r}, where ftft knows {', '.join(_ROLES)}")
    if chat[-1]["role"] != "assistant":
        raise ValueError("the last message is not the assistant's")
    if not chat[-1]["content"].strip():
        raise ValueError("the assistant's last message is empty")
    if len(chat) < 2 or chat[-2]["role"] == "assistant":
        raise ValueError("no message of the user before the assistant's last one")
    return [{"role": one["role"], "content": one["content"]} for one in chat]


def _are_texts(message: dict[str, Any]) -> bool:
    return all(isinstance(message.get(name), str) for name in ("role", "content"))


def _readable(chat: Sequence[dict[str, str]]) -> str:
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in chat)
