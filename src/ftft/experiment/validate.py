"""What can be checked before anything is trained or written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ftft.cartography.burn_in import AUTO
from ftft.config.idle import idle_notes
from ftft.config.schema import Experiment, FineTuning
from ftft.config.yaml_core import flow
from ftft.data.contradictions import contradictions_in_words
from ftft.data.dataset import TaskData
from ftft.data.remarks import left_out_in_words, named
from ftft.errors import ConfigError, FtftError
from ftft.experiment.belongs import check_belongs
from ftft.experiment.room import with_room
from ftft.tasks import TASKS, load_data
from ftft.tasks.multiple_choice import MULTIPLE_CHOICE
from ftft.training.arguments import check_training_arguments, full_steps
from ftft.training.fitting import check_head, check_model
from ftft.training.models import model_fingerprint
from ftft.training.rehearsal import check_training
from ftft.training.sharding import sharding_notes
from ftft.transfer.evidence import notes_on_size
from ftft.utils.plural import counted
from ftft.workspace.layout import check_foreign, check_writable

T = TypeVar("T")

# A class with fewer examples than both is mentioned.
_FEW, _FEW_SHARE = 10, 0.02

# The transient takes one point or more, and variability needs two.
_LEAST_WITH_AUTO = 3


def check(experiment: Experiment, folder: str, *, replacing: bool = False) -> TaskData:
    """Check everything that can be checked without training, and write nothing.

    Args:
        experiment: What to do.
        folder: The run folder.
        replacing: Whether it may hold another experiment, whose place this one is to take.

    Returns:
        The labelled data.

    Raises:
        FtftError: The folder cannot be written, or a model, a setting or the data are not as
            they should be; all problems together.
    """
    attempt = Attempts()
    attempt(partial(check_writable, folder))
    attempt(partial(check_foreign, folder))
    attempt(partial(check_arguments, experiment))
    try_models(attempt, experiment)
    data = attempt(partial(load_data, experiment))
    if data is not None:
        attempt(partial(check_selection, experiment, len(data.train)))
        check_heads(attempt, experiment, data)
        data = attempt(partial(with_room, experiment, data))
    if data is not None and not replacing:
        attempt(partial(check_belongs, experiment, data, folder))
    attempt.raise_problems(f"experiment {experiment.name}")
    assert data is not None
    return data


class Attempts:
    """Calls that may each find a problem, so that all problems are reported together."""

    def __init__(self) -> None:
        self._problems: dict[str, tuple[FtftError, list[str]]] = {}

    def __call__(self, step: Callable[[], T], of: str = "") -> T | None:
        """What ``step`` returns; None where it raises, which is noted.

        Args:
            step: What may find a problem.
            of: Whose problem it is, such as ``reference``. Where several have the same, as a model
                that is missing, it is said once.
        """
        try:
            return step()
        except FtftError as error:
            for problem in error.problems:
                _, names = self._problems.setdefault(problem, (error, []))
                names += [of] if of and of not in names else []
            return None

    def raise_problems(self, what: str) -> None:
        """Raise what was noted, if anything.

        Raises:
            FtftError: The one problem, or all of them; they are counted and listed once.
        """
        if not self._problems:
            return
        of = {said: " and ".join(names) for said, (_, names) in self._problems.items()}
        lines = [f"{of[said]}: {said}" if of[said] else said for said in self._problems]
        errors = [error for error, _ in self._problems.values()]
        kind = type(errors[0]) if len({*map(type, errors)}) == 1 else ConfigError
        raise kind.of(lines, what if len(lines) > 1 else "") from errors[0]


def try_models(attempt: Attempts, experiment: Experiment, checked: list[Any] | None = None) -> None:
    """Check the models, and the Trainer's arguments for each.

    Args:
        attempt: Notes what is wrong.
        experiment: Names them.
        checked: What was checked before, which is left out; those of this experiment are added.
    """
    task, texts = TASKS[experiment.task], experiment.data.train[0].num_segments
    done = [] if checked is None else checked
    for of, settings in _models(experiment):
        if (settings, texts, task.name) not in done:
            done.append((settings, texts, task.name))
            attempt(partial(model_fingerprint, settings), of)
            attempt(partial(check_model, settings, texts=texts, task=task), of)
            attempt(partial(check_training, settings), of)


def check_heads(attempt: Attempts, experiment: Experiment, data: TaskData) -> None:
    """Check that a head that is to be kept is one for the data's classes."""
    task = TASKS[experiment.task]
    for of, settings in _models(experiment):
        if settings.head == "keep" and task.new_head:
            attempt(partial(check_head, settings, data.class_names, task), of)


