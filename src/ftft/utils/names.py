"""Names that distinguish paths, and columns."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import takewhile
from pathlib import Path


def names_apart(paths: Sequence[Path]) -> list[str]:
    """Short names that still distinguish paths: what they have in common is left out."""
    whole = [path.absolute().parts for path in paths]
    start = _in_common(whole)
    end = _in_common([parts[start:][::-1] for parts in whole])
    names = ["/".join(parts[start : len(parts) - end]) for parts in whole]
    return names if all(names) and len(set(names)) == len(names) else [str(path) for path in paths]


def _in_common(sequences: Sequence[tuple[str, ...]]) -> int:
    """How many first parts are the same in all."""
    places = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, places))


def free_name(name: str, taken: Container[str]) -> str:
    """A column's name, or as ``original_…`` where it is taken."""
    while name in taken:
        name = f"original_{name}"
    return name
