"""Find words and tags in a file, so that ``ftft init`` can write a first experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ftft.config.data import DataSource
from ftft.config.formats import format_by_name
from ftft.data.readers.sniff import read_head
from ftft.data.sources import check_file
from ftft.data.tag_sources import read_tagged

_WORDS = ("tokens", "words", "token", "word")
_TAGS = ("tags", "ner_tags", "ner", "labels", "tag", "pos_tags")


def detect_tags(path: Path) -> tuple[DataSource, dict[str, int], int] | None:
    """The source of a file of tagged sentences, how many words have each tag, and their number.

    Args:
        path: A CoNLL file, by its suffix, or JSON lines or Parquet with lists of words and tags.

    Returns:
        None where the file holds something else.

    Raises:
        DataError: It holds tagged sentences and something is wrong with them.
    """
    check_file(path)
    chosen = format_by_name(path)
    if chosen == "conll":
        source = DataSource(path=str(path), text=["1"], label="-1")
    elif chosen in ("jsonl", "parquet"):
        columns = read_head(path).columns
        words, tags = _list_column(columns, _WORDS), _list_column(columns, _TAGS)
        if words is None or tags is None:
            return None
        source = DataSource(path=str(path), text=[words], label=tags)
    else:
        return None
    found = read_tagged(source)
    counts = Counter(tag for tags in found.tags for tag in tags)
    return source, dict(counts.most_common()), len(found)


def _list_column(columns: Mapping[str, Sequence[str]], names: Sequence[str]) -> str | None:
    """The first column of such a name whose values are lists."""
    by_name = {name.lower(): name for name in columns}
    for name in names:
        values = [value for value in columns.get(by_name.get(name, ""), []) if value]
        if values and all(value.startswith("[") for value in values):
            return by_name[name]
    return None
