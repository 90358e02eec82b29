"""One source, made ready: rows chosen, texts checked, label values turned into classes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataSource
from ftft.data.dataset import SLICE_PREFIX
from ftft.data.faults import Faults
from ftft.data.ids import first_repeat, repeat_message
from ftft.data.labels import Unknown, to_classes
from ftft.data.lines import rows_in
from ftft.data.messages import listed
from ftft.data.sources import RawTable, read_source
from ftft.data.spelling import same_value
from ftft.errors import DataError
from ftft.utils.nearest import nearest

ROW = "\0row"  # cannot be the name of a column in a file

# What programs write into a cell that is empty. One among many cells may well be a text.
_MISSING = frozenset(
    {"NaN", "nan", "NAN", "null", "NULL", "None", "N/A", "n/a", "#N/A", "NA", "<NA>", "NaT"}
)
_FEW_MISSING = 0.001


@dataclass(frozen=True)
class Prepared:
    """The examples of one source, ids still to be assigned.

    Attributes:
        source: Where they come from.
        texts: One or two columns of N texts, without nulls.
        classes: N class names; of choices, the letter of the right one.
        ids: The id column, or None where ids are to be made.
        slices: Slice column name to N values, without nulls.
        rows: For messages: the row of each example in its source, from 1, int64.
        choices: Column of the data set to N choices, empty where a row has fewer.
        messages: Of chats, the messages before the completion, as JSON.
        remarks: What looks odd, one sentence or two each: values of ``where`` that no row has.
        unknown: The label values of other rows, which stand for no class.
        left_out: Key of the source to how many rows it leaves out, of those that leave out some.
    """

    source: DataSource
    texts: tuple[pa.ChunkedArray, ...]
    classes: pa.Array | pa.ChunkedArray
    ids: pa.ChunkedArray | None
    slices: dict[str, pa.ChunkedArray]
    rows: pa.ChunkedArray
    remarks: tuple[str, ...] = ()
    choices: dict[str, pa.Array] = field(default_factory=dict)
    messages: pa.Array | None = None
    unknown: Unknown | None = None
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.classes)


def prepare(
    source: DataSource,
    *,
    known: Collection[str] | None,
    merge: dict[str, str] | None = None,
    faults: Faults | None = None,
    raw: RawTable | None = None,
) -> Prepared:
    """Read a source and bring its columns into the canonical form.

    A text must not be missing (null), and a row must have at least one text that is not
    empty; of two texts one may be empty. With ``drop_empty`` such rows are left out.

    Args:
        source: What to read.
        known: The classes there may be after merging; None: those that are found.
        merge: Class to evaluation class.
        faults: Receives what is wrong with rows, but for ``unknown``; the others are returned.
        raw: The source, where it was read before.

    Returns:
        The rows that meet ``where``, in the order of the source.

    Raises:
        DataError: As for :func:`read_source`; a text, an id or a label is missing, a label
            value stands for no class, or no row is left; with ``faults`` only the first.
    """
    found = Faults(source.place) if faults is None else faults
    read = read_rows(source, found, raw)
    raw, table = read.raw, read.table
    mapping = {_alias(raw, source.label, key): name for key, name in source.labels.items()}
    if known is None and not mapping:
        # Integers with names: one without a name, such as -1, says that there is no label.
        known = raw.value_names.get(source.label)
    labels, rows = table.column(source.label), table.column(ROW)
    nothing: tuple[pa.Array, Unknown | None] = (pa.nulls(len(table), pa.string()), None)
    classes, unknown = found(
        lambda: to_classes(labels, source, mapping, known=known, merge=merge, rows=rows), nothing
    )
    if unknown is not None and faults is None:
        found.note(unknown.message())
    check_ids(table, source, found)
    if faults is None:
        found.raise_found()
    elif found or unknown is not None:
        usable = usable_rows(table, source, classes)
        table, classes = table.filter(usable), classes.filter(usable)
    return replace(prepared(source, read, table, classes), unknown=unknown)


def usable_rows(
    table: pa.Table, source: DataSource, classes: pa.Array | pa.ChunkedArray | None = None
) -> pa.Array:
    """Which rows have a text, a class and, where there is a column of them, an id of their own."""
    without = [without_texts(table, source), *([] if classes is None else [classes.is_null()])]
    if source.id is not None:
        ids = pc.fill_null(table.column(source.id), "")
        again = np.zeros(len(table), dtype=np.bool_)
        again[(first_repeat(ids.combine_chunks()) or (0, []))[1]] = True
        without += [_empty(ids), again]
    return pa.array(~np.logical_or.reduce([np.asarray(one) for one in without]))


@dataclass(frozen=True)
class Rows:
    """A source as it was read.

    Attributes:
        raw: All of it.
        table: The rows that meet ``where`` and have a text, with a column ``ROW``, their number in
            the source.
        met: How many rows meet ``where``.
    """

    raw: RawTable
    table: pa.Table
    met: int


def read_rows(source: DataSource, faults: Faults, raw: RawTable | None = None) -> Rows:
    """Read a source, and of its rows those that meet ``where`` and have a text.

    Args:
        source: What to read.
        faults: Receives which texts are missing; such rows are then returned, too.
        raw: The source, where it was read before.

    Raises:
        DataError: As for :func:`read_source`; or no row is left.
    """
    raw = read_source(source) if raw is None else raw
    table = raw.columns.append_column(ROW, pa.array(np.arange(1, len(raw) + 1)))
    kept = _keep_where(table, raw, source)
    return Rows(raw, faults(lambda: with_texts(kept, source), kept), len(kept))


def check_ids(table: pa.Table, source: DataSource, faults: Faults) -> None:
    """Note which ids are missing or there twice, where the source has a column of ids."""
    if source.id is not None:
        column = source.id
        faults(lambda: _checked_ids(table, source, column), None)
        faults(lambda: _refuse_repeats(table, source, column), None)


def prepared(
    source: DataSource,
    read: Rows,
    table: pa.Table,
    classes: pa.Array | pa.ChunkedArray,
    choices: dict[str, pa.Array] | None = None,
) -> Prepared:
    """Put together the examples of a source, which are those rows that :func:`read_rows` gave.

    Raises:
        DataError: An id is missing.
    """
    lost = {"where": len(read.raw) - read.met, "drop_empty": read.met - len(table)}
    return Prepared(
        source=source,
        texts=tuple(table.column(name) for name in source.text),
        classes=classes,
        choices=choices or {},
        ids=None if source.id is None else _checked_ids(table, source, source.id),
        slices={SLICE_PREFIX + s: pc.fill_null(table.column(s), "") for s in source.slices},
        rows=table.column(ROW),
        remarks=(*_without_rows(read.raw, source), *_as_if_missing(table, source)),
        left_out={key: count for key, count in lost.items() if count},
    )


def _alias(raw: RawTable, column: str, value: str) -> str:
    """Let the integers of a ``ClassLabel`` column be written for their names."""
    names = raw.value_names.get(column, ())
    is_position = value not in names and value.isdecimal() and int(value) < len(names)
    return names[int(value)] if is_position else value


def _keep_where(table: pa.Table, raw: RawTable, source: DataSource) -> pa.Table:
    for column, values in source.where.items():
        named = [_alias(raw, column, value) for value in values]
        accepted = pa.array(_spelt(named, table.column(column)), pa.string())
        kept = table.filter(pc.is_in(pc.fill_null(table.column(column), ""), value_set=accepted))
        if len(kept) == 0:
            there = [value for value in pc.unique(table.column(column)).to_pylist() if value]
            raise DataError(
                f"{source.place}: no row has {column!r} equal to {listed(values)}, as 'where' asks."
                f"{nearest(values[0], there) if values else ''} "
                f"The column holds: {listed(there)}."
            )
        table = kept
    return table


def _without_rows(raw: RawTable, source: DataSource) -> Iterator[str]:
    """Say which values of ``where`` no row has, before any other condition."""
    for column, values in source.where.items():
        there = pc.unique(pc.fill_null(raw.columns.column(column), "")).to_pylist()
        known = {*there, *map(same_value, there)}
        missing = [v for v in values if not {a := _alias(raw, column, v), same_value(a)} & known]
        if missing:
            yield (
                f"{source.place}: 'where' asks for {listed(missing)} in {column!r}, which no row "
                f"has.{nearest(missing[0], there)} The column holds: {listed(there)}"
            )


def _as_if_missing(table: pa.Table, source: DataSource) -> Iterator[str]:
    """Say which rows have a text that programs write where there is none."""
    words = pa.array(sorted(_MISSING), pa.string())
    for name in source.text:
        column = table.column(name)
        is_one = pc.is_in(column, value_set=words)
        rows = table.column(ROW).filter(is_one).to_pylist()
        if len(rows) > 1 or len(rows) > _FEW_MISSING * len(table):
            yield (
                f"{source.place}, {rows_in(source, rows)}: the text {name!r} is "
                f"{listed(sorted(pc.unique(column.filter(is_one)).to_pylist()))}, which often says "
                "that there is none. If so, empty these cells and give the source drop_empty: true"
            )


def _spelt(values: list[str], column: pa.ChunkedArray) -> list[str]:
    """Let a number or a truth value that is not in the column stand for its spellings there."""
    there = [value for value in pc.unique(column).to_pylist() if value is not None]
    missing = {same_value(value) for value in set(values).difference(there)}
    return [*values, *(value for value in there if same_value(value) in missing)]


def with_texts(table: pa.Table, source: DataSource) -> pa.Table:
    """The rows that have a text.

    Raises:
        DataError: One has none, and the source does not say ``drop_empty``; or none has one.
    """
    problem = (
        f"no text in {listed(source.text)}. A text must not be missing, and of two texts one may "
        "be empty, not both."
    )
    return good_rows(table, source, without_texts(table, source), problem)


def good_rows(
    table: pa.Table, source: DataSource, is_bad: pa.ChunkedArray, problem: str
) -> pa.Table:
    """The rows that are not bad, where the source says ``drop_empty`` and some are left.

    Raises:
        DataError: Otherwise, where any row is bad.
    """
    bad = table.column(ROW).filter(is_bad)
    if len(bad) == 0:
        return table
    if source.drop_empty and len(bad) < len(table):
        return table.filter(pc.invert(is_bad))
    raise DataError(
        f"{source.place}, {rows_in(source, bad.to_pylist())}: {problem} Repair the rows, or leave "
        "them out with drop_empty: true."
    )


def without_texts(table: pa.Table, source: DataSource) -> pa.ChunkedArray:
    """Which rows lack a text, or have empty ones only."""
    missing = [table.column(name).is_null() for name in source.text]
    empty = [_empty(pc.utf8_trim_whitespace(table.column(name))) for name in source.text]
    is_bad = missing[0] if len(missing) == 1 else pc.or_(*missing)
    return pc.or_(is_bad, empty[0] if len(empty) == 1 else pc.and_(*empty))


def _empty(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(column, ""), True)


def _checked_ids(table: pa.Table, source: DataSource, column: str) -> pa.ChunkedArray:
    ids = table.column(column)
    bad = table.column(ROW).filter(_empty(ids))
    if len(bad):
        at = rows_in(source, bad.to_pylist())
        raise DataError(
            f"{source.place}, {at}: the id column {column!r} is empty. "
            "Every row needs an id; without an 'id' column, ids are made from the content."
        )
    return ids


def _refuse_repeats(table: pa.Table, source: DataSource, column: str) -> None:
    there = table.filter(pc.invert(_empty(table.column(column))))
    ids, rows = there.column(column).combine_chunks(), there.column(ROW)
    repeat = first_repeat(ids)
    if repeat is None:
        return
    first, others = repeat
    again = rows.take(pa.array(others)).to_pylist()
    said = rows_in(source, again) if len(again) > 1 else ""
    names = (rows_in(source, [rows[first].as_py()]), rows_in(source, again[:1]))
    raise DataError(f"{source.place}: {repeat_message(ids[first].as_py(), *names, said)}")
