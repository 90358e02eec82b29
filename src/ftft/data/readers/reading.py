"""What goes wrong while a file is read, as an error that names it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from ftft.errors import DataError, reason

# What a damaged file raises depends on where the damage is.
_READ_ERRORS = (
    *(OSError, EOFError, zlib.error, pa.ArrowException),
    *(ValueError, KeyError, MemoryError, OverflowError),
)


@contextmanager
def reading(path: Path, chosen: str, *, in_source: bool = False) -> Iterator[None]:
    """Turn what the operating system, gzip and pyarrow raise into a DataError.

    Args:
        path: The file.
        chosen: The format that it is read as.
        in_source: Whether it is the ``path`` of a source, which may have a ``format``.
    """
    try:
        yield
    except _READ_ERRORS as error:
        first = reason(str(error).strip().partition("\n")[0][:200])
        key = ", or the key 'format'," if in_source else ""
        raise DataError(
            f"{path} cannot be read as {chosen}: {first}. Check that the file is whole and of "
            f"the format that its name{key} says."
        ) from error
