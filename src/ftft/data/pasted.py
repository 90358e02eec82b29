"""Mappings and lists of label values as YAML that can be pasted into an experiment file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# What YAML takes for text when it stands bare, and whole numbers, which the experiment file
# takes for text. Whatever else there is stands in quotes.
_BARE = re.compile(r"[^\W\d_](?:[\w.-]*\w)?(?: [^\W\d_](?:[\w.-]*\w)?)*|-?[1-9]\d{0,14}|0")
_NOT_TEXT = frozenset({"true", "false", "null"})
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_text(value: str) -> str:
    """Write a text so that YAML reads the same text, in a list or mapping on one line."""
    if value.isascii() and _BARE.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return f'"{"".join(map(_escaped, value))}"'


def yaml_list(values: Iterable[str]) -> str:
    """Write a list on one line: ``[a, "true"]``."""
    return f"[{', '.join(map(yaml_text, values))}]"


def yaml_mapping(values: Mapping[str, str | list[str]]) -> str:
    """Write a mapping of texts to texts or lists on one line: ``{a: b, "true": [c]}``."""
    pairs = (
        f"{yaml_text(key)}: {yaml_text(value) if isinstance(value, str) else yaml_list(value)}"
        for key, value in values.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _escaped(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"
