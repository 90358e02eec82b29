"""Published data sets, in the folder that ``FTFT_DATA`` names; they are never copied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def published(name: str) -> Path:
    """Where a folder of them is; it need not be there."""
    return Path(os.environ.get("FTFT_DATA") or "/FTFT_DATA-is-not-set") / name


def needs(name: str) -> pytest.MarkDecorator:
    """Skips tests where a folder of them is not there."""
    reason = f"FTFT_DATA names no folder with {name}/, a published data set that is not copied here"
    return pytest.mark.skipif(not published(name).is_dir(), reason=reason)
