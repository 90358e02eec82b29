"""Names for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ftft.results.read import RunFolder
from ftft.transfer.reading import names_apart


def told_apart(folders: Sequence[RunFolder]) -> list[RunFolder]:
    """Runs whose names differ: those of their folders where experiments are called the same."""
    names = [folder.name for folder in folders]
    if len(set(names)) == len(names):
        return list(folders)
    names = names_apart([folder.folder for folder in folders])
    return [_renamed(folder, name) for folder, name in zip(folders, names, strict=True)]


def _renamed(folder: RunFolder, name: str) -> RunFolder:
    runs = tuple(replace(run, experiment=name) for run in folder.runs)
    return replace(folder, values={**folder.values, "experiment": name}, runs=runs)


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage."""
    return f"{share * 100:.{digits}f}%"


def points(difference: float) -> str:
    """A difference of scores in points, with its sign; a minus sign proper."""
    shown = f"{difference * 100:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")
