"""``ftft init``: a commented starting file from a data file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftft.cli.common import Overwrite, say, tell
from ftft.cli.init_notes import (
    CANNOT_RUN,
    layers_kept,
    note_encoder,
    note_problems,
    note_size,
    note_unused,
)
from ftft.config.formats import TABLES

if TYPE_CHECKING:
    from ftft.data.detect_sets import Found

_MODELS = {
    "classification": ("microsoft/deberta-v3-small", "microsoft/deberta-v3-large"),
    "causal-lm": ("EleutherAI/pythia-70m", "EleutherAI/pythia-410m"),
    # Their tokenizers have a chat template; those of base models have none.
    "chats": ("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct"),
}
"""Reference and main model of a task."""

_ROLES = {"dev": "development set", "test": "test set", "test_ood": "out-of-distribution test set"}


def init(
    data: Annotated[
        str,
        typer.Argument(
            help=f"The training data: {TABLES}, or CoNLL; a path, or a URL such "
            "as s3://BUCKET/train.csv."
        ),
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text column; give it twice for pairs. Found if left out."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Label column. Found if left out.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Reference model (small). By the task if left out.")
    ] = None,
    main: Annotated[
        str | None, typer.Option(help="Main model (large). By the task if left out.")
    ] = None,
    dev: Annotated[
        list[str] | None,
        typer.Option(help="A development set. Repeatable. Looked for beside the data if left out."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(
            help="An in-distribution test set. Repeatable. Looked for beside the data if left out."
        ),
    ] = None,
    ood: Annotated[
        list[str] | None,
        typer.Option(help="An out-of-distribution test set. Repeatable."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name; from the file and its folder if left out.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; paths of data are taken from there."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a commented experiment file for a data file, to standard output or a file.

    A dev.csv or test.csv beside the data becomes the development or test set; of tickets-train.csv
    and tickets.csv first a tickets-dev.csv or tickets-test.csv. Beside a URL none is looked for.
    Paths in an experiment file count from its folder. On standard output paths are written as you
    gave them, so that they fit a file in the current folder.
    """
    from ftft.config.starter import experiment_name, starter_file
    from ftft.errors import ConfigError
    from ftft.utils.atomic import write_text
    from ftft.utils.remote import is_remote
    from ftft.workspace.own_files import check_output

    given = _opened(data)
    asked = {
        role: None if paths is None else [_opened(path) for path in paths]
        for role, paths in (("dev", dev), ("test", test), ("test_ood", ood))
    }
    found = _found(given, text or (), label, asked)
    kind = "chats" if found.source.messages is not None else found.task
    small, large = _MODELS.get(kind, _MODELS["classification"])
    reference, main = reference or small, main or large
    note_problems(found)
    if found.task == "causal-lm":
        note_encoder("reference", reference, small)
        note_encoder("main", main, large)
    note_unused(given.path, found, label)
    sets = _sets(given, found, asked)
    source = found.source.model_copy(update={"path": _seen_from(output, data)})
    for keys in (keys for named in sets.values() for keys in named.values()):
        keys["path"] = _seen_from(output, keys["path"])
    place = data.partition("://")[2] if is_remote(data) else str(given.path.absolute())
    name = name or experiment_name(place)
    layers = layers_kept(reference) if reference == main else None
    about = (source, found.values, reference, main, name, found.task, sets)
    remark = note_size(found, starter_file(*about))
    written = starter_file(*about, layers=layers, remark=remark)
    if output is None:
        typer.echo(written)
        return
    check_output(output, overwrite=overwrite, error=ConfigError)
    write_text(output, written, ConfigError)
    tell(f"written to {output}")


def _seen_from(output: Path | None, path: str) -> str:
    """A path of data as an experiment file has it, which counts paths from its folder."""
    from ftft.utils.remote import is_remote

    if output is None or is_remote(path):
        return path
    return os.path.relpath(Path(path).absolute(), output.absolute().parent)


