"""What a file's name says of its format."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

FileFormat = Literal["csv", "tsv", "jsonl", "parquet", "conll"]

SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".conll": "conll",
    ".bio": "conll",
    ".iob": "conll",
}

TABLES = "CSV, TSV, JSON lines or Parquet"
"""What tables of examples are read from, in words."""

ENDINGS = ".csv, .tsv, .jsonl or .parquet"
"""The usual endings of these."""


def format_by_name(path: str | Path) -> FileFormat | None:
    """The format that a file's suffix says, ``.gz`` left aside; None where it says none."""
    text = str(path)
    path = Path(text.partition("?")[0] if "://" in text else text)
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return SUFFIXES.get(suffix.lower())
