"""URLs where a path belongs: ``Path("s3://bucket/file")`` is a file in a folder called ``s3:``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ftft.errors import FtftError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def check_local(path: str | os.PathLike[str], error: type[FtftError]) -> None:
    """Check that what is to be written to is a path on this machine.

    Args:
        path: Where something is to be written.
        error: What to raise.

    Raises:
        FtftError: It is a URL; of the given class.
    """
    first, *others = Path(path).parts or ("",)
    if _SCHEME.fullmatch(first):
        raise error(
            f"{first}//{'/'.join(others)} is a URL, where a path on this machine was expected. "
            "Write to a path; ftft export and ftft push bring what was made to a URL."
        )
