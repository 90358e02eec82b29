"""How much is said on standard error, and in which form."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from ftft.cli.escape_control import inert
from ftft.utils.line import figures_of
from ftft.utils.paths import from_here
from ftft.utils.terminal import allow_bars

FLAGS = ("--quiet", "--verbose")
FORMAT = "--log-format"
FORMATS = ("text", "json")

_chosen = {"quiet": False, "json": False}


def take_voice(arguments: Sequence[str]) -> list[str]:
    """Take what says how to speak out of a command line, wherever it stands; return the rest.

    Raises:
        ConfigError: There is no such format.
    """
    from ftft.errors import ConfigError

    rest: list[str] = []
    found = dict.fromkeys(FLAGS, False)
    chosen, waiting = FORMATS[0], False
    for one in arguments:
        name, sign, value = one.partition("=")
        if waiting or (name == FORMAT and sign):
            chosen, waiting = (one if waiting else value), False
        elif one == FORMAT:
            waiting = True
        elif one in found:
            found[one] = True
        else:
            rest.append(one)
    if waiting or chosen not in FORMATS:
        raise ConfigError(f"{FORMAT}: give one of {', '.join(FORMATS)}.")
    _chosen.update(quiet=found["--quiet"], json=chosen == "json")
    allow_bars(not (_chosen["quiet"] or _chosen["json"]))
    if found["--verbose"]:
        _let_libraries_speak()
    return rest


def write_line(level: str, line: str) -> None:
    """Write a line to standard error; with ``--quiet`` only an error.

    Args:
        level: ``info`` or ``error``.
        line: It may hold names from files.
    """
    if _chosen["quiet"] and level != "error":
        return
    figures = figures_of(line)
    line = from_here(line)
    if _chosen["json"]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "level": level, "message": line.strip(), **figures})
    elif level == "error":
        line = f"error: {inert(line)}"
    else:
        line = inert(line)
    print(line, file=sys.stderr, flush=True)


def _let_libraries_speak() -> None:
    """Have Transformers and Accelerate log what they do, with its time."""
    import logging
    import os

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "info")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
