"""Keys of a data source that stand for ``text`` and ``label``."""

from __future__ import annotations

from typing import Any


def text_and_label(values: Any) -> Any:
    """Let ``prompt`` and ``completion``, or ``messages``, stand for ``text`` and ``label``."""
    if not isinstance(values, dict) or not {"prompt", "completion", "messages"} & values.keys():
        return values
    filled = dict(values)
    column = values.get("messages")
    if column is not None:
        if any(filled.get(name) for name in ("prompt", "completion")):
            raise ValueError("'messages' holds prompts and completions; leave these two out")
        both: dict[str, Any] = {"text": [column], "label": column}
        given = [name for name in both if filled.get(name) not in (None, [], "", both[name])]
        if given:
            raise ValueError(f"'messages' and {given[0]!r} say the same; give 'messages' only")
        return {**filled, **both}
    for name, stands_for in (("prompt", "text"), ("completion", "label")):
        column = values.get(name)
        if column is None:
            continue
        usual = [column] if stands_for == "text" else column
        if filled.get(stands_for) not in (None, [], "", usual):
            raise ValueError(f"{name!r} and {stands_for!r} say the same; give one of them")
        filled[stands_for] = usual
    return filled


def without_doubles(source: dict[str, Any]) -> dict[str, Any]:
    """A source without the ``text`` and ``label`` that other keys of it stand for."""
    doubles = {"text": ("prompt", "messages"), "label": ("completion", "messages")}
    return {
        key: value
        for key, value in source.items()
        if all(source.get(one) is None for one in doubles.get(key, ()))
    }
