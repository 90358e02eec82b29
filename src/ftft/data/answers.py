"""One source whose labels are answers as texts: prompts with completions, and chats."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataSource
from ftft.data.chats import read_chats
from ftft.data.dataset import SLICE_PREFIX
from ftft.data.faults import Faults
from ftft.data.normalize import (
    ROW,
    Prepared,
    check_ids,
    good_rows,
    prepared,
    read_rows,
    usable_rows,
)


def prepare_answers(source: DataSource, faults: Faults | None = None) -> Prepared:
    """Read a source whose label column holds answers as texts: no classes, nothing mapped.

    Neither text nor answer may be missing or blank; with ``drop_empty`` such rows are left out.
    Chats are taken apart into what stands before the last message, and that message.

    Args:
        source: What to read.
        faults: Receives what is wrong with rows; the others are returned.

    Raises:
        DataError: As for :func:`prepare`; or a chat is not as expected.
    """
    found = Faults(source.place) if faults is None else faults
    read = read_rows(source, found)
    table = found(lambda: _with_answers(read.table, source), read.table)
    check_ids(table, source, found)
    if faults is None:
        found.raise_found()
    elif found:
        table = table.filter(usable_rows(table, source, _answered(table, source)))
    answers = table.column(source.label)
    made = prepared(source, read, table, answers)
    if source.group is not None:
        group = pc.fill_null(table.column(source.group), "")
        made = replace(made, slices={**made.slices, SLICE_PREFIX + source.group: group})
    if source.messages is None:
        return made
    chats = read_chats(source, answers.to_pylist(), table.column(ROW).to_pylist())
    texts = (pa.chunked_array([chats.texts]),)
    return replace(made, texts=texts, classes=chats.completions, messages=chats.before)


def _answered(table: pa.Table, source: DataSource) -> pa.ChunkedArray:
    """The answers without blanks around them, null where there is none."""
    written = pc.utf8_trim_whitespace(table.column(source.label))
    return pc.if_else(pc.equal(written, ""), pa.scalar(None, pa.string()), written)


def _with_answers(table: pa.Table, source: DataSource) -> pa.Table:
    problem = (
        f"nothing in the completion column {source.label!r}. A model learns nothing from an empty "
        "completion."
    )
    return good_rows(table, source, _answered(table, source).is_null(), problem)
