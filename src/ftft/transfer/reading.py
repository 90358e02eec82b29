"""What is compared: maps from files and folders."""

from __future__ import annotations

import os
from pathlib import Path

from ftft.cartography.burn_in import AUTO, BurnIn
from ftft.cartography.datamap import DataMap, checked_fraction
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME, check_kind, file_in
from ftft.dynamics.header import HEADER_NAME, read_header
from ftft.dynamics.store import read_dynamics
from ftft.dynamics.values import FIRST_MEASURE
from ftft.errors import DynamicsError
from ftft.utils.below import one_of

# Where a training's dynamics are below a stage, a run, and the data set or folder of a study.
_RECORDED = tuple(f"{'*/' * depth}seed-*/dynamics/{HEADER_NAME}" for depth in range(4))


def read_map(
    path: Path, burn_in: BurnIn = AUTO, fraction: float = 0.33, measure: str = FIRST_MEASURE
) -> DataMap:
    """Read a map, or draw it from a dynamics folder or the folder of a training that holds one.

    Args:
        path: A ``map.parquet``, a folder with one or a run with one seed, a dynamics folder, or a
            folder with ``dynamics/`` in it.
        burn_in: First recording points left out, or ``auto``, where it is drawn.
        fraction: Share of the examples called ambiguous, where it is drawn.
        measure: What counts as the probability of a right answer, where it is drawn.

    Raises:
        DynamicsError: It is none of these, or damaged.
    """
    given = map_file(path)
    if given is not None or not os.path.isdir(path):
        return DataMap.read(given or path)
    checked_fraction(fraction, "The selected fraction")
    dynamics = read_dynamics(dynamics_folder(path)).measured_by(measure)
    return DataMap.from_dynamics(dynamics, burn_in=burn_in, region_fraction=fraction)


def check_map(path: Path) -> None:
    """Check that :func:`read_map` finds a map or dynamics, without reading their rows.

    Raises:
        DynamicsError: It does not.
    """
    given = map_file(path)
    if given is not None or not os.path.isdir(path):
        check_kind(given or path, "map")
    else:
        check_dynamics_folder(path)


def check_dynamics_folder(path: Path) -> Path:
    """The dynamics folder that is meant, once its header has been read.

    Raises:
        DynamicsError: There is none.
    """
    folder = dynamics_folder(path)
    read_header(folder)
    return folder


def map_file(path: Path) -> Path | None:
    """The file of a map that is meant, itself or in a folder; None where it is dynamics."""
    found = file_in(path, "map")
    if found != path:
        return found
    return path if path.suffix == ".parquet" and not os.path.isdir(path) else None


def dynamics_folder(path: Path) -> Path:
    """The dynamics folder that is meant: itself, ``dynamics`` in it, or a run's only reference.

    Raises:
        DynamicsError: It is the folder of a run or a study, which holds those of its trainings,
            or of a map, or a file.
    """
    inside = path / "dynamics"
    # os.path's answer is no where a name is too long; that of Path is an OSError.
    if os.path.isdir(inside):
        return inside
    if os.path.isfile(path) and path.suffix == ".parquet":
        raise DynamicsError(
            f"{path} is a file of a map or a selection, where the folder of training dynamics was "
            "expected; give the folder of the training, such as reference/seed-0 of a run."
        )
    if os.path.isfile(path):
        raise DynamicsError(
            f"{path} is a file, where the folder of training dynamics was expected; give the "
            "folder of the training, such as reference/seed-0 of a run, or bring the dynamics of "
            "another tool here with `ftft import`."
        )
    if os.path.isdir(path) and not os.path.isfile(path / HEADER_NAME):
        found = (header for pattern in _RECORDED for header in path.glob(pattern))
        folders = (header.parent.parent for header in found)
        # A reference first: of ERM's dynamics, which DM reads, fewer people think.
        first = sorted(folders, key=lambda one: ("reference" not in one.parts, one))
        references = [one for one in first if one.parent == path / "reference"]
        if len(references) == 1:
            return references[0] / "dynamics"
        if first:
            raise DynamicsError(
                f"{path} is the folder of a run or a study, where that of one training was "
                f"expected; give {one_of(first)}."
            )
        for name in (MAP_NAME, SELECTION_NAME):
            if os.path.isfile(path / name):
                raise DynamicsError(
                    f"{path} holds {name} and no training dynamics; give the folder of the "
                    "training that the map was drawn from, such as reference/seed-0 of the run."
                )
    return path
