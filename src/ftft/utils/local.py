"""URLs where a path belongs: ``Path("s3://bucket/file")`` is a file in a folder called ``s3:``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ftft.errors import FtftError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:{1,2})+")
# A URL with one of these may hold a password, a token or a signature.
_MAY_BE_SECRET = re.compile("[@?#]")


def check_local(path: str | os.PathLike[str], error: type[FtftError]) -> None:
    """Check that what is to be written to is a path on this machine.

    Args:
        path: Where something is to be written.
        error: What to raise.

    Raises:
        FtftError: It is a URL; of the given class.
    """
    if url := url_of(path):
        raise error(
            f"{url} is a URL, where a path on this machine was expected. Write to a path; ftft "
            "push, and ftft export with a URL such as s3://BUCKET/train.jsonl, bring what was made "
            "elsewhere."
        )


def url_of(path: str | os.PathLike[str]) -> str:
    """The URL that a path was made from, as it may be shown; empty where it was none."""
    first, *others = Path(path).parts or ("",)
    if not _SCHEME.fullmatch(first):
        return ""
    rest = "/".join(others)
    return f"{first}//{'…' if _MAY_BE_SECRET.search(rest) else rest}"
