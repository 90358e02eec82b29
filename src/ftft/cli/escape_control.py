"""Text from data, made harmless for a terminal."""

from __future__ import annotations

import unicodedata

# What turns the direction of text, so that a line shows something else than it holds.
_BIDI = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def inert(text: str) -> str:
    """Write control characters, such as ESC, out as Python would; line breaks stay.

    Ids, class names, texts and file names come from files that others wrote; an escape
    sequence in one could recolour, rewrite or clear what is on the screen.
    """
    return "".join(repr(character)[1:-1] if _acts(character) else character for character in text)


def _acts(character: str) -> bool:
    if character == "\n" or (" " <= character <= "~"):
        return False
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in _BIDI
    )
