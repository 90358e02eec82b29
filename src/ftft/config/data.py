"""Where the labelled data lives and how it is read: the ``data`` part of an experiment.

Everything here is checked without opening a file; what depends on the content
(columns, labels, ids) is checked by :mod:`ftft.data`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ftft.config.answers import text_and_label
from ftft.config.formats import FileFormat, format_by_name
from ftft.config.section import Section
from ftft.config.values import (
    ColumnNames,
    Conditions,
    SetName,
    ValueMapping,
    as_text,
    expand,
)
from ftft.utils.plural import counted
from ftft.utils.remote import is_remote, without_secrets

FILE_ONLY = ("format", "quoting", "header", "columns", "delimiter", "escape")
_HUB_ONLY = ("config", "split", "revision")

HOLDOUT_NAME = "id"
"""The name of the development set that is held out of the training data."""

EVALUATION_ROLES = ("dev", "dev_ood", "test", "test_ood")


class DataSource(Section):
    """One labelled file or hub data set, and how to read it.

    Attributes:
        path: A CSV, TSV, JSON-lines or Parquet file, local or a URL such as ``s3://bucket/train.csv``.
            ``~`` and environment variables are expanded. Either this or ``hub``.
        hub: A data set id for ``datasets.load_dataset``, a local data set folder, or a
            folder written by ``save_to_disk``.
        config: The hub data set's configuration (such as ``mnli`` of ``glue``).
        split: Which split; may be left out where there is only one.
        revision: The commit, tag or branch of the hub data set.
        text: One or two text columns; a single name is accepted.
        choices: For ``task: multiple-choice`` 2 to 10 columns of choices, or one with a list.
        label: The label column; of choices, the column that says which one is right.
        prompt: For ``task: causal-lm`` the column with what the model reads; stands for ``text``.
        completion: For ``task: causal-lm`` the column with what it is to write; stands for
            ``label``.
        messages: For ``task: causal-lm`` the column with chats, lists of messages whose last one,
            the assistant's, is the completion; in place of ``prompt`` and ``completion``.
        group: For ``task: causal-lm`` a column that says which group an example belongs to.
        id: The column with the example ids; without one, ids are made from the content.
        slices: Columns whose values define slices for per-slice scores.
        format: The file's format; by default its suffix tells (``.gz`` may follow).
        quoting: Whether double quotes enclose fields of a CSV or TSV file.
        header: Whether the first line of a CSV or TSV file names the columns.
        columns: The names of the columns of a file without header.
        delimiter: The delimiter, where it is neither the comma of CSV nor the tab of TSV.
        escape: The character that CSV and TSV files may write before a quote or delimiter that is
            part of a text, such as a backslash. By default a quote is written twice.
        where: Keep only the rows whose column has the value, or one of the values.
        labels: Raw label value to class name. Where it is given, a value that is neither
            one of its keys nor one of its classes is an error.
        label_separator: What separates the values of a label cell that holds several. The row
            then gets the class of the first key of ``labels`` that is among them.
        drop_empty: Leave out rows whose text is missing or empty instead of refusing them.
        limit: Keep this many rows, chosen by a hash of their ids.
        seed: Changes which rows ``limit`` keeps.
    """

    path: str | None = None
    hub: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    text: ColumnNames = Field(min_length=1, max_length=2)
    choices: ColumnNames = Field(default=[], max_length=10)
    label: str = Field(min_length=1)
    prompt: str | None = Field(default=None, min_length=1)
    completion: str | None = Field(default=None, min_length=1)
    messages: str | None = Field(default=None, min_length=1)
    group: str | None = Field(default=None, min_length=1)
    id: str | None = None
    slices: ColumnNames = Field(default=[])
    format: FileFormat | None = None
    quoting: bool = True
    header: bool = True
    columns: ColumnNames | None = None
    delimiter: str | None = None
    escape: str | None = None
    where: Conditions = Field(default={})
    labels: ValueMapping = Field(default={})
    label_separator: str | None = Field(default=None, min_length=1)
    drop_empty: bool = False
    limit: int | None = Field(default=None, ge=1, lt=2**63)
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)

    @model_validator(mode="before")
    @classmethod
    def _prompt_is_the_text(cls, values: Any) -> Any:
        return text_and_label(values)

    @field_validator("path", "hub")
    @classmethod
    def _expanded(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is empty")
        return None if value is None else expand(value)

    @field_validator("text", "label", "id", mode="before")
    @classmethod
    def _no_boolean(cls, value: object) -> object:
        return value if value is None or isinstance(value, list | tuple) else as_text(value)

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = "\t" if value == "\\t" else value
        unfit = value is not None and (value.isalnum() or not value.isascii() or value in '"\r\n')
        if value is not None and (len(value) != 1 or unfit):
            raise ValueError("must be one character such as ; or |, no letter, digit or quote")
        return value

    @field_validator("escape")
    @classmethod
    def _one_mark(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or value not in "\\!#$%&'*+-./:?@^_`~"):
            raise ValueError("must be one punctuation mark, usually the backslash")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.escape is not None and self.escape == self.delimiter:
            problems.append("'escape' and 'delimiter' must differ")
        if (self.path is None) == (self.hub is None):
            problems.append("give exactly one of 'path' (a local file) and 'hub' (a data set)")
        elif self.path is None:
            problems += self._out_of_place(FILE_ONLY, "path")
        else:
            problems += self._out_of_place(_HUB_ONLY, "hub")
        if self.label in self.text and self.messages is None:
            names = (
                "'text' and as 'label'" if self.prompt is None else "'prompt' and as 'completion'"
            )
            problems.append(f"{self.label!r} is named both as {names}")
        twice = [name for name in self.choices if name in (*self.text, self.label)]
        if twice:
            problems.append(f"{twice[0]!r} is named both as 'choices' and as 'text' or 'label'")
        if self.label_separator is not None and not self.labels:
            problems.append(
                "'label_separator' needs 'labels', whose order says which of several values counts"
            )
        if self.header and self.columns is not None:
            problems.append(
                "'columns' names the columns of a file without header: add header: false"
            )
        if not self.header and self.columns is None:
            problems.append("a file without header (header: false) needs its 'columns' named")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _out_of_place(self, names: tuple[str, ...], place: str) -> list[str]:
        fields = type(self).model_fields
        changed = [name for name in names if getattr(self, name) != fields[name].default]
        return [f"'{name}' goes with '{place}' only" for name in changed]

    @property
    def nested(self) -> tuple[str, ...]:
        """The columns that may hold lists."""
        return (*self.choices, *([] if self.messages is None else [self.messages]))

    @property
    def num_segments(self) -> int:
        """How many texts a tokenizer is given at a time: text and choice are a pair."""
        return 2 if self.choices else len(self.text)

    @property
    def place(self) -> str:
        """The file or data set as a person would name it in a message."""
        if self.path is not None:
            return without_secrets(self.path) if is_remote(self.path) else self.path
        parts = (self.hub, self.config, self.split)
        return " / ".join(part for part in parts if part)

    def resolved(self, folder: str | Path) -> Self:
        """Return a copy whose relative path is taken from ``folder``.

        A ``hub`` value counts as a local folder where it starts with a dot; otherwise
        it may be the id of a data set and is left alone.
        """
        if self.path is not None and not is_remote(self.path):
            return self.model_copy(update={"path": os.path.join(folder, self.path)})
        if self.hub is not None and self.hub.startswith("."):
            return self.model_copy(update={"hub": os.path.join(folder, self.hub)})
        return self


class EvaluationSet(DataSource):
    """A development or test set: a data source, what it takes over, and merged classes.

    A set without ``choices`` takes those of the training data.
    A set that names neither ``text`` nor ``label`` takes both from the training data
    (its first source), and with them how such a file is read (``header``, ``columns`` and, where
    its own suffix says no other format, ``format``, ``quoting``, ``delimiter``, ``escape``), as far
    as the set does not say. Where it
    gives no ``labels`` it takes the training data's mapping and ``label_separator``. Example ids,
    slices, ``where`` and ``limit`` are never taken over.

    Attributes:
        merge: Model class to evaluation class, where several classes of the model count
            as one here (HANS: neutral and contradiction are both non-entailment). A class
            that is not listed stands for itself.
    """

    text: ColumnNames = Field(default=[], max_length=2)
    label: str = ""
    merge: ValueMapping = Field(default={})

    def completed(self, train: DataSource) -> EvaluationSet:
        """Return a copy that has what this set takes over from the training data."""
        given = self.model_fields_set
        update: dict[str, Any] = {}
        if not self.text and not self.label and self.path is not None and train.path is not None:
            own = None if "format" in given else format_by_name(self.path)
            other = own is not None and own != (train.format or format_by_name(train.path))
            taken = ("header", "columns") if other else FILE_ONLY
            update |= {name: getattr(train, name) for name in taken if name not in given}
            if {"header", "columns"} & given:
                update.pop("header", None)
                update.pop("columns", None)
        for pair in (("text", "prompt"), ("label", "completion"), ("choices", "choices")):
            if not getattr(self, pair[0]):
                update |= {name: getattr(train, name) for name in pair}
        if not self.text and not self.label:
            update["messages"] = train.messages
        if "labels" not in given:
            update |= {name: getattr(train, name) for name in ("labels", "label_separator")}
        copy = self.model_copy(update=update)
        copy.model_fields_set.difference_update(update)  # the set itself still does not give them
        return copy


def _as_sources(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _as_sets(value: object) -> object:
    """Take a text for a path, and leave out what is null: so ``--set`` takes a set or all away."""
    if not isinstance(value, dict):
        return {} if value is None else value
    chosen = {name: one for name, one in value.items() if one is not None}
    unnamed = set(EvaluationSet.model_fields).issuperset(chosen)
    if unnamed and any(isinstance(chosen.get(name), str) for name in ("path", "hub")):
        raise ValueError(
            f"expected sets by name, found the keys of a single set ({', '.join(chosen)}). Give "
            "the set a name and put its keys below it: NAME: {path: ...}"
        )
    return {name: {"path": one} if isinstance(one, str) else one for name, one in chosen.items()}


Sources = Annotated[list[DataSource], BeforeValidator(_as_sources), Field(min_length=1)]
EvaluationSets = Annotated[dict[SetName, EvaluationSet], BeforeValidator(_as_sets)]


class DataConfig(Section):
    """The data of an experiment: training data, development sets and test sets.

    Attributes:
        train: The training data: one source, or a list that is joined. Held as a list.
        classes: The class names in the order of the model's outputs; by default those
            found in the training data, sorted.
        holdout: The share of the training rows that becomes the development set ``id``
            where ``dev`` is empty; without effect otherwise.
        without_room: With task causal-lm, what becomes of an example whose prompt leaves no
            room for its completion within ``max_length``.
        dev, dev_ood: Development sets, in distribution and out of it.
        test, test_ood: Test sets, likewise.
    """

    train: Sources
    classes: ColumnNames | None = Field(default=None, min_length=2)
    holdout: float = Field(default=0.1, ge=0, lt=1)
    without_room: Literal["refuse", "leave-out"] = "refuse"
    dev: EvaluationSets = Field(default={})
    dev_ood: EvaluationSets = Field(default={})
    test: EvaluationSets = Field(default={})
    test_ood: EvaluationSets = Field(default={})

    @field_validator(*EVALUATION_ROLES)
    @classmethod
    def _completed(
        cls, sets: dict[str, EvaluationSet], info: ValidationInfo
    ) -> dict[str, EvaluationSet]:
        sources = info.data.get("train")
        if not sources:  # the training data has its own problem, reported already
            return sets
        return {name: chosen.completed(sources[0]) for name, chosen in sets.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._name_problems(), *self._text_problems()]
        if not self.dev and self.holdout == 0:
            problems.append(
                "there is no development set: give one under 'dev', or a 'holdout' above 0"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _name_problems(self) -> list[str]:
        names = [name for sets in self.evaluation_sets.values() for name in sets]
        names += [] if self.dev else [HOLDOUT_NAME]
        twice = sorted({name for name in names if names.count(name) > 1})
        return [f"two data sets are called {name!r}: set names must differ" for name in twice]

    def _text_problems(self) -> list[str]:
        expected = len(self.train[0].text)
        others = {f"train source {i + 1}": s for i, s in enumerate(self.train)}
        others |= {name: s for sets in self.evaluation_sets.values() for name, s in sets.items()}
        return [
            f"{name} has {counted(len(source.text), 'text column')}, the training data {expected}"
            for name, source in others.items()
            if len(source.text) != expected
        ]

    @property
    def evaluation_sets(self) -> dict[str, dict[str, EvaluationSet]]:
        """All evaluation sets by role: ``dev``, ``dev_ood``, ``test``, ``test_ood``."""
        return {role: getattr(self, role) for role in EVALUATION_ROLES}

    def resolved(self, folder: str | Path) -> DataConfig:
        """Return a copy whose relative paths are taken from ``folder``."""
        update: dict[str, Any] = {"train": [source.resolved(folder) for source in self.train]}
        for role, sets in self.evaluation_sets.items():
            update[role] = {name: chosen.resolved(folder) for name, chosen in sets.items()}
        return self.model_copy(update=update)
