"""The page of data maps that are of no run: imported ones, and those of a loop of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME
from ftft.data.dataset import LabelledDataset
from ftft.dynamics.header import HEADER_NAME
from ftft.errors import WorkspaceError
from ftft.report.html import MOST_BYTES, with_maps
from ftft.report.views import Curves, MapView, RunView, read_curves
from ftft.results.read import Results
from ftft.transfer.reading import dynamics_folder, map_file, read_map
from ftft.utils.atomic import write_text
from ftft.utils.names import names_apart
from ftft.workspace.layout import RESULTS_NAME, SUMMARY_NAME


@dataclass(frozen=True, eq=False)
class GivenMap:
    """A map to look at.

    Attributes:
        name: What to call it.
        datamap: The map.
        curves: Probabilities over the recording points; None where only the map is there.
        notes: What is missing, a sentence each.
    """

    name: str
    datamap: DataMap
    curves: Curves | None = None
    notes: tuple[str, ...] = ()


def is_map(path: Path) -> bool:
    """Whether a path is a map file, a folder with one, or dynamics; a run or study is not."""
    if any(os.path.isfile(path / name) for name in (RESULTS_NAME, SUMMARY_NAME)):
        return False
    places = (path, path / MAP_NAME, path / HEADER_NAME, path / "dynamics" / HEADER_NAME)
    return any(os.path.isfile(place) for place in places)


def read_maps(paths: Sequence[Path]) -> list[GivenMap]:
    """Read maps for :func:`write_maps`; those of dynamics are drawn, as ``ftft map`` does.

    Raises:
        DynamicsError: One is damaged, or is no map and no dynamics.
    """
    names = names_apart(paths) if len(paths) > 1 else [paths[0].name]
    return [_read(path, name) for path, name in zip(paths, names, strict=True)]


def _read(path: Path, name: str) -> GivenMap:
    if map_file(path) is not None or os.path.isfile(path):
        return GivenMap(name, read_map(path))
    folder = dynamics_folder(path)
    datamap = read_map(path)
    notes: list[str] = []
    return GivenMap(name, datamap, read_curves(folder, datamap, notes), tuple(notes))


def write_maps(
    maps: Sequence[GivenMap],
    path: Path,
    *,
    train: LabelledDataset | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Write a page to explore maps in.

    Args:
        maps: The maps, at least one.
        path: The file; one that is there is replaced.
        train: The examples, for their texts and slices.
        say: Receives a line for each thing left out and why, which the page says too.

    Returns:
        The path.

    Raises:
        WorkspaceError: The file cannot be written.
    """
    notes = [note for one in maps for note in one.notes]
    around = {"title": " and ".join(one.name for one in maps), "notes": notes}
    views = [_view(one, path, train) for one in maps]
    # The scripts look for charts, of which there are none here.
    text = with_maps("map.html.j2", around, {}, views, MOST_BYTES)
    write_text(path, text, WorkspaceError)
    if say is not None:
        for note in notes:
            say(f"note: {note}")
    return path


def _view(one: GivenMap, path: Path, train: LabelledDataset | None) -> RunView:
    """The map as if a run had drawn it, which knows nothing else."""
    run = Results(path.parent, {"experiment": one.name, "data": {"fingerprint": ""}}, ())
    selected = np.zeros(len(one.datamap), dtype=np.bool_)
    view = MapView("given", 0, one.datamap, selected, one.curves)
    return RunView(run, "", (view,), train, with_texts=True, notes=())
