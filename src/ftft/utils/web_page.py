"""Pages of a web site, where the file that they show was wanted."""

from __future__ import annotations

import re
from pathlib import Path

_BEGINNING = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)[\s>]", re.IGNORECASE)
_LOOKED_AT = 2_000

# Sites that show a file on a page: its address, and that of the file itself.
_SITES = (
    (
        re.compile(r"https?://(?:www\.)?github\.com/([^/]+/[^/]+)/blob/(.+)"),
        r"https://raw.githubusercontent.com/\1/\2",
    ),
    (
        re.compile(r"(https?://(?:www\.)?(?:huggingface\.co|hf\.co)/.+?)/blob/(.+)"),
        r"\1/resolve/\2",
    ),
    (re.compile(r"(https?://[^/]*gitlab[^/]*/.+?)/blob/(.+)"), r"\1/raw/\2"),
)


def is_web_page(path: Path) -> bool:
    """Whether a file is an HTML page, whatever it is called; not where it cannot be read."""
    try:
        with path.open("rb") as file:
            return bool(_BEGINNING.match(file.read(_LOOKED_AT)))
    except OSError:
        return False  # whoever reads it next says why it cannot be


def raw_address(url: str) -> str:
    """Which address to take instead of that of a page, as part of a sentence.

    Args:
        url: Of the page, as it may be shown; empty where it is not known.
    """
    for page, file in _SITES:
        if page.fullmatch(url):
            return page.sub(file, url)
    return (
        "the address of the file itself: on GitHub what the button Raw leads to "
        "(raw.githubusercontent.com), on the hub /resolve/ in the place of /blob/"
    )
