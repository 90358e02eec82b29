"""The name that a misspelt one probably stands for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def nearest(name: str, options: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return " Did you mean 'x'?" for the option most like ``name``, or nothing."""
    choices = {option.strip().lower(): option for option in options}
    found = difflib.get_close_matches(name.strip().lower(), choices, n=1, cutoff=cutoff)
    return f" Did you mean {choices[found[0]]!r}?" if found else ""


def nearest_beside(path: Path) -> str:
    """Return " Did you mean 'x'?" for what a folder holds that is most like the path's name."""
    try:
        beside = [one.name for one in path.parent.iterdir()]
    except OSError:
        return ""
    return nearest(path.name, beside)
