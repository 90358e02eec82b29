"""The files that tables are written to, by their endings."""

from __future__ import annotations

from pathlib import Path

ENDINGS = ".csv, .parquet or .jsonl"
"""Those that are offered."""

_KINDS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".json": "jsonl"}


def kind_written(path: Path) -> str | None:
    """How a table is written to a file of this name; None where its ending does not say."""
    return _KINDS.get(path.suffix.lower())
