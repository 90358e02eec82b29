"""Guess what the columns of a file are, so that ``ftft init`` can write a first experiment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from ftft.config.data import DataSource
from ftft.config.formats import FileFormat, format_by_name
from ftft.data.completions import CAUSAL_LM
from ftft.data.detect_choices import find_choices
from ftft.data.load import read_training
from ftft.data.messages import listed, require_columns
from ftft.data.readers.sniff import Head, read_head
from ftft.data.sources import RawTable, read_source
from ftft.errors import DataError

_PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("context", "statement"),
    ("context", "hypothesis"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "answer"),
    ("query", "passage"),
    ("claim", "evidence"),
)
_PROMPTS = (("prompt", "completion"), ("instruction", "output"), ("instruction", "response"))
_TEXTS = ("text", "sentence", "tweet", "review", "comment", "content", "document", "post", "body")
_LABELS = ("label", "gold_label", "labels", "class", "target", "gold", "sentiment", "category", "y")
_IDS = ("id", "example_id", "uid", "guid", "pairid", "pair_id", "uuid", "idx")
_NOT_LABELS = frozenset({"split", "fold", "set", "language", "lang", "genre", "source", "domain"})
_UNLIKELY = _NOT_LABELS | {*_TEXTS}
_MOST_CLASSES = 50
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d{1,4}[/.]\d\d?[/.]\d{1,4}|\d\d?:\d\d")


@dataclass(frozen=True)
class Detected:
    """What a file seems to hold. Every guess can be overruled in the experiment file.

    Attributes:
        path: The file.
        format: Its format.
        delimiter: Only where it is not the one of the format.
        quoting: Whether double quotes enclose fields.
        header: Whether the first row names the columns.
        escape: What is written before a quote that is part of a text, if not another quote.
        columns: All column names; ``column_1``, ``column_2`` … without a header.
        text: One or two text columns.
        label: The label column.
        choices: Of multiple choice, the columns of the choices; else none.
        id: A column of unique ids, if there is one with such a name.
        label_values: Label value to its number of rows, the most frequent first.
        rows: Rows of the file.
        task: What the label is for; of a causal-lm, text and label are prompt and completion, or
            both the column of chats, and values are not counted.
        problem: Why the label column does not give classes as it stands, and what to do; empty
            where it does.
    """

    path: str
    format: FileFormat
    delimiter: str | None
    quoting: bool
    header: bool
    escape: str | None
    columns: tuple[str, ...]
    text: tuple[str, ...]
    label: str
    id: str | None
    label_values: dict[str, int]
    rows: int
    problem: str
    task: str = "classification"
    choices: tuple[str, ...] = ()

    def source(self) -> DataSource:
        """Return the data source that reads the file this way."""
        prompts = self.task == CAUSAL_LM
        found = _source(self.path, self, self.columns, self.text, self.label, self.id, prompts)
        if prompts and found.messages is None:
            return found.model_copy(update={"prompt": self.text[0], "completion": self.label})
        return found.model_copy(update={"choices": list(self.choices)})


def detect_columns(
    path: str | Path, text: str | Sequence[str] | None = None, label: str | None = None
) -> Detected:
    """Guess a file's format, its text, label and id columns, and count its labels.

    Args:
        path: A CSV, TSV, JSON-lines or Parquet file.
        text: The text column or columns, where known.
        label: The label column, where known.

    Returns:
        The guesses. The first rows decide; labels and ids are then checked in the whole file.

    Raises:
        DataError: The file cannot be read, lacks a named column, or none of its columns
            looks like a label or a text.
    """
    path = Path(path)
    head = read_head(path)
    if not any(head.columns.values()):
        raise DataError(f"{path} has no rows; at least one example was expected.")
    names = list(head.columns)
    given = [text] if isinstance(text, str) else list(text or ())
    asked_for = dict.fromkeys(given, "--text") | ({label: "--label"} if label else {})
    require_columns(asked_for, names, str(path))
    pair = None if given or label else _guess_prompt(head)
    if pair is not None:
        return _prompts(path, head, *pair)
    asked = find_choices(head.columns) if not given and label is None else None
    chosen_label = asked.label if asked else label or _guess_label(head, given, path)
    texts = list(asked.text) if asked else given or _guess_texts(head, chosen_label, path)
    guessed_id = _guess_id(head, {chosen_label, *texts, *(asked.choices if asked else ())})
    source = _source(str(path), head, names, texts, chosen_label, guessed_id)
    raw = read_source(source)
    if guessed_id and pc.count_distinct(raw.columns.column(guessed_id)).as_py() < len(raw):
        guessed_id = None
    counts = pc.value_counts(pc.fill_null(raw.columns.column(chosen_label), "")).to_pylist()
    counts.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    return Detected(
        path=str(path),
        format=head.format,
        delimiter=head.delimiter,
        quoting=head.quoting,
        header=head.header,
        escape=head.escape,
        columns=tuple(names),
        text=tuple(texts),
        label=chosen_label,
        id=guessed_id,
        label_values={entry["values"]: entry["counts"] for entry in counts},
        rows=len(raw),
        problem="" if asked else _problem(raw, source.model_copy(update={"id": guessed_id})),
        choices=() if asked is None else asked.choices,
    )


def _guess_prompt(head: Head) -> tuple[str, str] | None:
    """A well-known pair of prompt and completion, or a column of chats twice."""
    by_name = {name.lower(): name for name in head.columns if name}
    chats = by_name.get("messages")
    if chats and all(value.startswith("[") for value in head.columns[chats][:20] if value):
        return chats, chats
    for pair in _PROMPTS:
        if all(part in by_name for part in pair):
            return by_name[pair[0]], by_name[pair[1]]
    return None


def _prompts(path: Path, head: Head, prompt: str, completion: str) -> Detected:
    names = list(head.columns)
    guessed_id = _guess_id(head, {prompt, completion})
    source = _source(str(path), head, names, [prompt], completion, guessed_id, prompts=True)
    raw = read_source(source)
    if guessed_id and pc.count_distinct(raw.columns.column(guessed_id)).as_py() < len(raw):
        guessed_id = None
    return Detected(
        path=str(path),
        format=head.format,
        delimiter=head.delimiter,
        quoting=head.quoting,
        header=head.header,
        escape=head.escape,
        columns=tuple(names),
        text=(prompt,),
        label=completion,
        id=guessed_id,
        label_values={},
        rows=len(raw),
        problem="",
        task=CAUSAL_LM,
    )


def _problem(raw: RawTable, source: DataSource) -> str:
    """What would be refused of the texts, labels and ids when the experiment is run."""
    try:
        read_training([source], raw=raw)
    except DataError as error:
        return str(error)
    return ""


def _source(
    path: str,
    written: Head | Detected,
    columns: Sequence[str],
    texts: Sequence[str],
    label: str,
    example_id: str | None,
    prompts: bool = False,
) -> DataSource:
    return DataSource(
        path=path,
        text=list(texts),
        label=label,
        id=example_id,
        format=None if format_by_name(path) == written.format else written.format,
        quoting=written.quoting,
        header=written.header,
        columns=None if written.header else list(columns),
        delimiter=written.delimiter,
        escape=written.escape,
        messages=label if prompts and label in texts else None,
    )


def _guess_label(head: Head, texts: Sequence[str], path: Path) -> str:
    """Choose by name first, then the first column with few distinct, short values."""
    few = [
        name
        for name, values in head.columns.items()
        if name and name not in texts and could_be_label(values)
    ]
    for known in _LABELS:
        for name, values in head.columns.items():
            # A sorted file may show one class only in its first rows.
            if name.lower() == known and (name in few or len(set(values)) == 1):
                return name
    few = [name for name in few if name.lower() not in _UNLIKELY]
    named = [name for name in few if "label" in name.lower() or "class" in name.lower()]
    if named or few:
        return (named or few)[0]
    raise DataError(
        f"{path}: no column looks like a label (between 2 and {_MOST_CLASSES} different "
        f"values). Name it with --label; the columns are: {listed(head.columns)}."
    )


def guessed_labels(head: Head, texts: Sequence[str]) -> list[str]:
    """The columns that could be the label; none where one has a well-known name."""
    names = [name for name in head.columns if name and name not in texts]
    if any(name.lower() in _LABELS for name in names):
        return []
    likely = (name for name in names if name.lower() not in _UNLIKELY)
    return [name for name in likely if could_be_label(head.columns[name])]


def could_be_label(values: list[str]) -> bool:
    """Whether values look like classes: few, short, repeated, and no dates or times."""
    distinct = set(values)
    if all(_DATE.match(value) for value in distinct if value):
        return False
    repeats = len(values) <= 4 or len(distinct) <= len(values) // 2
    return 2 <= len(distinct) <= _MOST_CLASSES and repeats and _words(values) < 4


def _guess_texts(head: Head, label: str, path: Path) -> list[str]:
    """Choose a well-known pair, else a well-known single name, else the longest texts."""
    by_name = {name.lower(): name for name in head.columns if name and name != label}
    for pair in _PAIRS:
        if all(part in by_name for part in pair):
            return [by_name[part] for part in pair]
    others = {name: _words(head.columns[name]) for name in by_name.values()}
    for known in _TEXTS:
        # A column "post" may hold the posts' ids, beside one of their words.
        if known in by_name and (others[by_name[known]] >= 2 or max(others.values()) < 3):
            return [by_name[known]]
    wordy = sorted((name for name in others if others[name] >= 3), key=lambda n: -others[n])
    if len(wordy) == 2 and not _near_copies(*(head.columns[name] for name in wordy)):
        return [name for name in head.columns if name in wordy]
    if wordy or others:
        return wordy[:1] or [max(others, key=lambda name: _length(head.columns[name]))]
    raise DataError(
        f"{path}: no column is left for the text. Name it with --text; "
        f"the columns are: {listed(head.columns)}."
    )


def is_id_name(name: str) -> bool:
    """Whether a column of this name is taken for ids if no value is there twice."""
    return name.lower() in _IDS or name.lower().endswith("_id")


def _guess_id(head: Head, taken: set[str]) -> str | None:
    candidates = {
        name.lower(): name
        for name, values in head.columns.items()
        if name not in taken and all(values) and len(set(values)) == len(values)
    }
    for known in _IDS:
        if known in candidates:
            return candidates[known]
    return next((name for low, name in candidates.items() if low.endswith("_id")), None)


def _near_copies(first: list[str], second: list[str]) -> bool:
    """Tell whether two columns hold nearly the same texts, such as a text and its template."""
    ratios = [
        difflib.SequenceMatcher(None, a.split(), b.split()).ratio()
        for a, b in zip(first[:50], second[:50], strict=True)
    ]
    return sum(ratios) > 0.7 * len(ratios)


def _words(values: list[str]) -> float:
    return sum(value.count(" ") + 1 for value in values) / max(1, len(values))


def _length(values: list[str]) -> float:
    return sum(map(len, values)) / max(1, len(values))
