"""A study as runs that can be shown side by side: one for each setting of FTFT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path

from ftft.config.load_study import load_asked
from ftft.config.methods import METHODS
from ftft.config.study import PLACES
from ftft.data.dataset import TaskData
from ftft.errors import FtftError, WorkspaceError
from ftft.report.views import shows_slices
from ftft.results.aggregate import setting_names
from ftft.results.read import Results, read_run
from ftft.results.run import Cell, RunResult, cell_of
from ftft.tasks import load_data
from ftft.workspace.layout import RESULTS_NAME, STUDY_NAME, in_study

MOST_PARTS = 24
"""As many settings as a page can show; the tables of a study hold all."""

STUDY = "study"
"""Key of a part's values: the folder of its study."""


def read_folders(path: Path) -> list[Results]:
    """Read a run, or each data set of a study that has results.

    Raises:
        WorkspaceError: There are none, or they cannot be read.
    """
    below = sorted(one.parent for one in path.glob(f"*/{RESULTS_NAME}") if in_study(one.parent))
    return [read_run(one) for one in below] or [read_run(path)]


def parts(folders: Sequence[Results]) -> tuple[list[Results], list[str]]:
    """Split what holds several settings of FTFT into runs that hold one.

    Args:
        folders: Runs, and data sets of studies.

    Returns:
        The runs as they are, and of data sets of a study the first settings; notes on what is left
        out, a sentence each.

    Raises:
        WorkspaceError: A folder has no finished run of FTFT.
    """
    found: list[Results] = []
    for folder in folders:
        if not in_study(folder.folder):
            found.append(folder)
            continue
        cells = list(dict.fromkeys(cell_of(run) for run in folder.runs if run.method == "ftft"))
        if not cells:
            raise WorkspaceError(
                f"{folder.folder}: no FTFT is finished here yet; give the same ftft study again, "
                "then this one."
            )
        names = setting_names(folder.name, cells)
        found += [_part(folder, cell, names[cell]) for cell in cells]
    if len(found) <= MOST_PARTS:
        return found, []
    note = (
        f"{len(found) - MOST_PARTS} of {len(found)} settings are left out, since a page shows "
        f"{MOST_PARTS} at most; study.md in the folder of the study has all. Give the folder of "
        "one data set, or ask the study for less, to see others."
    )
    return found[:MOST_PARTS], [note]


def data_of(folder: Results, notes: list[str], *, texts: bool = True) -> TaskData | None:
    """The data that a data set's results were made from; None, with a note, where they changed.

    Args:
        folder: A data set of a study.
        notes: Receives why its texts and slices are left out.
        texts: Whether its texts are shown. Without them, data that show nothing else are not read.
    """
    name = folder.folder.name
    without = f"{folder.name} is shown without {'texts and slices' if texts else 'slices'}"
    try:
        study = load_asked(folder.folder.parent / STUDY_NAME)
        asked = study.experiment(name) if name in study.data else None
        if asked is not None and not texts and not shows_slices(asked):
            return None
        data = None if asked is None else load_data(asked)
    except FtftError as error:
        notes.append(
            f"{without}, as its data cannot be read: {error} --rows names an experiment file of "
            "these data."
        )
        return None
    if data is None or data.fingerprint != folder.values["data"]["fingerprint"]:
        notes.append(f"{without}, as its data have changed since the study was run.")
        return None
    return data


def _part(folder: Results, cell: Cell, name: str) -> Results:
    runs = tuple(run for run in folder.runs if _belongs(cell_of(run), cell))
    ftft = next(run for run in runs if run.method == "ftft")
    values = {
        **folder.values,
        STUDY: str(folder.folder.parent),
        "places": _places(folder.folder, cell, ftft),
    }
    return replace(folder, values=values, runs=runs).renamed(name)


def _belongs(one: Cell, to: Cell) -> bool:
    if one.method == "ftft":
        return one == to
    shared = ("main", *METHODS[one.method].varies)
    return all(getattr(one, field) == getattr(to, field) for field in shared)


def _places(folder: Path, cell: Cell, run: RunResult) -> dict[str, str]:
    """Kind of stage to its folder below the data set's, as ``ftft.study.grid`` has them."""
    named = f"{cell.selection}-" if cell.selection else ""
    drawn = f"{named}{cell.strategy}-{cell.fraction:{PLACES}}"
    chosen = Path("selection", cell.main, str(cell.reference))
    at = f"seed-{run.seed}"
    # The budget ends the name; results say it only where a study has several.
    budget = "*" if cell.budget is None else f"{cell.budget:{PLACES}}"
    pattern = f"{escape(str(chosen))}/{escape(drawn)}-{budget}/{at}"
    matches = sorted(folder.glob(pattern)) or [folder / chosen / drawn / at]
    place = matches[0].parent.relative_to(folder)
    return {
        # With selections by name each has a map of its own.
        "map": Path("map", *place.parts[1:]).as_posix() if named else f"map/{cell.reference}",
        "reference": f"reference/{cell.reference}",
        "selection": place.as_posix(),
        "erm": f"erm/{cell.main}",
        "dm-map": f"dm-map/{cell.main}/{drawn}",
        "dm-selection": f"dm-selection/{cell.main}/{drawn}",
    }
