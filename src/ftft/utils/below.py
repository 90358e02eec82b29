"""What lies further below in a folder, for messages that say which path to give instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_DEEPEST = 4
"""Levels between a folder of several runs and a file of a stage."""

_MOST = 4

# Folders of the stages of baselines, which fewer people mean than FTFT's own.
_BASELINE = re.compile(r"(erm|dm|random)([-_]|$)")


def files_below(folder: Path, name: str) -> list[Path]:
    """The files of a name in a folder and below it; hidden folders are left out.

    Those of baselines come last.

    Args:
        folder: Where to look.
        name: Of the files.
    """
    try:
        found = [
            (any(map(_BASELINE.match, parts)), path)
            for depth in range(_DEEPEST + 1)
            for path in folder.glob(f"{'*/' * depth}{name}")
            for parts in [path.relative_to(folder).parts]
            if path.is_file() and not any(part.startswith(".") for part in parts)
        ]
    except OSError:  # a name that is too long, or a folder that may not be read
        return []
    return [path for _, path in sorted(found)]


def one_of(paths: Sequence[Path]) -> str:
    """Name the first paths, and say whether there are others."""
    more = " or another one" if len(paths) > _MOST else ""
    return " or ".join(str(path) for path in paths[:_MOST]) + more
