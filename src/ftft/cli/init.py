"""``ftft init``: a commented starting file from a data file."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftft.cli.common import Overwrite, say, tell
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

_UNKNOWN_CUT = 2
"""Layers of a reference that is the main model too, where nobody knows how many that has."""

_LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "encoder_layers", "num_layers")
"""What families of models call their layers in config.json."""

_ROLES = {"dev": "development set", "test": "test set", "test_ood": "out-of-distribution test set"}

# Families of encoders, in names and in the model_type of a config.json.
_ENCODER = re.compile(
    r"bert(?!-?decoder)|electra|mpnet|minilm|xlm-r|ernie|xlnet|nystromformer|longformer|big-?bird",
    re.IGNORECASE,
)


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
    from ftft.data.detect_sets import find_source
    from ftft.errors import ConfigError
    from ftft.utils.atomic import check_free, write_text
    from ftft.utils.remote import is_remote

    given = _opened(data)
    asked = {
        role: None if paths is None else [_opened(path) for path in paths]
        for role, paths in (("dev", dev), ("test", test), ("test_ood", ood))
    }
    with _described(given):
        found = find_source(given.path, text or (), label)
        if label is None:
            found = _with_shared_label(given, found, text, asked)
    chats = found.source.messages is not None
    small, large = _MODELS.get("chats" if chats else found.task, _MODELS["classification"])
    reference, main = reference or small, main or large
    if found.problem:
        say(f"note: this experiment cannot run as it stands: {found.problem}")
    if found.task == "classification" and len(found.values) == 1:
        (only,) = found.values
        say(
            f"note: this experiment cannot run as it stands: all {found.values[only]:,} rows have "
            f"one label, {only!r}, in the column {found.source.label!r}; a classifier needs at "
            "least two. Name another column with --label, or add the rows of other classes."
        )
    if found.task == "causal-lm":
        for option, model in (("reference", reference), ("main", main)):
            _note_encoder(option, model, small if option == "reference" else large)
    _note_unused(given.path, found, label)
    sets = _sets(given, found, asked)

    def moved(path: str) -> str:
        if output is None or is_remote(path):
            return path
        return os.path.relpath(Path(path).absolute(), output.absolute().parent)

    source = found.source.model_copy(update={"path": moved(data)})
    for keys in (keys for named in sets.values() for keys in named.values()):
        keys["path"] = moved(keys["path"])
    place = data.partition("://")[2] if is_remote(data) else str(given.path.absolute())
    name = name or experiment_name(place)
    layers = _cut(reference) if reference == main else None
    about = (source, found.values, reference, main, name, found.task, sets)
    remark = _on_size(found, starter_file(*about))
    written = starter_file(*about, layers=layers, remark=remark)
    if output is None:
        typer.echo(written)
        return
    check_free(output, overwrite=overwrite, error=ConfigError)
    write_text(output, written, ConfigError)
    tell(f"written to {output}")


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


def _with_shared_label(
    data: _Given, found: Found, text: Sequence[str] | None, asked: _Asked
) -> Found:
    """What a file holds, where the other sets say which of its columns is the label."""
    from ftft.data.detect_sets import find_source, label_in_all

    sets = [one for given in asked.values() for one in given or ()]
    shared = label_in_all(found, [one.path for one in sets])
    if shared is None or shared == found.source.label:
        return found
    names = ", ".join(dict.fromkeys(one.name for one in sets))
    say(f"note: {shared!r} is the only column that could be the label in {names} too")
    return find_source(data.path, text or (), shared)


@contextlib.contextmanager
def _described(given: _Given) -> Iterator[None]:
    """Say of a file what cannot be named in an experiment, and name it as it was named."""
    from pydantic import ValidationError

    from ftft.config.load import describe_all
    from ftft.errors import ConfigError, FtftError
    from ftft.utils.remote import is_remote

    try:
        yield
    except ValidationError as error:
        problems = [problem.removeprefix("experiment: ") for problem in describe_all(error)]
        raise ConfigError(f"{given.place}: {'; '.join(problems)}") from error
    except FtftError as error:
        if not is_remote(given.place):
            raise
        raise type(error)(str(error).replace(str(given.path), given.place)) from error


def _note_unused(data: Path, found: Found, label: str | None) -> None:
    """Name the columns that the experiment does not read, so that no text or label is missed."""
    from ftft.data.detect import could_be_label, is_id_name
    from ftft.data.readers.sniff import read_head

    source = found.source
    if found.task != "classification":
        return
    read = {*source.text, source.label, source.id}
    columns = read_head(data).columns
    unused = [name for name in columns if name not in read]
    repeated = [name for name in unused if source.id is None and is_id_name(name)]
    for name in repeated:
        say(f"note: {name!r} is not taken for ids: a value is there twice, or missing")
    others = [name for name in unused if name not in repeated]
    if others:
        say(
            f"note: not read: {', '.join(map(repr, others))}. --text names the texts (twice for "
            "pairs), and a source's 'slices' other columns to score by"
        )
    rivals = [name for name in others if could_be_label(columns[name])]
    if rivals and label is None:
        say(
            f"note: {source.label!r} is taken for the label; {', '.join(map(repr, rivals))} could "
            "be it as well. --label names it"
        )


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
    say(f"note: this experiment cannot run as it stands: {advice}.")
    return found


def _on_size(found: Found, written: str) -> str:
    """What to expect of so many rows with the settings of a starting file; it is also said."""
    from ftft.config.yaml_core import parse
    from ftft.transfer.evidence import note_on_steps, notes_on_size

    values = parse(written)
    main = values["main"]
    rows = found.rows * (1 - values["data"].get("holdout", 0))
    erm = math.ceil(rows / main["batch_size"]) * main["epochs"]
    note = note_on_steps(found.rows, erm, max(1, round(erm * main["budget"])))
    for line in [f"note: {note}"] if note else notes_on_size(found.rows):
        say(line)
    return note


def _cut(model: str) -> int | None:
    """Layers for a reference that is the main model too; whole it costs more than FTFT saves."""
    config = _config_of(model)
    counts = (config.get(name) for name in _LAYER_KEYS)
    whole = next((count for count in counts if isinstance(count, int)), None)
    if whole is not None and whole < 2:
        say(
            "note: reference and main model are the same, of one layer; name a smaller one with "
            "--reference, or FTFT saves nothing"
        )
        return None
    layers = _UNKNOWN_CUT if whole is None else max(1, whole // 4)
    cut = f"{layers} of {whole} layers" if whole else f"{layers} layers if it has more"
    otherwise = "" if whole else "; if it has no more, name a smaller one with --reference"
    say(
        f"note: reference and main model are the same; the reference is cut to {cut} "
        f"(reference.layers), since whole it would cost more than FTFT saves{otherwise}"
    )
    return layers


def _config_of(model: str) -> Mapping[str, Any]:
    """The config.json of a model that is a folder here; empty of others."""
    from ftft.utils.packages import PACKAGE_PREFIX, home_of

    folder: Path | None = Path(model)
    if model.startswith(PACKAGE_PREFIX):
        package, _, inside = model.removeprefix(PACKAGE_PREFIX).partition("/")
        home = home_of(package)
        folder = None if home is None else home / inside
    if folder is None:
        return {}
    try:
        found = json.loads((folder.expanduser() / "config.json").read_bytes())
    except (OSError, ValueError, RuntimeError):
        return {}  # of the hub
    return found if isinstance(found, dict) else {}


def _note_encoder(option: str, model: str, instead: str) -> None:
    """Say that a model is an encoder, where one that writes text is needed."""
    kind = _config_of(model).get("model_type")  # of the hub the name says it
    if _ENCODER.search(kind if isinstance(kind, str) else model):
        say(
            f"note: --{option} {model} is an encoder, and prompts with completions need a decoder "
            f"(a causal language model), such as {instead}"
        )
