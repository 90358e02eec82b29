"""Find development and test sets beside a training file, and what must be said of each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ftft.config.data import FILE_ONLY, DataSource, EvaluationSet
from ftft.config.formats import format_by_name
from ftft.config.yaml_core import flow
from ftft.data.detect import detect_columns, guessed_labels
from ftft.data.detect_tags import detect_tags
from ftft.data.readers.sniff import Head, read_head
from ftft.data.remarks import named
from ftft.data.spelling import respelt
from ftft.errors import DataError, FtftError

TAGGED = "token-classification"

# What sets are called beside a training file, the likeliest first.
_CALLED = {
    "dev": ("dev", "validation", "valid", "val", "development", "eval"),
    "test": ("test", "testing"),
}
_TRAIN = re.compile(r"(?<![a-z])train(?:ing)?(?![a-z])", re.IGNORECASE)
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Found:
    """What a file seems to hold.

    Attributes:
        source: How it is read.
        values: Label value to its number of rows, or tag to its number of words; empty where
            answers are no classes.
        rows: Examples in it.
        task: What an example's answer is.
        problem: Why the labels give no classes as they stand, and what to do; empty where they do.
    """

    source: DataSource
    values: Mapping[str, int]
    rows: int
    task: str
    problem: str = ""


def find_source(path: Path, text: Sequence[str] = (), label: str | None = None) -> Found:
    """Guess how a file is read, and for which task.

    Args:
        path: The file.
        text: The text columns, where known.
        label: The label column, where known.

    Raises:
        DataError: It cannot be read, or no column looks like a label or a text.
        ValidationError: Its columns cannot be named in an experiment file.
    """
    tagged = None if text or label else detect_tags(path)
    if tagged is not None:
        return Found(*tagged, TAGGED)
    detected = detect_columns(path, text or None, label)
    source = detected.source()
    task = "multiple-choice" if source.choices else detected.task
    return Found(source, detected.label_values, detected.rows, task, detected.problem)


def label_in_all(train: Found, sets: Sequence[Path]) -> str | None:
    """The only column that could be the label of the training data and of every other set.

    Args:
        train: The training data, their label guessed.
        sets: The other files.

    Returns:
        Its name; None where the sets do not decide: there are none, one cannot be read, or no
        column or several are in all of them, with a value in common.
    """
    if train.task != "classification" or not sets:
        return None
    try:
        head, *others = (read_head(path) for path in (Path(str(train.source.path)), *sets))
    except FtftError:
        return None  # it is said where the file is read

    def has(other: Head, name: str) -> bool:
        return bool({*head.columns[name]} & {*other.columns.get(name, [])} - {""})

    could = guessed_labels(head, train.source.text)
    shared = [name for name in could if all(has(other, name) for other in others)]
    return shared[0] if len(shared) == 1 else None


def sets_beside(train: Path) -> dict[str, Path]:
    """The files beside a training file that are called its development and test set.

    First comes what is called as it is, with dev for train or after its name; then what is called
    dev alone.

    Returns:
        ``dev`` and ``test`` to the file, as far as there is one.
    """
    found = {}
    for role, names in _CALLED.items():
        called = [one for name in names for one in _names_of_set(train, name)]
        plain = [f"{name}{train.suffix}" for name in names]
        paths = (train.with_name(one) for one in [*called, *plain] if one != train.name)
        if (path := next((one for one in paths if one.is_file()), None)) is not None:
            found[role] = path
    return found


def _names_of_set(train: Path, name: str) -> list[str]:
    """What a set of this training file is called, by a name for its role."""
    if _TRAIN.search(train.name):
        return [_TRAIN.sub(partial(_in_its_place, name), train.name)]
    return [f"{train.stem}{sign}{name}{train.suffix}" for sign in "-_."]


def _in_its_place(name: str, match: re.Match[str]) -> str:
    given = match[0]
    return name.upper() if given.isupper() else name.capitalize() if given[0].isupper() else name


def find_set(path: Path, train: Found) -> Found:
    """Guess how a development or test set is read, by the training data's columns if it has them.

    Raises:
        DataError: It cannot be read, has no labels, or is for another task.
    """
    source, own = train.source, ("classification", "multiple-choice")
    if train.task == "classification" and format_by_name(path) != "conll":
        names = read_head(path).columns
        text = source.text if all(name in names for name in source.text) else []
        found = find_source(path, text, source.label if source.label in names else None)
    else:
        found = find_source(path)
    if found.task != train.task:
        raise DataError(
            f"{path} looks like data for task: {found.task}, where the training data are for "
            f"{train.task}; name the set in the experiment file yourself."
        )
    if found.task in own and len(found.source.text) != len(source.text):
        raise DataError(
            f"{path}: {len(found.source.text)} text columns were found, where the training data "
            f"have {len(source.text)}; name the set in the experiment file yourself."
        )
    return found


def unknown_labels(found: Found, train: Found) -> list[str]:
    """Label values of a set that are no class of the training data."""
    if train.task != "classification":
        return []
    return [value for value in found.values if respelt(value, train.values) not in train.values]


def mapping_advice(place: str, unknown: Sequence[str], train: Found) -> str:
    """What to say of labels that are no class of the training data."""
    example = flow({value: "CLASS" for value in unknown[:5]})
    return (
        f"{place} has labels that are no classes of the training data "
        f"({named(list(train.values))}): {named(unknown)}; give the set labels: "
        f"{example}, with a class for each"
    )


def set_keys(found: Found, train: Found) -> dict[str, Any]:
    """The keys of a set in the experiment file, without those that it takes over.

    Args:
        found: The set.
        train: The training data.
    """
    every = found.source.model_dump(exclude_defaults=True)
    if found.source.prompt is not None or found.source.messages is not None:
        every = {name: every[name] for name in every if name not in ("text", "label")}
    for names in (("path", "id"), ("path", "id", *FILE_ONLY)):
        keys = {name: value for name, value in every.items() if name in names}
        if _read_alike(EvaluationSet(**keys).completed(train.source), found.source):
            return keys
    return every


def _read_alike(one: DataSource, other: DataSource) -> bool:
    """Whether two sources read a file in the same way."""
    of_files = {*DataSource.model_fields} - {"format", "labels", "label_separator"}
    same = all(getattr(one, name) == getattr(other, name) for name in of_files)
    return same and _format(one) == _format(other)


def _format(source: DataSource) -> str | None:
    return source.format or format_by_name(str(source.path))


def set_name(path: Path, taken: Collection[str]) -> str:
    """A name for a set that no other has: that of its file, with its folder's where needed."""
    stem = _clean(path.name.split(".")[0]) or "set"
    names = [stem, f"{_clean(path.absolute().parent.name) or 'set'}-{stem}"]
    names += [f"{stem}-{number}" for number in range(2, len(taken) + 3)]
    return next(name for name in names if name not in taken)


def _clean(name: str) -> str:
    return _UNFIT.sub("-", name).strip("-._")[:60]
