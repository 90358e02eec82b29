"""Sentences with a tag for each word, from CoNLL files, JSON lines, Parquet and hub data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftft.config.data import DataSource
from ftft.data.faults import Faults
from ftft.data.messages import listed, require_columns
from ftft.data.readers.conll import read_conll
from ftft.data.readers.json_lines import iterate_records
from ftft.data.readers.reading import reading
from ftft.data.sources import columns_of, local_file
from ftft.data.spelling import is_number, same_value
from ftft.errors import DataError

if TYPE_CHECKING:
    from datasets import Features


@dataclass(frozen=True)
class TaggedRows:
    """The sentences of one source that meet its conditions.

    Attributes:
        source: Where they come from.
        words: The words of each of N sentences, at least one.
        tags: As many tags.
        sides: Other columns that the source names (id, slices) to N values.
        places: Where each begins, as in ``row 3`` or ``line 17``.
        left_out: Key of the source to how many sentences it leaves out.
    """

    source: DataSource
    words: list[list[str]]
    tags: list[list[str]]
    sides: dict[str, list[str]]
    places: list[str]
    left_out: dict[str, int]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class _Row:
    place: str
    words: Any
    tags: Any
    sides: Mapping[str, Any]


def read_tagged(source: DataSource, faults: Faults | None = None) -> TaggedRows:
    """Read a source whose ``text`` column holds words and whose ``label`` column their tags.

    Args:
        source: What to read.
        faults: Receives what is wrong with single rows; the others are returned.

    Raises:
        DataError: It cannot be read; a sentence has no words, or more or fewer tags than words; a
            word or a tag is missing; or no sentence is left.
    """
    _refuse_others(source)
    rows = _rows(source)
    kept = [row for row in rows if _meets(row, source.where)]
    if not kept:
        what = "no row meets 'where'" if rows else "there are no sentences"
        raise DataError(f"{source.place}: {what}; at least one sentence was expected.")
    met, lost = len(kept), {"where": len(rows) - len(kept)}
    if source.drop_empty:
        kept = [row for row in kept if row.words or row.tags] or kept
    lost["drop_empty"] = met - len(kept)
    found = Faults(source.place) if faults is None else faults
    kept, pairs = _without_faults(kept, source, found)
    if faults is None:
        found.raise_found()
    names = [*source.slices, *([source.id] if source.id else [])]
    return TaggedRows(
        source=source,
        words=[words for words, _ in pairs],
        tags=[tags for _, tags in pairs],
        sides={name: [_text(row.sides.get(name)) for row in kept] for name in names},
        places=[row.place for row in kept],
        left_out={key: count for key, count in lost.items() if count},
    )


def _without_faults(
    rows: Sequence[_Row], source: DataSource, faults: Faults
) -> tuple[list[_Row], list[tuple[list[str], list[str]]]]:
    """The rows in which nothing is wrong, with their words and tags."""
    kept, pairs, problems = [], [], []
    for row in rows:
        try:
            pairs.append(_checked(row, source))
            kept.append(row)
        except DataError as error:
            problems.append(str(error))
    faults.note_rows(problems)
    return kept, pairs


def _refuse_others(source: DataSource) -> None:
    if len(source.text) != 1:
        raise DataError(
            f"{source.place}: 'text' names {listed(source.text)}, but in token classification it "
            "is the one column of the words."
        )
    if source.label_separator is not None:
        raise DataError(
            f"{source.place}: 'label_separator' is for classification; a word has one tag. Leave "
            "it out."
        )


def _rows(source: DataSource) -> list[_Row]:
    if source.path is None:
        return _hub_rows(source)
    readers: dict[str, Callable[[DataSource, Path], list[_Row]]] = {
        "conll": _conll_rows,
        "jsonl": _json_rows,
        "parquet": _parquet_rows,
    }
    with local_file(source) as (path, chosen):
        if chosen not in readers:
            raise DataError(
                f"{path}: a {chosen} file holds no lists of words and tags; token classification "
                "reads CoNLL files (format: conll), JSON lines, Parquet and hub data sets."
            )
        with reading(path, chosen, in_source=True):
            return readers[chosen](source, path)


def _conll_rows(source: DataSource, path: Path) -> list[_Row]:
    given = [*source.slices, *source.where, *([source.id] if source.id else [])]
    if given:
        raise DataError(
            f"{path}: a CoNLL file has words and tags only, so 'id', 'slices' and 'where' "
            f"({listed(given)}) name nothing in it; leave them out."
        )
    word, tag = (_column(path, name) for name in (source.text[0], source.label))
    sentences = read_conll(path, word, tag)
    return [_Row(f"line {one.line:,}", one.words, one.tags, {}) for one in sentences]


def _column(path: Path, name: str) -> int:
    try:
        number = int(name)
    except ValueError:
        number = 0
    if number == 0:
        raise DataError(
            f"{path}: {name!r} is no column of a CoNLL file, whose columns have no names: give "
            "'text' (the words) and 'label' (the tags) as numbers from 1, or from the end as in -1."
        )
    return number


def _json_rows(source: DataSource, path: Path) -> list[_Row]:
    records = list(iterate_records(path))
    there = list(dict.fromkeys(key for _, record in records for key in record))
    require_columns(columns_of(source) if records else [], there, str(path))
    return [_row(source, record, f"line {line:,}") for line, record in records]


def _parquet_rows(source: DataSource, path: Path) -> list[_Row]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        require_columns(columns_of(source), file.schema_arrow.names, str(path))
        table = file.read(columns=list(columns_of(source)))
        schema = file.schema_arrow
    names = None
    if b"huggingface" in (schema.metadata or {}):
        from datasets import Features

        names = _class_names(Features.from_arrow_schema(schema), source.label)
    return _numbered(source, table.to_pylist(), names)


def _hub_rows(source: DataSource) -> list[_Row]:
    from ftft.data.readers.hub import open_hub

    rows = open_hub(source)
    require_columns(columns_of(source), rows.column_names, source.place)
    with reading(Path(source.place), "a data set"):
        found = rows.select_columns(list(columns_of(source))).with_format("arrow")[:].to_pylist()
    return _numbered(source, found, _class_names(rows.features, source.label))


def _class_names(features: Features, label: str) -> list[str] | None:
    """The names of a list of ``ClassLabel``; None where the tags are something else."""
    inner = features[label]
    inner = getattr(inner, "feature", inner[0] if isinstance(inner, list) else inner)
    names: list[str] | None = getattr(inner, "names", None)
    return names


def _numbered(
    source: DataSource, records: Iterable[dict[str, Any]], names: Sequence[str] | None
) -> list[_Row]:
    rows = [_row(source, record, f"row {n:,}") for n, record in enumerate(records, start=1)]
    if names is None:
        return rows
    return [_Row(one.place, one.words, _named(one.tags, names), one.sides) for one in rows]


def _named(tags: Any, names: Sequence[str]) -> Any:
    if not isinstance(tags, list):
        return tags
    known = range(len(names))
    return [names[tag] if isinstance(tag, int) and tag in known else tag for tag in tags]


def _row(source: DataSource, record: Mapping[str, Any], place: str) -> _Row:
    return _Row(place, record.get(source.text[0]), record.get(source.label), record)


def _meets(row: _Row, where: Mapping[str, Sequence[str]]) -> bool:
    return all(
        same_value(_text(row.sides.get(column))) in {same_value(value) for value in values}
        for column, values in where.items()
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _checked(row: _Row, source: DataSource) -> tuple[list[str], list[str]]:
    """The words and tags of a row, as texts."""
    place = f"{source.place}, {row.place}"
    for name, value in ((source.text[0], row.words), (source.label, row.tags)):
        if not isinstance(value, list | type(None)):
            raise DataError(
                f"{place}: {name!r} holds a {type(value).__name__}; a list was expected, of the "
                "words of a sentence under 'text' and of their tags under 'label'."
            )
    words, tags = row.words or [], row.tags or []
    if len(words) != len(tags):
        raise DataError(
            f"{place}: {len(words):,} words in {source.text[0]!r} but {len(tags):,} tags in "
            f"{source.label!r}; every word needs one tag. Repair the row."
        )
    if not words:
        raise DataError(
            f"{place}: the sentence has no words. Remove it, or leave such sentences out with "
            "drop_empty: true."
        )
    for number, (word, tag) in enumerate(zip(words, tags, strict=True), start=1):
        _check_pair(word, tag, f"{place}, word {number:,}")
    return [str(word) for word in words], [_tag(str(tag), source, place) for tag in tags]


def _check_pair(word: Any, tag: Any, place: str) -> None:
    for what, value in (("word", word), ("tag", tag)):
        if value is None or not isinstance(value, str | int) or not str(value).strip():
            # A space alone is a word in some published files; nothing at all is none.
            if what == "word" and isinstance(value, str) and value:
                continue
            raise DataError(
                f"{place}: the {what} is missing or no text (found {str(value)[:40]!r}). Repair "
                "the row."
            )


def _tag(value: str, source: DataSource, place: str) -> str:
    tag = source.labels.get(value, value)
    if is_number(tag):
        raise DataError(
            f"{place}: the tag {value!r} is a number without a name. Name the tags with 'labels', "
            "as in labels: {0: O, 1: B-person, 2: I-person}."
        )
    return tag
