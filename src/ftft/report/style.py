"""How pictures look, and how they are written: for print, the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ftft.errors import WorkspaceError
from ftft.results.formatting import one_line
from ftft.utils.atomic import atomic_path

# Okabe and Ito (2008): can be distinguished with every common kind of colour blindness.
BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"
GREY = "#999999"

STYLE: dict[str, Any] = {
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    # Names come from files; a dollar sign in one is no formula.
    "text.parse_math": False,
    # Ids in an SVG are random otherwise, and its text would be outlines that nobody can search.
    "svg.hashsalt": "ftft",
    "svg.fonttype": "none",
}

FORMATS = ("png", "svg")

styled = matplotlib.rc_context(STYLE)
"""Decorator of functions that draw; leaves the settings of the user's own figures alone."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that belongs to no window and no list of open figures."""
    return Figure(figsize=(width, height), layout="constrained")


def short(name: str, most: int = 32) -> str:
    """A name that fits beside an axis; the end distinguishes names of models, so it stays."""
    plain = one_line(name)
    return plain if len(plain) <= most else f"…{plain[1 - most :]}"


@styled
def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the ending of the path, whole or not at all.

    Args:
        figure: The figure.
        path: Where; a file that is there is replaced. The same figure gives the same bytes.

    Raises:
        WorkspaceError: The file cannot be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    # A date would make every file a new one.
    metadata = {"Date": None, "Creator": "ftft"} if kind == "svg" else {"Software": "ftft"}
    with atomic_path(path, WorkspaceError) as temporary:
        figure.savefig(temporary, format=kind, metadata=metadata)
