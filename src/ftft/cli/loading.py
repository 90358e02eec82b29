"""Libraries that take from some seconds to half a minute to load, and saying so."""

from __future__ import annotations

import sys
from typing import Literal

from ftft.cli.voice import write_line

Library = Literal["torch", "matplotlib"]

_NAMES: dict[Library, str] = {"torch": "PyTorch and transformers", "matplotlib": "matplotlib"}


def say_loading(library: Library) -> None:
    """Tell whoever waits, at a terminal or a log, why nothing has appeared yet."""
    from ftft.utils.distributed import is_first

    if not _is_loaded(library) and is_first():
        write_line("info", f"loading {_NAMES[library]} …")


def load_libraries() -> None:
    """Load what training needs; whatever can be refused without it is to be refused before."""
    from ftft.utils.collecting import nothing_collected

    say_loading("torch")
    with nothing_collected():
        import ftft.training.arguments  # noqa: F401

        hush_datasets()


def hush_datasets() -> None:
    """Keep the bars of ``datasets`` away; those of downloads are another library's and stay."""
    import datasets

    datasets.disable_progress_bars()


def _is_loaded(library: Library) -> bool:
    return library in sys.modules
