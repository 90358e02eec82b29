"""Whether progress is drawn on the terminal."""

from __future__ import annotations

import sys

_chosen = {"bars": True}


def allow_bars(wanted: bool) -> None:
    """Say whether bars may be drawn in this process."""
    _chosen["bars"] = wanted


def shows_bars() -> bool:
    """Whether bars are drawn: on a terminal, unless they are not wanted."""
    return _chosen["bars"] and sys.stderr.isatty()
