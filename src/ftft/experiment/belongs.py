"""A run folder belongs to one experiment: to a name and a training set."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftft.config.data import DataConfig
from ftft.config.schema import Experiment
from ftft.config.yaml_core import parse
from ftft.data.dataset import TaskData
from ftft.data.remarks import named
from ftft.errors import WorkspaceError
from ftft.experiment.again_words import was_and_is
from ftft.workspace.changes import differences
from ftft.workspace.layout import EXPERIMENT_NAME
from ftft.workspace.lock import LOCK_NAME
from ftft.workspace.stage_record import STAGES, has_checkpoints, read_record

_DEEPEST = 5
"""Levels between the folder of a study's data set and a stage: its kind, models, selection."""


def check_belongs(experiment: Experiment, data: TaskData, folder: str) -> None:
    """Check that what was trained in a run folder was trained for this experiment.

    Args:
        experiment: What is to be run there.
        data: Its data.
        folder: The run folder; one that is not there, or in which nothing was trained, is free.

    Raises:
        WorkspaceError: It holds an experiment of another name or with other training data.
    """
    trained = trained_on(Path(folder))
    if not trained:
        return
    values = _asked(Path(folder))
    name, places = values.get("name"), ", ".join(_places(values))
    problems = []
    if isinstance(name, str) and name != experiment.name:
        problems.append(f"it is called {named([name])}, this one {experiment.name}")
    if data.train.fingerprint not in trained:
        now = ", ".join(source.place for source in experiment.data.train)
        problems.append(
            f"its training data ({places or 'unknown'}) are not those of this one ({now})"
            if places != now
            else f"it was run on other training data ({now}): {_changed(values, experiment.data)}"
        )
    if problems:
        raise WorkspaceError(
            f"{folder}: this run folder holds another experiment: {'; '.join(problems)}. Choose "
            "another folder with --output or another 'name'; or give ftft run, record, train, "
            "choose or demo --replace to put this experiment in its place. Where the data differ, "
            "what was there is kept beside it."
        )


def check_study_belongs(data: Mapping[str, TaskData], folder: Path) -> None:
    """Check that what was trained in a study folder was trained on these data.

    Args:
        data: Data set to its data.
        folder: The study folder.

    Raises:
        WorkspaceError: It holds trainings on other data of a data set of that name.
    """
    for name, loaded in data.items():
        place = folder / name
        trained = _trained_on(place, ["*/" * depth + STAGES for depth in range(_DEEPEST)])
        if trained and loaded.train.fingerprint not in trained:
            raise WorkspaceError(
                f"{place}: this study folder holds trainings on other training data: the file of "
                f"the data set {name}, or how it is read, has changed. Choose another folder with "
                f"--output, give the data set another name, or move {place} away."
            )


def make_room(data: TaskData, folder: Path) -> Path | None:
    """Move away what was trained in a run folder on other training data.

    What was trained on the same data stays: its stages are of use whatever the name is.

    Args:
        data: The data that are to be trained on.
        folder: The run folder, held by this process.

    Returns:
        Where it is now; None where there was nothing to move.

    Raises:
        WorkspaceError: It cannot be moved.
    """
    trained = trained_on(folder)
    if not trained or data.train.fingerprint in trained:
        return None
    names = (folder.with_name(f"{folder.name}.replaced-{n}") for n in itertools.count(1))
    beside = next(name for name in names if not os.path.lexists(name))
    try:
        beside.mkdir()
        for entry in list(folder.iterdir()):
            if entry.name != LOCK_NAME:
                entry.replace(beside / entry.name)
    except OSError as error:
        raise WorkspaceError(
            f"{folder}: what it holds cannot be moved to {beside} ({error.strerror or error}); "
            "move it yourself, or choose another run folder with --output."
        ) from error
    return beside


def trained_on(folder: Path) -> set[str]:
    """The fingerprints of the training sets that trainings of a run folder are of.

    Those count that are finished or have a checkpoint; damaged records do not.
    """
    return _trained_on(folder, [STAGES])


def _trained_on(folder: Path, places: Sequence[str]) -> set[str]:
    try:
        found = {_training_set(path) for place in places for path in folder.glob(place)}
    except OSError:  # a name that is too long, or a folder that may not be read
        return set()
    return {one for one in found if one is not None}


def _training_set(path: Path) -> str | None:
    try:
        record = read_record(path.parent, path.parent.name) or {}
    except WorkspaceError:
        return None
    if record.get("status") != "finished" and not has_checkpoints(path.parent):
        return None
    made_from = record.get("made_from")
    found = made_from.get("train") if isinstance(made_from, dict) else None
    return found if isinstance(found, str) else None


def _asked(folder: Path) -> dict[str, Any]:
    """The experiment that was run in a folder, as it was written there; empty if unreadable."""
    try:
        values = parse((folder / EXPERIMENT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _changed(values: Mapping[str, Any], data: DataConfig) -> str:
    """What of an experiment's data makes other training data than those of an earlier one."""
    try:
        before = DataConfig.model_validate(values.get("data"))
    except ValueError:  # written by another version, or changed by hand
        before = data
    # Without a development set some of the training data are held out; its name does not matter.
    keys = {"dev"} if bool(before.dev) != bool(data.dev) else set() if data.dev else {"holdout"}
    was, now = (_of_training(one, keys) for one in (before, data))
    said = [was_and_is(key, pair) for key, pair in differences(was, now, "data")]
    return "; ".join(said) or "the file or how it is read has changed"


def _of_training(data: DataConfig, keys: set[str]) -> dict[str, Any]:
    """The keys from which training data follow, and some more, as they are written."""
    values = data.model_dump(mode="json", include={"train", "classes", "without_room", *keys})
    sources = dict(enumerate(values["train"]))
    # A list of one is written without its number.
    values["train"] = sources[0] if len(sources) == 1 else sources
    return {**values, "dev": list(data.dev)} if "dev" in keys else values


def _places(values: dict[str, Any]) -> Iterator[str]:
    """The training data of an experiment that may not be one, as messages name them."""
    data = values.get("data")
    train = data.get("train") if isinstance(data, dict) else None
    for source in train if isinstance(train, list) else [train]:
        if isinstance(source, dict):
            place = (source.get(key) for key in ("path", "hub", "config", "split"))
            yield " / ".join(str(part) for part in place if part)
