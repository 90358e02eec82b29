"""What the run that a map belongs to knows of it: the dynamics it was drawn from, and the data."""

from __future__ import annotations

from pathlib import Path


def recorded_for(given: Path) -> Path | None:
    """The dynamics that the stage of a map was drawn from; None where it is of no run.

    Args:
        given: The file of the map, or the folder of its stage.
    """
    from ftft.dynamics.header import HEADER_NAME
    from ftft.workspace.layout import run_folder_of
    from ftft.workspace.stage_record import read_record

    stage = (given if given.is_dir() else given.parent).absolute()
    run = run_folder_of(stage)
    record = None if run is None else read_record(stage, stage.name)
    if run is None or record is None:
        return None
    trainings = (run / name / "dynamics" for name in record.get("read", {}))
    return next((one for one in trainings if (one / HEADER_NAME).is_file()), None)


def experiment_for(given: Path) -> Path | None:
    """The experiment file of the run that a map lies in; None where it lies in none.

    Args:
        given: The file of the map, or the folder of its stage.
    """
    from ftft.workspace.layout import EXPERIMENT_NAME, run_folder_of

    run = run_folder_of(given if given.is_dir() else given.absolute().parent)
    return None if run is None else run / EXPERIMENT_NAME
