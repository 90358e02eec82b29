"""A study whose data, models and folder have been checked, and the stages in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ftft.config.methods import REFERENCE
from ftft.config.schema import Experiment
from ftft.config.study import Study
from ftft.data.dataset import TaskData
from ftft.errors import DataError, FtftError
from ftft.experiment.again_words import AGAIN
from ftft.experiment.belongs import check_study_belongs
from ftft.experiment.room import with_room
from ftft.experiment.stages import Say, Stages
from ftft.experiment.validate import (
    Attempts,
    check_arguments,
    check_heads,
    check_selection,
    notes,
    try_models,
)
from ftft.study.grid import Task, cell_of_task, experiment_of, tasks
from ftft.study.run_task import Done, perform
from ftft.tasks import load_data
from ftft.training.encodings import Encodings
from ftft.workspace.layout import check_foreign_study, check_writable
from ftft.workspace.preview import Preview
from ftft.workspace.workspace import Workspace


@dataclass(frozen=True)
class OpenStudy:
    """A study that has been checked.

    Attributes:
        study: The study.
        folder: The study folder.
        data: Data set to labelled data.
        tasks: Its trainings, each after the one that it needs.
    """

    study: Study
    folder: Path
    data: Mapping[str, TaskData]
    tasks: tuple[Task, ...]
    _readers: dict[str, Workspace] = field(default_factory=dict)
    _previews: dict[str, Preview] = field(default_factory=dict)
    _encodings: dict[str, Encodings] = field(default_factory=dict)

    def stages(self, task: Task, say: Say, *, reading: bool = False) -> Stages:
        """The stages of a task; with ``reading``, finished ones are read and none is run."""
        return Stages(
            experiment_of(self.study, task),
            self.data[task.data],
            self._reader(task.data) if reading else self._workspace(task),
            say,
            task.stage_paths,
            # Texts are tokenised once for all tasks of a process.
            self._encodings.setdefault(task.data, Encodings()),
            ends_said=False,
        )

    def finished(self, task: Task) -> Done | None:
        """What a task came to, if it is finished; nothing is run or written."""
        if not (self.folder / task.data).is_dir():
            return None
        stages = self.stages(task, lambda line: None, reading=True)
        try:
            cell = None if task.method == REFERENCE else cell_of_task(self.study, task)
            return perform(stages, task, cell)
        except FtftError:
            return None  # what is damaged is reported when it is run

    def again(self, task: Task) -> str:
        """Why a stage that a task makes would be run again; nothing is run or written.

        Of stages that follow each other it is the first: how it comes out is not known yet. Empty
        where none was run before.
        """
        said: list[str] = []
        preview = self._previews.setdefault(task.data, Preview(self.folder / task.data))
        with contextlib.suppress(FtftError):
            perform(replace(self.stages(task, said.append, reading=True), workspace=preview), task)
        reasons = dict(line.split(AGAIN, 1) for line in said if AGAIN in line)
        return next((why for stage, why in reasons.items() if stage in task.makes), "")

    def trained(self, task: Task) -> bool:
        """Whether a task's training is finished, whatever else of it is not."""
        if not (self.folder / task.data).is_dir():
            return False
        stages = self.stages(task, lambda line: None, reading=True)
        with contextlib.suppress(FtftError):
            perform(stages, task)
        return task.training in stages.finished

    def _reader(self, data: str) -> Workspace:
        # One for all tasks: files that they share are checked once.
        if data not in self._readers:
            self._readers[data] = Workspace(self.folder / data, builds=())
        return self._readers[data]

    def _workspace(self, task: Task) -> Workspace:
        return Workspace(self.folder / task.data, builds=task.makes)


def open_study(study: Study, folder: Path, say: Callable[[str], None]) -> OpenStudy:
    """Check all that can be checked without training, and write nothing.

    Raises:
        FtftError: The folder cannot be written, or a model, a setting or data are not as they
            should be; all problems together.
    """
    attempt = Attempts()
    attempt(partial(check_writable, folder))
    attempt(partial(check_foreign_study, folder, study.data))
    for experiment in study.experiments.values():
        attempt(partial(check_arguments, experiment))
    checked: list[Any] = []
    for experiment in study.experiments.values():
        try_models(attempt, experiment, checked)
    data = {}
    for name in study.data:
        of = f"data set {name}" if len(study.data) > 1 else ""
        loaded = attempt(partial(load_data, study.experiment(name)), of)
        if loaded is not None:
            data[name] = loaded
    found = tasks(study)
    of_task = {task: experiment_of(study, task) for task in found}
    for task, experiment in of_task.items():
        if task.data in data and task.method == "ftft":
            attempt(partial(check_selection, experiment, len(data[task.data].train)))
        if task.data in data:
            check_heads(attempt, experiment, data[task.data])
    usable: dict[str, TaskData] = {}
    for name, loaded in data.items():
        of_data = [one for task, one in of_task.items() if task.data == name]
        left = attempt(partial(_with_room, of_data, loaded))
        if left is not None:
            usable[name] = left
    attempt(partial(check_study_belongs, usable, folder))
    attempt.raise_problems(f"study {study.name}")
    for name, loaded in usable.items():
        cells = [e for task, e in of_task.items() if (task.data, task.method) == (name, "ftft")]
        for note in [*_dropped(study, name), *notes(loaded, cells)]:
            say(f"{name}: {note}")
    return OpenStudy(study, folder, usable, found)


def _dropped(study: Study, name: str) -> list[str]:
    """That a data set has training data of its own, and thus not the base's other sets."""
    gone = study.dropped.get(name, ())
    if not gone:
        return []
    none = ", ".join(f"{role}: null" for role in dict.fromkeys(r.partition(".")[0] for r in gone))
    return [
        f"note: not taken over from the base: {', '.join(gone)}, since data.train is named anew; "
        f"name what you want of them beside train, or say {none}, which ends this note"
    ]


def _with_room(experiments: Sequence[Experiment], data: TaskData) -> TaskData:
    """What all experiments on some data leave of it.

    Raises:
        DataError: A prompt leaves no room and is not left out, or the models would leave out
            different examples, so that what they come to could not be compared.
    """
    found: dict[Any, TaskData] = {}
    for one in experiments:
        models = (one.reference, one.main)
        key = tuple((model.model, model.revision, model.max_length) for model in models)
        if key not in found:
            found[key] = with_room(one, data)
    first, *others = found.values()
    if any(_fingerprints(other) != _fingerprints(first) for other in others):
        raise DataError(
            f"data.without_room is leave-out, and the models of {experiments[0].name} would leave "
            "out different examples, since their tokenizers or max_length differ: raise max_length "
            "of those with less room, or take the rows out of the data."
        )
    return first


def _fingerprints(data: TaskData) -> list[str]:
    sets = [one for found in data.evaluation_sets.values() for one in found.values()]
    return [one.fingerprint for one in (data.train, *sets)]
