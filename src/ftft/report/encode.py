"""Data inside a page: compressed blocks, and JSON that cannot end its element."""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

LEVEL = 6

# What could end a script element, start a comment in it, or break a line of JavaScript.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def packed(content: bytes) -> str:
    """Bytes, compressed, as base64 text; the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, LEVEL, mtime=0)).decode("ascii")


def packed_list(values: list[Any]) -> str:
    """A list as compressed JSON in base64."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair is no UTF-8; a page shows it as a question mark.
    return packed(text.encode("utf-8", "replace"))


def page_json(values: Any) -> str:
    """JSON to stand in a script element: no text in it can end the element.

    NaN and infinities, for which JSON has no word, become null.
    """
    text = json.dumps(_finite(values), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _UNSAFE.items():
        text = text.replace(character, escape)
    return text.encode("utf-8", "replace").decode("utf-8")


def _finite(values: Any) -> Any:
    if isinstance(values, float):
        return values if math.isfinite(values) else None
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    return [_finite(value) for value in values] if isinstance(values, list | tuple) else values
