"""Every picture of finished runs, as files for papers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.config.methods import METHODS
from ftft.errors import FtftError, WorkspaceError
from ftft.report.map_figure import draw_map, draw_overlaps, overlap_matrix
from ftft.report.run_figures import draw_cost, draw_curves, draw_pareto
from ftft.report.selection_figure import draw_selection
from ftft.report.style import FORMATS, write_figure
from ftft.results.read import Results
from ftft.selection.selection import Selection
from ftft.utils.names import names_apart
from ftft.workspace.own_files import check_output

__all__ = [
    "draw_cost",
    "draw_curves",
    "draw_map",
    "draw_overlaps",
    "draw_pareto",
    "draw_selection",
    "overlap_matrix",
    "write_figure",
    "write_figures",
]

Picture = tuple[str, Callable[[], Figure]]
"""Name of the file, and what draws it."""

_STAGES = [method.stages["map"] for method in reversed(METHODS.values()) if method.records]


def write_figures(
    runs: Sequence[Results],
    folder: Path,
    *,
    formats: Sequence[str] = FORMATS,
    overwrite: bool = False,
) -> list[Path]:
    """Write every picture of some runs.

    ``pareto`` (cost against score), ``curves`` (learning curves against cost), ``cost`` (its
    parts); for each run ``map-seed-N`` and ``selection``; and ``overlaps`` of the maps of the same
    training set, where there are several. With several runs, the name of the run comes before the
    last ones. What a run folder no longer holds, such as a map, is not drawn.

    Args:
        runs: At least one finished run.
        folder: Where; made if it is not there.
        formats: ``png``, ``svg`` or both.
        overwrite: Replace files that are there; otherwise nothing is written where one is.

    Returns:
        The files, in the order written. The same runs give the same bytes.

    Raises:
        FtftError: There are no runs, or a format is unknown.
        WorkspaceError: A file already exists, or cannot be written.
        DynamicsError: A map or a selection is damaged.
    """
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown or not formats:
        raise FtftError(
            f"figures: {', '.join(unknown) or 'no format'} was asked for; the formats are "
            f"{' and '.join(FORMATS)}."
        )
    if not runs:
        raise FtftError("there are no runs to draw; give at least one finished run.")
    pictures = list(_pictures(runs))
    kinds = list(dict.fromkeys(formats))
    paths = {name: [folder / f"{name}.{kind}" for kind in kinds] for name, _ in pictures}
    for path in chain.from_iterable(paths.values()):
        check_output(path, overwrite=overwrite, error=WorkspaceError)
    for name, draw in pictures:
        for path in paths[name]:
            # Writing a figure settles its layout a little further: each file has one of its own.
            write_figure(draw(), path)
    return list(chain.from_iterable(paths.values()))


def _pictures(runs: Sequence[Results]) -> Iterator[Picture]:
    yield "pareto", lambda: draw_pareto(runs)
    yield "curves", lambda: draw_curves(runs)
    yield "cost", lambda: draw_cost(runs)
    for run, prefix in zip(runs, _prefixes(runs), strict=True):
        maps = _maps(run, "map")
        for path in maps:
            yield f"{prefix}map-{path.parent.name}", partial(_map, run, path)
        selected = {path: _selection(run, path) for path in maps if _selection(run, path).is_file()}
        if selected:
            yield f"{prefix}selection", partial(_selected, run, selected)
    yield from _overlaps(runs)


def _overlaps(runs: Sequence[Results]) -> Iterator[Picture]:
    """Between all maps of the same training set, the main model's own among them."""
    groups: dict[str, list[Results]] = {}
    for run in runs:
        groups.setdefault(str(run.values["data"]["fingerprint"]), []).append(run)
    for number, group in enumerate(groups.values(), start=1):
        paths = [path for run in group for stage in _STAGES for path in _maps(run, stage)]
        if len(paths) > 1:
            name = f"overlaps-{number}" if len(groups) > 1 else "overlaps"
            yield name, partial(_overlapping, group, paths)


def _map(run: Results, path: Path) -> Figure:
    return draw_map(DataMap.read(path), f"{run.name}, {path.parent.name}")


def _selected(run: Results, selected: Mapping[Path, Path]) -> Figure:
    maps = [DataMap.read(path) for path in selected]
    return draw_selection(maps, [Selection.read(path) for path in selected.values()], run.name)


def _overlapping(group: Sequence[Results], paths: Sequence[Path]) -> Figure:
    fractions = [one.fraction for run in group for one in run.runs if one.method == "ftft"]
    shared, chance = overlap_matrix([DataMap.read(path) for path in paths], *fractions[:1])
    return draw_overlaps(names_apart(paths), shared, chance, group[0].name)


def _maps(run: Results, stage: str) -> list[Path]:
    return sorted(run.folder.absolute().glob(f"{stage}/seed-*/{MAP_NAME}"), key=_seed)


def _seed(path: Path) -> int:
    number = path.parent.name.removeprefix("seed-")
    return int(number) if number.isdecimal() else 0


def _selection(run: Results, datamap: Path) -> Path:
    return run.folder / "selection" / datamap.parent.name / SELECTION_NAME


def _prefixes(runs: Sequence[Results]) -> list[str]:
    """What the names of a run's own files start with: nothing where there is only one run."""
    if len(runs) == 1:
        return [""]
    names = names_apart([run.folder for run in runs])
    plain = [re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") for name in names]
    if len(set(plain)) < len(plain):
        plain = [f"{number}-{name}" for number, name in enumerate(plain, start=1)]
    return [f"{name}-" for name in plain]
