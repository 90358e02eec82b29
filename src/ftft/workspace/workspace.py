"""The run folder: stages that are run once, resumed, or run again when something changed.

A stage is a folder with a ``stage.json`` that says what the stage was made from (its digest)
and, once it is finished, what came out. The digest covers the settings that matter to the
stage, the data and the digests of the stages it reads, so a change runs the stage and all
that follow it again, and nothing else. Checksums say whether what it wrote is still what it
wrote.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftft.errors import WorkspaceError
from ftft.utils import distributed
from ftft.utils.atomic import remove_leftovers
from ftft.workspace.changes import Tell, is_same, why_again
from ftft.workspace.layout import check_writable, stage_name, unwritable
from ftft.workspace.lock import held, parts_held
from ftft.workspace.stage import Plain, Stage
from ftft.workspace.stage_record import (
    RECORD_NAME,
    SCRATCH,
    STAGE_SCHEMA,
    as_plain,
    check_outputs,
    digest_of,
    finish_outputs,
    read_record,
    write_record,
)


class NotFinishedError(WorkspaceError):
    """A stage that is only read here is not finished from the same things."""


class Workspace:
    """A run folder.

    Args:
        folder: Made if it is not there and something may be run.
        builds: Names of the stages that may be run here; all others must be finished. None: any
            may be run. Of several commands on one folder each can so be kept to its own stages.

    Raises:
        WorkspaceError: The folder cannot be made or written.
    """

    def __init__(
        self, folder: str | os.PathLike[str], builds: Collection[str] | None = None
    ) -> None:
        self.folder = Path(folder).absolute()
        self.builds = builds
        self._checked: set[str] = set()
        if builds is None or builds:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise unwritable(self.folder, error) from error
            check_writable(self.folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process, and for others that were started with it.

        Raises:
            WorkspaceError: Another process holds it; the message names it.
        """
        if not distributed.is_first():
            yield
            return
        with held(self.folder):
            if not parts_held(self.folder):  # who holds one may be writing
                remove_leftovers(self.folder)
            yield

    def stage(
        self,
        name: str,
        inputs: Mapping[str, Any],
        build: Callable[[Path], Mapping[str, Any]],
        environment: Mapping[str, Any] | None = None,
        upstream: Sequence[Stage[Any]] = (),
        *,
        collective: bool = False,
        idle: Collection[str] = (),
        again: Tell = lambda why: None,
    ) -> Stage[Plain]:
        """Run a stage, or return it where it was finished before from the same things.

        What an earlier call made from other things stays until this one has finished. Of several
        processes all must call this, and get the same.

        Args:
            name: Path below the run folder.
            inputs: Everything the outcome depends on, as plain JSON values.
            build: Writes files into the folder it is given and returns the stage's result, plain
                JSON values. If an earlier call with the same ``inputs`` was interrupted, the
                folder holds what that call left. Its folder ``checkpoints`` is removed at the end.
            environment: Versions and hardware, kept with the stage.
            upstream: Stages whose files are read: they are checked before, and where they were
                built again and came out differently, so is this one.
            collective: Whether all processes build it together; else the first does, alone.
            idle: Keys of ``inputs``, with dots, that change nothing here and are not compared.
            again: Receives the reason before the stage is built, where it was built before.

        Returns:
            The finished stage.

        Raises:
            NotFinishedError: It is not finished and may not be run here.
            WorkspaceError: The record of the stage is damaged, files of it or of a stage it reads
                are missing or changed, or the folder cannot be written.
        """
        folder = self.folder / name
        record: dict[str, Any] = {
            "schema": STAGE_SCHEMA,
            "digest": digest_of({"schema": STAGE_SCHEMA, "stage": name, "made_from": inputs}),
            "made_from": inputs,
            **({"idle": list(idle)} if idle else {}),
            "read": {stage.name: stage.content for stage in upstream},
            "environment": dict(environment or {}),
        }
        if self.builds is not None and name not in self.builds:
            return self._only_read(folder, name, record, upstream, again)
        before = distributed.from_first(lambda: self._begun(folder, name, record, upstream, again))
        if before is not None:
            return before
        if collective:
            result = build(folder)
            return distributed.from_first(lambda: self._ended(folder, name, record, result))
        return distributed.from_first(lambda: self._ended(folder, name, record, build(folder)))

    def _only_read(
        self,
        folder: Path,
        name: str,
        wanted: Mapping[str, Any],
        upstream: Sequence[Stage[Any]],
        again: Tell,
    ) -> Stage[Plain]:
        """A finished stage, with nothing in the folder touched."""
        before = read_record(folder, name)
        if before is None or before["status"] != "finished" or not is_same(before, wanted):
            raise NotFinishedError(
                f"{folder}: the stage {name} is not finished from the data, models and settings "
                "there are now, and is not run here; give the same command again."
            )
        return self._finished(folder, name, before)

    def _begun(
        self,
        folder: Path,
        name: str,
        record: dict[str, Any],
        upstream: Sequence[Stage[Any]],
        again: Tell,
    ) -> Stage[Plain] | None:
        """Make the folder ready to be built in; where the stage is finished, return it."""
        old = read_record(folder, name) or previous_record(folder, name)
        with _writing(folder):
            before = _go_on_with(folder, name, record)
        if before is not None:
            finished = self._finished(folder, name, before)
            shutil.rmtree(folder / SCRATCH, ignore_errors=True)  # killed before it was removed
            return finished
        for stage in upstream:
            stage.check()
        names = {stage.digest: stage.name for stage in upstream}
        if old is not None and (why := why_again(old, record, names)):
            again(why)
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_record(folder, {**record, "status": "running"})
        return None

    def _ended(
        self, folder: Path, name: str, record: dict[str, Any], built: Mapping[str, Any]
    ) -> Stage[Plain]:
        """Record that a stage is finished."""
        # As a later run will read it, so that both say the same.
        result, outputs = as_plain(built), finish_outputs(folder)
        write_record(folder, {**record, "status": "finished", "outputs": outputs, "result": result})
        self._checked.add(name)
        for done in (aside(folder), folder / SCRATCH):
            shutil.rmtree(done, ignore_errors=True)
        return Stage(name, folder, record["digest"], result, False, record["environment"], outputs)

    def force(self, name: str) -> None:
        """Have a stage run again, though it is finished or damaged.

        A finished stage that is not damaged stays until its successor has finished.

        Raises:
            WorkspaceError: The folder cannot be written.
        """
        folder = self.folder / name
        try:
            record = read_record(folder, name)
            if record is not None and record["status"] == "finished":
                check_outputs(folder, name, record)
        except WorkspaceError:
            record = None
        with _writing(folder):
            if not folder.is_dir():
                return
            if record is not None and record["status"] == "finished":
                _set_aside(folder, record)
            else:
                shutil.rmtree(folder)
            # Says that the stage is to be run, so that what was set aside stays there.
            folder.mkdir(parents=True)
            kept = ("made_from", "read", "environment", "digest")
            marker = {key: record[key] for key in kept if key in record} if record else {}
            marker |= {"schema": STAGE_SCHEMA, "status": "running", "forced": True}
            write_record(folder, {"digest": "", **marker})

    def _finished(self, folder: Path, name: str, record: Mapping[str, Any]) -> Stage[Plain]:
        # Several methods may share a stage; once a process is enough.
        if name not in self._checked:
            check_outputs(folder, name, record)
            self._checked.add(name)
        return Stage(
            name,
            folder,
            record["digest"],
            record["result"],
            True,
            record.get("environment", {}),
            record["outputs"],
        )


