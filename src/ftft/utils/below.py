"""What lies further below in a folder, for messages that say which path to give instead."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

CONFIG_NAME = "config.json"
"""The file by which a model folder is known."""

_DEEPEST = 8
"""Folders between one of several studies and a file in the model of one of its cells."""

_SEARCHED = 5_000
"""Folders looked into: whoever gives a wrong folder, such as their home, does not wait."""

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
    found = [
        (any(map(_BASELINE.match, path.relative_to(folder).parts)), path)
        for path in _walk(folder, name)
    ]
    return [path for _, path in sorted(found)]


def _walk(folder: Path, name: str) -> Iterator[Path]:
    level, left = [folder], _SEARCHED
    for _ in range(_DEEPEST + 1):
        deeper: list[Path] = []
        for one in level[:left]:
            try:
                with os.scandir(one) as entries:
                    inside = sorted(entry.name for entry in entries if entry.is_dir())
                if (one / name).is_file():
                    yield one / name
            except OSError:  # a name that is too long, or a folder that may not be read
                continue
            deeper += [one / each for each in inside if not each.startswith(".")]
        left = max(0, left - len(level))
        level = deeper


def one_of(paths: Sequence[Path]) -> str:
    """Name the first paths, and say whether there are others."""
    more = " or another one" if len(paths) > _MOST else ""
    return " or ".join(str(path) for path in paths[:_MOST]) + more


def models_below(folder: Path) -> list[Path]:
    """The model folders in a folder and below it, in the order of :func:`files_below`."""
    return [file.parent for file in files_below(folder, CONFIG_NAME)]


def models_instead(models: Sequence[Path]) -> str:
    """What to say of a folder that is no model folder, after its name, and which to give instead.

    Args:
        models: Those below it.
    """
    said = f"is not a model folder (no {CONFIG_NAME})"
    if models:
        return f"{said}. Give {one_of(models)}."
    return (
        f"{said}, and none is below it. Give one such as runs/NAME/main/seed-0/model (of ftft run; "
        "of ftft train: given or erm in place of main)."
    )
