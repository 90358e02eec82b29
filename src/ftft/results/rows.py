"""Runs of several folders, put together so that they can be distinguished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from ftft.config.methods import METHODS
from ftft.results.aggregate import Cell, Row, aggregate, cell_of
from ftft.results.read import RunFolder, RunResult
from ftft.transfer.reading import names_apart


def rows_of(folders: Sequence[RunFolder]) -> tuple[Row, ...]:
    """The rows of a comparison: the seeds of each method together, over all folders.

    Args:
        folders: Finished runs. Where two of them hold the same method with the same models and
            seed, they differ in something else, such as the budget; the names of the folders then
            tell their rows apart.

    Returns:
        The rows, in the order of tables.
    """
    return aggregate([run for folder in folders for run in folder.runs], _key(folders))


def runs_by_cell(folders: Sequence[RunFolder]) -> dict[Cell, list[RunResult]]:
    """The runs behind each of the rows of :func:`rows_of`, in the same order."""
    key = _key(folders)
    grouped: dict[Cell, list[RunResult]] = {row.cell: [] for row in rows_of(folders)}
    for folder in folders:
        for run in folder.runs:
            grouped[key(run)].append(run)
    return grouped


def cell_names(cells: Sequence[Cell]) -> dict[Cell, str]:
    """Short names of cells: the method, and of the rest what distinguishes them."""
    names = {}
    for cell in cells:
        alike = [other for other in cells if other.method == cell.method]
        parts = [METHODS[cell.method].brief]
        for field in ("experiment", "main", "reference", "strategy", "fraction", "variant"):
            value = getattr(cell, field)
            if value and len({getattr(other, field) for other in alike}) > 1:
                parts.append(f"{value:.3g}" if isinstance(value, float) else str(value))
        names[cell] = ", ".join(parts)
    return names


def _key(folders: Sequence[RunFolder]) -> Callable[[RunResult], Cell]:
    """What distinguishes runs: their cell, and the folder where that is not enough."""
    every = [run for folder in folders for run in folder.runs]
    times = Counter((cell_of(run), run.seed) for run in every)
    repeated = {cell for (cell, _), count in times.items() if count > 1}
    paths = list(dict.fromkeys(run.folder for run in every))
    names = dict(zip(paths, names_apart(paths), strict=True))

    def key(run: RunResult) -> Cell:
        cell = cell_of(run)
        return replace(cell, folder=names[run.folder]) if cell in repeated else cell

    return key


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
