"""The run folder: stages that are run once, resumed, or run again when something changed.

A stage is a folder with a ``stage.json`` that says what the stage was made from (its digest)
and, once it is finished, what came out. The digest covers the settings that matter to the
stage, the data and the digests of the stages it reads, so a change runs the stage and all
that follow it again, and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ftft.errors import WorkspaceError
from ftft.files import write_text

STAGE_SCHEMA = 1

EXPERIMENT_TITLE = "# What was asked, with every default spelt out.\n"
"""The first line of the experiment.yaml that a run writes, by which it knows it again."""


@dataclass(frozen=True)
class Stage:
    """A finished stage.

    Attributes:
        name: Path of the stage below the run folder, such as ``main/seed-0``.
        folder: The stage's folder.
        digest: Digest of everything it was made from, hexadecimal.
        result: What it said at its end, plain JSON values.
        reused: True where it had been finished before.
        environment: Versions and hardware it was run with.
    """

    name: str
    folder: Path
    digest: str
    result: dict[str, Any]
    reused: bool
    environment: dict[str, Any] = field(default_factory=dict)


class Workspace:
    """A run folder.

    Args:
        folder: Made if it is not there.

    Raises:
        WorkspaceError: The folder cannot be made or written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        check_writable(self.folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            WorkspaceError: Another process holds it; the message names it.
        """
        path = self.folder / ".lock"
        with _opened_lock(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise WorkspaceError(
                    f"{self.folder}: another run is using this folder (process "
                    f"{file.read().strip() or 'unknown'}); wait for it, stop it, or choose another "
                    "folder with --output."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def stage(
        self,
        name: str,
        made_from: Mapping[str, Any],
        build: Callable[[Path], Mapping[str, Any]],
        environment: Mapping[str, Any] | None = None,
    ) -> Stage:
        """Run a stage, or return it where it was finished before from the same things.

        What an earlier call made from other things stays until this one has finished.

        Args:
            name: Path below the run folder.
            made_from: Everything the outcome depends on, as plain JSON values.
            build: Writes files into the folder it is given and returns the stage's result, plain
                JSON values. If an earlier call with the same ``made_from`` was interrupted, the
                folder holds what that call left.
            environment: Versions and hardware, kept with the stage.

        Returns:
            The finished stage.

        Raises:
            WorkspaceError: The record of the stage is damaged, or files of it are missing or
                changed in size.
        """
        folder = self.folder / name
        digest = digest_of({"schema": STAGE_SCHEMA, "stage": name, "made_from": made_from})
        _bring_back(folder, digest)
        before = _read_stage(folder)
        if before is not None and before["digest"] == digest and before["status"] == "finished":
            _check_outputs(folder, before)
            ran_with = before.get("environment", {})
            return Stage(name, folder, digest, before["result"], True, ran_with)
        if before is not None and before["digest"] != digest:
            _set_aside(folder, before)
        try:
            if before is None:
                _keep_unknown(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        record: dict[str, Any] = {
            "schema": STAGE_SCHEMA,
            "digest": digest,
            "made_from": made_from,
            "environment": dict(environment or {}),
        }
        write_json(folder / "stage.json", {**record, "status": "running"})
        result = dict(build(folder))
        outputs = {
            path.relative_to(folder).as_posix(): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "stage.json"
        }
        finished = {**record, "status": "finished", "outputs": outputs, "result": result}
        write_json(folder / "stage.json", finished)
        shutil.rmtree(_aside(folder), ignore_errors=True)
        return Stage(name, folder, digest, result, False, record["environment"])


def _opened_lock(path: Path) -> TextIO:
    try:
        # A link is not followed: what it points to would be emptied.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        return os.fdopen(os.open(path, flags, 0o666), "r+", encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(
            f"{path}: cannot be opened as the lock of the run folder ({error.strerror or error}); "
            "remove it, or choose another folder with --output."
        ) from error


def _keep_unknown(folder: Path) -> None:
    """Move away what is in a stage's place and has no record: it may not be ftft's."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    names = (folder.with_name(f"{folder.name}.unknown-{n}") for n in itertools.count(1))
    folder.replace(next(name for name in names if not os.path.lexists(name)))


def check_foreign(folder: str | os.PathLike[str]) -> None:
    """Check that a run folder holds no file that ftft did not write and would replace.

    Raises:
        WorkspaceError: It does.
    """
    experiment, results = Path(folder) / "experiment.yaml", Path(folder) / "results.json"
    try:
        with experiment.open("rb") as file:
            start = file.read(len(EXPERIMENT_TITLE.encode()))
    except OSError:
        start = b""
    if start == EXPERIMENT_TITLE.encode():
        return
    for path in (experiment, results):
        if os.path.lexists(path):
            raise WorkspaceError(
                f"{path}: is there already and was not written by a run in this folder, which "
                "would replace it; choose another run folder with --output or the key output."
            )


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _set_aside(folder: Path, record: Mapping[str, Any]) -> None:
    """Keep a finished stage until its successor has finished; drop an unfinished one."""
    if record["status"] == "finished":
        shutil.rmtree(_aside(folder), ignore_errors=True)
        folder.replace(_aside(folder))
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise WorkspaceError(
            f"{folder}: an unfinished stage cannot be removed ({error.strerror or error}); remove "
            "it yourself, or choose another run folder with --output."
        ) from error


def _bring_back(folder: Path, digest: str) -> None:
    """Where what was set aside is what is wanted after all, put it back."""
    before = _read_stage(_aside(folder))
    if before is not None and before["digest"] == digest and before["status"] == "finished":
        shutil.rmtree(folder, ignore_errors=True)
        _aside(folder).replace(folder)


def _check_outputs(folder: Path, record: Mapping[str, Any]) -> None:
    for name, size in record.get("outputs", {}).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise WorkspaceError(
                f"{path}: this file of a finished stage is missing or has another size than when "
                f"it was written; put it back, or remove the folder {folder} to run the stage "
                "again."
            )


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Check that a run folder can be written, or made, without leaving a trace.

    Raises:
        WorkspaceError: It cannot.
    """
    place = Path(folder).absolute()
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: str | os.PathLike[str], error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{folder}: the run folder cannot be written ({error.strerror or error}); choose another "
        "with --output or the key output, or change its permissions."
    )


def digest_of(values: Any) -> str:
    """SHA-256 of plain JSON values, independent of the order of keys; hexadecimal."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, values: Any) -> None:
    """Write JSON so that the file is at any moment either the old or the new one.

    Raises:
        WorkspaceError: The file cannot be written; what was there before is untouched.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n"
    write_text(path, text, WorkspaceError)


def _read_stage(folder: Path) -> dict[str, Any] | None:
    path = folder / "stage.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise WorkspaceError(
            f"{path}: cannot be read as a stage record ({error}); remove the folder "
            f"{folder} to run this stage again."
        ) from error
    if (
        not isinstance(values, dict)
        or not {"digest", "status"} <= values.keys()
        or (values["status"] == "finished" and not isinstance(values.get("result"), dict))
        or not isinstance(values.get("outputs", {}), dict)
    ):
        raise WorkspaceError(
            f"{path}: not a stage record; remove the folder {folder} to run this stage again."
        )
    return values
