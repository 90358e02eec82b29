"""From the ``data`` part of an experiment to sentences whose words have tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataConfig, EvaluationSet
from ftft.data.assembly import TRAINING, Evaluation, ReadSet, assemble, read_set
from ftft.data.dataset import SLICE_PREFIX, LabelledDataset, TaskData
from ftft.data.faults import Faults
from ftft.data.load import assign_ids, limited
from ftft.data.messages import listed
from ftft.data.normalize import Prepared
from ftft.data.slips import slips
from ftft.data.tag_sources import TaggedRows, read_tagged
from ftft.errors import DataError
from ftft.utils.nearest import nearest

TASK = "token-classification"
OUTSIDE = "O"

WITHOUT, WITH = "without entities", "with entities"
"""The groups of sentences, which take the place of classes in maps and selections."""


def load_tagged(config: DataConfig) -> TaskData:
    """Read, check and join all the data of an experiment.

    Args:
        config: What to read; relative paths count from the current folder.

    Returns:
        Sets whose rows have ``words`` (a list of strings), ``tags`` (a list of int64, indices into
        ``model_classes``), ``sentence``, the words with entities in brackets, for people, and
        ``label``, whether there is an entity.

    Raises:
        DataError: Something cannot be read or does not fit; names the set, the file and the line.
    """

    def training() -> tuple[ReadSet, Evaluation]:
        parts, tags = _read_training(config)
        dataset = _dataset("train", parts, tags)

        def evaluation(name: str, source: EvaluationSet) -> ReadSet:
            part = _read_evaluation(source)
            return read_set(_dataset(name, [part], tags), [part])

        return read_set(dataset, parts, _remarks(dataset), what=TRAINING), evaluation

    return assemble(config, training, _read_evaluation, alike=_words, copied=_words)


def _read_evaluation(source: EvaluationSet) -> TaggedRows:
    if source.merge:
        raise DataError(
            f"{source.place}: 'merge' is for classification; give the tags the training data's "
            "names with 'labels'."
        )
    return read_tagged(source)


def _read_training(config: DataConfig) -> tuple[list[TaggedRows], list[str]]:
    """The sources of the training data and their tags; all problems are reported together."""
    faults = Faults(config.train[0].place if len(config.train) == 1 else "")
    read = [faults(partial(read_tagged, source, faults), None) for source in config.train]
    parts = [part for part in read if part is not None and len(part)]
    tags = list(config.classes or ())
    if parts and config.classes is not None:
        faults(lambda: _refuse_unknown(parts, tags), None)
    elif parts:
        tags = faults(lambda: _tags(parts), tags)
    if parts and faults:
        faults(lambda: assign_ids([_prepared(part) for part in parts]), None)
    faults.raise_found()
    return parts, tags


def _tags(parts: Sequence[TaggedRows]) -> list[str]:
    found = {tag for part in parts for tags in part.tags for tag in tags}
    if len(found) < 2:
        places = " and ".join(part.source.place for part in parts)
        raise DataError(
            f"all words of {places} have one tag ({listed(found)}); at least two are needed. Check "
            "'label', 'labels' and 'where'."
        )
    _refuse_slips(parts)
    return sorted(found, key=lambda tag: (tag != OUTSIDE, tag))


def _refuse_slips(parts: Sequence[TaggedRows]) -> None:
    counts = Counter(tag for part in parts for tags in part.tags for tag in tags)
    meant = {tag for part in parts for tag in part.source.labels.values()}
    found: dict[str, str] = {}
    for prefix in {tag[:2] for tag in counts}:  # B-PER and I-PER are no slips
        found |= slips({tag: n for tag, n in counts.items() if tag[:2] == prefix}, meant)
    if found:
        raise DataError(" Also: ".join(_slip(parts, *one, counts) for one in found.items()))


def _slip(parts: Sequence[TaggedRows], slip: str, tag: str, counts: Mapping[str, int]) -> str:
    part, place = next(
        (part, place)
        for part in parts
        for place, tags in zip(part.places, part.tags, strict=True)
        if slip in tags
    )
    return (
        f"{part.source.place}, sentence at {place}: the tag {slip[:40]!r}, the only one, is "
        f"one slip away from {tag!r} ({counts[tag]:,} words). Correct the file, or map it, as "
        f"in labels: {{{slip[:40]}: {tag}}}; if it is meant, list all tags in data.classes."
    )


def _refuse_unknown(parts: Sequence[TaggedRows], tags: Sequence[str]) -> None:
    known = set(tags)
    for part in parts:
        for place, words in zip(part.places, part.tags, strict=True):
            unknown = next((tag for tag in words if tag not in known), None)
            if unknown is not None:
                raise DataError(
                    f"{part.source.place}, sentence at {place}: the tag {unknown[:40]!r} is none "
                    f"of the training data's.{nearest(unknown, tags)} "
                    f"The tags are: {listed(tags)}. "
                    "Map it to one of them, as in labels: {B-PER: B-person, B-MISC: O}, or list "
                    "all tags in data.classes."
                )


def _dataset(name: str, parts: Sequence[TaggedRows], tags: Sequence[str]) -> LabelledDataset:
    _refuse_unknown(parts, tags)
    table, groups = _joined(parts, tags), (WITHOUT, WITH)
    return LabelledDataset.from_table(name, table, groups, model_classes=tags, task=TASK)


def _joined(parts: Sequence[TaggedRows], tags: Sequence[str]) -> pa.Table:
    prepared = [_prepared(part) for part in parts]
    ids = assign_ids(prepared)
    slices = dict.fromkeys(column for part in prepared for column in part.slices)
    index = {tag: number for number, tag in enumerate(tags)}
    tables, start = [], 0
    for part, one in zip(parts, prepared, strict=True):
        numbers = [[index[tag] for tag in found] for found in part.tags]
        columns = {
            "example_id": ids.slice(start, len(part)),
            "sentence": pa.array(map(marked, part.words, part.tags), pa.string()),
            "words": pa.array(part.words, pa.list_(pa.string())),
            "tags": pa.array(numbers, pa.list_(pa.int64())),
            "label": pa.array([int(set(found) != {OUTSIDE}) for found in part.tags], pa.int64()),
        }
        nothing = pa.repeat("", len(part))
        columns |= {column: one.slices.get(column, nothing) for column in slices}
        tables.append(limited(pa.table(columns), one))
        start += len(part)
    return pa.concat_tables(tables)


def _prepared(part: TaggedRows) -> Prepared:
    """Sentences as texts with classes, for what makes ids and limits."""
    source = part.source
    ids = None if source.id is None else part.sides[source.id]
    if ids is not None and "" in ids:
        raise DataError(
            f"{source.place}, {part.places[ids.index('')]}: the id column {source.id!r} is empty. "
            "Every row needs an id; without an 'id' column, ids are made from the content."
        )
    return Prepared(
        source=source,
        texts=(_strings("\0".join(words) for words in part.words),),
        classes=pa.array(["\0".join(tags) for tags in part.tags], pa.string()),
        ids=None if ids is None else _strings(ids),
        slices={SLICE_PREFIX + name: _strings(part.sides[name]) for name in source.slices},
        rows=pa.chunked_array([pa.array(np.arange(1, len(part) + 1))]),
    )


def _strings(values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def split_tag(tag: str) -> tuple[str, str]:
    """The prefix of a tag and the type of its entity: ``B`` and ``person`` of ``B-person``.

    A tag without a prefix, such as ``NOUN``, continues from word to word, as ``I-NOUN`` does; of
    ``O`` both are empty.
    """
    if tag == OUTSIDE:
        return "", ""
    prefix, dash, kind = tag.partition("-")
    return (prefix, kind) if dash and prefix in {*"BIES"} else ("I", tag)


def continues_entity(before: str, tag: str) -> bool:
    """Whether a word belongs to the entity of the word before it, as conlleval decides."""
    (first, kind), (second, other) = split_tag(before), split_tag(tag)
    return first in {"B", "I"} and second in {"I", "E"} and kind == other


def marked(words: Sequence[str], tags: Sequence[str]) -> str:
    """A sentence with its entities in brackets, each with its type after it."""
    shown: list[str] = []
    before = OUTSIDE
    for word, tag in zip(words, tags, strict=True):
        inside = continues_entity(before, tag)
        if before != OUTSIDE and not inside:
            shown[-1] += f"]({split_tag(before)[1]})"
        shown.append(word if tag == OUTSIDE or inside else f"[{word}")
        before = tag
    if before != OUTSIDE:
        shown[-1] += f"]({split_tag(before)[1]})"
    return " ".join(shown)


def _words(data: LabelledDataset) -> pa.ChunkedArray:
    """The words of each sentence as one text, without its tags."""
    return pc.binary_join(data.table.column("words"), "\0")


def _remarks(train: LabelledDataset) -> tuple[str, ...]:
    tags = train.model_classes
    counts = Counter(pc.list_flatten(train.table.column("tags")).to_pylist())
    rare = [f"{tag} ({counts[number]})" for number, tag in enumerate(tags) if counts[number] < 2]
    if not rare:
        return ()
    return (f"of some tags there is one word in the training data at most: {listed(rare)}",)


def words_at(dataset: LabelledDataset, places: pa.Table) -> pa.Table:
    """Add the words to a table of places in sentences.

    Args:
        dataset: The sentences.
        places: Rows with ``example_id``, ``position`` (of a word, from 1) and ``label``, its tag.

    Returns:
        The table with a column ``word`` after the position.

    Raises:
        DataError: A sentence is not in the data, or has another tag there.
    """
    ids = pc.index_in(places.column("example_id"), value_set=dataset.example_ids)
    if ids.null_count:
        unknown = places.column("example_id").filter(ids.is_null())[0].as_py()
        raise DataError(
            f"data set {dataset.name!r}: there is no sentence {unknown!r}. Give the experiment "
            "that the dynamics were recorded with."
        )
    words, tags = (dataset.table.column(name).combine_chunks() for name in ("words", "tags"))
    at = ids.to_numpy().astype(np.int64)
    ends = words.offsets.to_numpy() - words.offsets[0].as_py()
    where = ends[at] + places.column("position").to_numpy() - 1
    inside = where < ends[at + 1]
    where = np.where(inside, where, 0)
    names = np.array(dataset.model_classes, dtype=object)
    same = names[tags.flatten().to_numpy()[where]] == np.array(places.column("label").to_pylist())
    if not (inside & same).all():
        other = places.slice(int(np.argmin(inside & same)), 1).to_pylist()[0]
        raise DataError(
            f"data set {dataset.name!r}: word {other['position']} of sentence "
            f"{other['example_id']!r} has not the tag {other['label']} that was recorded. Give the "
            "experiment that the dynamics were recorded with."
        )
    found = words.flatten().take(pa.array(where))
    return places.add_column(places.column_names.index("position") + 1, "word", found)
