"""Paths as a command shows them."""

from __future__ import annotations

import os
import re


def from_here(text: str) -> str:
    """Write the paths in a text that lie below the working directory relative to it.

    All others stay as they are, so that one command shows no file in two ways.
    """
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        return text
    if here == os.path.dirname(here):  # a root, of which all is below
        return text
    start = re.escape(here.rstrip(os.sep) + os.sep)
    return re.sub(rf"(?<![\w./~-]){start}(?=[^\s{re.escape(os.sep)}'\"])", "", text)