@dataclass(frozen=True)
class _Given:
    """A data file: as it was named, and where it is read from."""

    place: str
    path: Path

    @property
    def name(self) -> str:
        """Its own name, without folders."""
        return self.path.name


_Asked = Mapping[str, Sequence[_Given] | None]
"""Role to the sets that were named for it."""


def _opened(place: str) -> _Given:
    """A data file that is there; one at a URL is fetched."""
    from ftft.errors import ConfigError, DataError
    from ftft.utils.remote import is_remote, local_copy, problem_of

    if problem := problem_of(place):
        raise ConfigError(problem)
    return _Given(place, local_copy(place, DataError) if is_remote(place) else Path(place))


def _found(data: _Given, text: Sequence[str], label: str | None, asked: _Asked) -> Found:
    """What a file holds."""
    from ftft.data.detect_sets import find_source

    with _described(data):
        found = find_source(data.path, text, label)
        return found if label is not None else _with_shared_label(data, found, text, asked)


def _with_shared_label(data: _Given, found: Found, text: Sequence[str], asked: _Asked) -> Found:
    """What a file holds, where the other sets say which of its columns is the label."""
    from ftft.data.detect_sets import find_source, label_in_all

    sets = [one for given in asked.values() for one in given or ()]
    shared = label_in_all(found, [one.path for one in sets])
    if shared is None or shared == found.source.label:
        return found
    names = ", ".join(dict.fromkeys(one.name for one in sets))
    say(f"note: {shared!r} is the only column that could be the label in {names} too")
    return find_source(data.path, text, shared)


@contextlib.contextmanager
def _described(given: _Given) -> Iterator[None]:
    """Say of a file what cannot be named in an experiment, and name it as it was named."""
    from pydantic import ValidationError

    from ftft.config.problems import describe_all
    from ftft.errors import ConfigError, FtftError
    from ftft.utils.remote import is_remote

    try:
        yield
    except ValidationError as error:
        problems = "; ".join(problem.in_words() for problem in describe_all(error))
        raise ConfigError(f"{given.place}: {problems}") from error
    except FtftError as error:
        if not is_remote(given.place):
            raise
        raise type(error)(str(error).replace(str(given.path), given.place)) from error


def _sets(data: _Given, train: Found, asked: _Asked) -> dict[str, dict[str, dict[str, Any]]]:
    """Role to name to keys of the sets that were asked for, or are beside the training data."""
    from ftft.data.detect_sets import set_keys, set_name, sets_beside
    from ftft.utils.remote import is_remote

    beside = {} if is_remote(data.place) else sets_beside(data.path)
    given = [(role, one, True) for role, named in asked.items() for one in named or ()]
    given += [
        (role, _Given(str(path), path), False) for role, path in beside.items() if not asked[role]
    ]
    sets: dict[str, dict[str, dict[str, Any]]] = {}
    for role, one, is_asked in sorted(given, key=lambda one: list(_ROLES).index(one[0])):
        found = _set(one, train, asked=is_asked)
        if found is None:
            continue
        if not is_asked:
            say(f"found beside {data.name}: {one.name}, taken as {_ROLES[role]}")
        taken = [name for named in sets.values() for name in named]
        keys = set_keys(found, train) | {"path": one.place}
        sets.setdefault(role, {})[set_name(one.path, taken)] = keys
    return sets


def _set(given: _Given, train: Found, *, asked: bool) -> Found | None:
    """What a set holds; None where it was only found beside the training data and does not fit."""
    from ftft.data.detect_sets import find_set, mapping_advice, unknown_labels
    from ftft.errors import FtftError

    try:
        with _described(given):
            found = find_set(given.path, train)
    except FtftError as error:
        if asked:
            raise
        say(f"note: {given.name} beside it is left out: {error}")
        return None
    unknown = unknown_labels(found, train)
    if not unknown:
        return found
    advice = mapping_advice(given.place, unknown, train)
    if not asked:
        say(f"note: {given.name} beside it is left out: {advice}.")
        return None
    say(f"{CANNOT_RUN}: {advice}.")
    return found
