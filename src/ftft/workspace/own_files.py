"""What a run or a study wrote for itself, which no other output may replace."""

from __future__ import annotations

import os
from pathlib import Path

from ftft.errors import DynamicsError, FtftError, WorkspaceError
from ftft.utils.atomic import check_free
from ftft.workspace.layout import (
    RUN_NAMES,
    STUDY_NAMES,
    is_run_folder,
    is_study_folder,
)
from ftft.workspace.lock import LOCK_NAME
from ftft.workspace.stage_record import RECORD_NAME, read_record


def check_output(
    path: Path, *, overwrite: bool = False, error: type[FtftError] = DynamicsError
) -> None:
    """Check that a file can be written to ``path``: it is free, and no file of a run or a study.

    Args:
        path: Where the file is to be written.
        overwrite: Whether a file that is there may be replaced; one of a run never is.
        error: What to raise.

    Raises:
        FtftError: It cannot; of the given class.
    """
    # First, since the other check would advise --overwrite.
    if owner := _owner_of(path):
        raise error(
            f"{path} is a file of {owner}, which needs it as it is; choose another name for the "
            "output."
        )
    check_free(path, overwrite=overwrite, error=error)


def _owner_of(path: Path) -> str | None:
    """The run, study or stage that a file belongs to, in words; None where there is none."""
    try:
        folder = path.parent.resolve()
        if path.name in (*RUN_NAMES, LOCK_NAME) and is_run_folder(folder):
            return f"the run in {folder}"
        if path.name in (*STUDY_NAMES, LOCK_NAME) and is_study_folder(folder):
            return f"the study in {folder}"
        for stage in (folder, *folder.parents):
            if os.path.isfile(stage / RECORD_NAME):
                is_own = _is_of_stage(folder / path.name, stage)
                return f"the stage in {stage}" if is_own else None
    except OSError:  # a name that is too long, or a folder that may not be read
        pass
    return None


def _is_of_stage(path: Path, stage: Path) -> bool:
    """Whether a file is one that a stage wrote; of an unfinished one, whether it is there."""
    name = path.relative_to(stage).as_posix()
    if name == RECORD_NAME:
        return True
    try:
        record = read_record(stage, stage.name) or {}
    except WorkspaceError:
        record = {}  # damaged: nobody knows what it wrote
    if record.get("status") == "finished":
        return name in record.get("outputs", {})
    return os.path.lexists(path)