def _models(experiment: Experiment) -> tuple[tuple[str, FineTuning], ...]:
    return ("reference", experiment.reference), ("main", experiment.main)


def _has_classes(data: TaskData) -> bool:
    """Whether labels are classes: not groups, positions, or nothing at all."""
    same = data.train.class_names == data.class_names
    return bool(data.class_names) and same and data.train.task != MULTIPLE_CHOICE.name


def notes(data: TaskData, experiments: Sequence[Experiment]) -> list[str]:
    """What is not wrong but should be known of data and the experiments on them, a line each."""
    lines = [*data_notes(data), *(one for asked in experiments for one in slice_notes(asked))]
    return [*dict.fromkeys(lines), *idle_notes(experiments), *sharding_notes(experiments)]


def slice_notes(experiment: Experiment) -> Iterator[str]:
    """That test sets do not take over the slices of the training data, where they name none."""
    data = experiment.data
    slices = list(dict.fromkeys(name for one in data.train for name in one.slices))
    tests = {**data.test, **data.test_ood}
    without = [name for name, one in tests.items() if not one.slices]
    if slices and without:
        yield (
            f"note: test sets do not take over the slices of data.train, so {named(without)} "
            f"{'is' if len(without) == 1 else 'are'} not scored by slice: give a set that has the "
            f"columns its own, as in {flow({without[0]: {'slices': slices}})}"
        )


def data_notes(data: TaskData) -> list[str]:
    """What is not wrong with the data but should be known, a line each."""
    lines = [
        f"note: {count:,} texts of the set {name} are also in the training data"
        for name, count in data.overlaps.items()
        if count
    ]
    lines += notes_on_size(len(data.train))
    lines += [f"note: {remark}" for remark in data.remarks]
    for name, lost in data.left_out.items():
        # A remark says more of those without room.
        if others := {key: count for key, count in lost.items() if key != "without_room"}:
            lines.append(f"note: {name}: {left_out_in_words(others)}")
    if not _has_classes(data):
        return lines
    if contradictions := contradictions_in_words(data.train):
        lines.append(f"note: {contradictions}")
    counts = np.bincount(data.train.labels, minlength=len(data.class_names))
    rare = [
        f"{name} ({count})"
        for name, count in zip(data.class_names, counts, strict=True)
        # A single example is worth a word in the smallest data, too.
        if count < max(2, min(_FEW, _FEW_SHARE * len(data.train)))
    ]
    if rare:
        lines.append(
            f"note: of some classes there are few training examples: {named(rare)}; if these "
            "are typing errors, give data.classes or a labels mapping"
        )
    return lines


def check_arguments(experiment: Experiment) -> None:
    """Refuse Trainer arguments that ftft governs, also where no file was read."""
    problems = check_training_arguments(experiment.model_dump(include={"reference", "main"}))
    if problems:
        raise ConfigError("; ".join(one.in_words() for one in problems))


def check_selection(experiment: Experiment, examples: int) -> None:
    """Check that the map gets enough recording points, and the selection enough examples."""
    reference = experiment.reference
    per_epoch = -(-examples // reference.batch_size)
    epochs = full_steps(reference, examples) // per_epoch
    points = epochs * reference.recording.points_per_epoch
    burn_in = experiment.map.burn_in
    if burn_in == AUTO and points < _LEAST_WITH_AUTO:
        raise ConfigError(
            f"map.burn_in is auto and reference.epochs is {reference.epochs}: that gives "
            f"{counted(points, 'complete recording point')}. The first is left out nearly always, "
            "since everything is still being learnt there, and variability needs at least 2 more; "
            f"set reference.epochs to at least {_LEAST_WITH_AUTO}, better 5, or map.burn_in to a "
            "number."
        )
    left = points if burn_in == AUTO else points - burn_in
    if left < 2:
        raise ConfigError(
            f"map.burn_in is {burn_in} and reference.epochs is {reference.epochs}: that leaves "
            f"{counted(max(left, 0), 'complete recording point')}, and variability needs at least "
            "2; raise reference.epochs or lower map.burn_in."
        )
    balance_by = experiment.selection.balance_by
    named = dict.fromkeys(name for one in experiment.data.train for name in one.slices)
    if balance_by is not None and balance_by not in named:
        raise ConfigError(
            f"selection.balance_by: {balance_by!r} is not one of the slices of data.train "
            f"({', '.join(named) or 'none'}); name the column under data.train.slices."
        )
    if round(experiment.selection.fraction * examples) < 1:
        raise ConfigError(
            f"selection.fraction {experiment.selection.fraction} of {examples:,} training examples "
            "selects none; raise it."
        )