def _go_on_with(folder: Path, name: str, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Leave in the folder what can be resumed; return the record of a finished stage."""
    before = read_record(folder, name)
    if before is None or not is_same(before, wanted):
        # Where what was set aside is what is wanted after all, put it back.
        previous = previous_record(folder, name)
        if previous is not None and is_same(previous, wanted):
            shutil.rmtree(folder, ignore_errors=True)
            aside(folder).replace(folder)
            before = previous
    if before is None:
        _keep_unknown(folder)
        return None
    if is_same(before, wanted):
        return before if before["status"] == "finished" else None
    _set_aside(folder, before)
    return None


def _keep_unknown(folder: Path) -> None:
    """Move away what is in a stage's place and has no record: it may not be ftft's."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    names = (folder.with_name(f"{folder.name}.unknown-{n}") for n in itertools.count(1))
    folder.replace(next(name for name in names if not os.path.lexists(name)))


def aside(folder: Path) -> Path:
    """Where a finished stage is kept until its successor has finished."""
    return folder.with_name(f".{folder.name}.previous")


def previous_record(folder: Path, name: str) -> dict[str, Any] | None:
    """The record of the finished stage that is set aside, if there is one."""
    try:
        record = read_record(aside(folder), name)
    except WorkspaceError:
        return None  # damaged, and nobody asked for it
    return record if record is not None and record["status"] == "finished" else None


def _set_aside(folder: Path, record: Mapping[str, Any]) -> None:
    """Keep a finished stage until its successor has finished; drop an unfinished one."""
    if record["status"] == "finished":
        shutil.rmtree(aside(folder), ignore_errors=True)
        folder.replace(aside(folder))
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise WorkspaceError(
            f"{folder}: an unfinished stage cannot be removed ({error.strerror or error}); remove "
            "it yourself, or choose another run folder with --output."
        ) from error


def check_artifact(path: Path) -> None:
    """Check a file or folder that a finished stage wrote, if it is one, against its checksums.

    Raises:
        WorkspaceError: A file is missing or changed.
    """
    place = path.absolute()
    for folder in (place, *place.parents):
        if not (folder / RECORD_NAME).is_file():
            continue
        name = stage_name(folder)
        record = read_record(folder, name)
        if record is not None and record["status"] == "finished":
            inside = place.relative_to(folder).as_posix()
            outputs = {
                file: expected
                for file, expected in record.get("outputs", {}).items()
                if inside in (".", file) or file.startswith(inside + "/")
            }
            check_outputs(folder, name, {"outputs": outputs})
        return


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{folder}: the folder of a stage cannot be changed ({error.strerror or error}); check "
            "its permissions and the space left on the disk, then give the same command again."
        ) from error
