"""What a run folder must be before anything is written into it, and which one a stage is of."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ftft.errors import WorkspaceError
from ftft.utils.local import check_local
from ftft.workspace.stage_record import STAGES

EXPERIMENT_NAME, RESULTS_NAME, REPORT_NAME = "experiment.yaml", "results.json", "report.html"
STUDY_NAME, SUMMARY_NAME = "study.yaml", "study.json"
STUDY_TABLES = ("study.csv", "study.md", "study.tex")

RUN_NAMES = (EXPERIMENT_NAME, RESULTS_NAME)
"""Files of a run folder that nothing but a run may write; its report may be written anew."""

STUDY_NAMES = (STUDY_NAME, SUMMARY_NAME, *STUDY_TABLES)
"""Files of a study folder that nothing but a study may write."""

EXPERIMENT_TITLE = "# What was asked, with every default spelt out.\n"
"""The first line of the experiment.yaml that a run writes, by which it knows it again."""

STUDY_TITLE = "# A study as it was asked for.\n"
"""The first line of the study.yaml that a study writes."""

# Files by which other folders are known, into which no run may be written.
_OF_OTHERS = {"header.json": "a folder of training dynamics", "stage.json": "the folder of a stage"}


def check_foreign(folder: str | os.PathLike[str]) -> None:
    """Check that a run folder is of no study and holds no file that a run did not write.

    Raises:
        WorkspaceError: It is or does.
    """
    place = Path(folder).absolute()
    for one, how in ((place, "is"), (place.parent, "lies in")):
        if is_study_folder(one):
            raise WorkspaceError(
                f"{folder}: this {how} a study's folder, as {one / STUDY_NAME} says, and no run "
                "folder; choose another with --output or the key output."
            )
    for name, what in _OF_OTHERS.items():
        if os.path.lexists(Path(folder) / name):
            raise WorkspaceError(
                f"{folder}: is {what}, as its {name} says, and no run folder; give a new folder, "
                "or that of a run, such as runs/NAME."
            )
    files = [Path(folder) / name for name in (*RUN_NAMES, REPORT_NAME)]
    check_written_by(files[0], EXPERIMENT_TITLE, files, "run")


def check_written_by(record: Path, title: str, files: Sequence[Path], what: str) -> None:
    """Check that none of some files is there, unless a file beside them shows who wrote them.

    Args:
        record: The file that shows it.
        title: Its first line.
        files: What would be replaced.
        what: ``run`` or ``study``.

    Raises:
        WorkspaceError: One is there and was written by somebody else.
    """
    if _starts_with(record, title):
        return
    for path in files:
        if os.path.lexists(path):
            raise WorkspaceError(
                f"{path} already exists and was not written by a {what} in this folder, which "
                f"would replace it; choose another {what} folder with --output or the key output."
            )


def run_folder_of(stage: Path) -> Path | None:
    """The run folder that a stage lies in; of a study, the folder of the data set.

    Args:
        stage: Folder of the stage: ``KIND/seed-N`` below a run folder, and with names of models
            between the two below a study's.
    """
    for folder in stage.absolute().parents:
        is_run = _starts_with(folder / EXPERIMENT_NAME, EXPERIMENT_TITLE)
        if is_run or (folder / RESULTS_NAME).is_file() or in_study(folder):
            return folder
    return None


def stage_name(stage: Path) -> str:
    """The name of a stage as ``--force-stage`` takes it, such as ``main/seed-0``."""
    stage = stage.absolute()
    run = run_folder_of(stage)
    if run is None:
        return f"{stage.parent.name}/{stage.name}"
    return stage.relative_to(run.parent if in_study(run) else run).as_posix()


def in_study(run: Path) -> bool:
    """Whether a folder is that of a data set of a study."""
    return is_study_folder(run.parent)


def is_study_folder(folder: Path) -> bool:
    """Whether a study was begun in a folder."""
    return _starts_with(folder / STUDY_NAME, STUDY_TITLE)


def is_run_folder(folder: Path) -> bool:
    """Whether a run was begun in a folder, a study's of a data set included.

    It is known by its stages too, where its experiment file was changed by hand or left out.
    """
    is_begun = _starts_with(folder / EXPERIMENT_NAME, EXPERIMENT_TITLE) or in_study(folder)
    return is_begun or any(folder.glob(STAGES))


def check_foreign_study(folder: Path, data: Iterable[str]) -> None:
    """Check that a study folder holds no file that ftft did not write and would replace.

    Args:
        folder: The study folder.
        data: Names of the study's data sets, each of which has a folder in it.

    Raises:
        WorkspaceError: It does.
    """
    names = (STUDY_NAME, SUMMARY_NAME, *RUN_NAMES)
    files = [folder / name for name in (*names, *STUDY_TABLES)]
    files += [folder / one / name for one in data for name in names]
    check_written_by(folder / STUDY_NAME, STUDY_TITLE, files, "study")


def check_has_study(folder: Path, data: Iterable[str]) -> None:
    """Check that a study was run in a folder, so that its results may be put together there.

    Args:
        folder: The study folder.
        data: Names of the study's data sets.

    Raises:
        WorkspaceError: There is no such folder, or what is in it is no study's.
    """
    advice = "give the folder of a study that was run, with --output or the key output"
    if not folder.is_dir():
        raise WorkspaceError(f"{folder}: there is no such study folder; {advice}.")
    check_foreign_study(folder, data)
    if not is_study_folder(folder):
        raise WorkspaceError(f"{folder}: no study was run in this folder; {advice}.")


def _starts_with(path: Path, title: str) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(title.encode())) == title.encode()
    except OSError:
        return False


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Check that a run folder can be written, or made, without leaving a trace.

    Raises:
        WorkspaceError: It cannot.
    """
    check_local(folder, WorkspaceError)
    place = Path(folder).absolute()
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: str | os.PathLike[str], error: OSError) -> WorkspaceError:
    """The error that says that a run folder cannot be written."""
    if os.path.isfile(folder):
        return WorkspaceError(
            f"{folder}: the run folder cannot be written, because a file has this name; choose "
            "another with --output or the key output."
        )
    return WorkspaceError(
        f"{folder}: the run folder cannot be written ({error.strerror or error}); choose another "
        "with --output or the key output, or change its permissions."
    )
