"""The data map as in Swayamdipta et al. (2020, figure 1), and overlaps between maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD, REGIONS, DataMap
from ftft.errors import FtftError
from ftft.report.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    new_figure,
    short,
    styled,
)
from ftft.transfer.agreement import agreement
from ftft.utils.plural import counted

MOST_POINTS = 25_000
"""As many points as the original plots; more of them are one blot."""

_MOST_LEVELS = 6
_MARKERS = ("X", "s", "v", "P", "D", "o")
# From wrong to right; every eye can distinguish both ends, and markers differ too.
_CORRECTNESS = LinearSegmentedColormap.from_list(
    "correctness", [VERMILLION, ORANGE, "#B8B8B8", SKY, BLUE]
)
_BINS = 30


@styled
def draw_map(datamap: DataMap, title: str | None = None) -> Figure:
    """Draw a data map in its classic look.

    Variability to the right, confidence upwards, colour and marker by correctness, the regions
    named and their borders dashed; at the side how confidence, variability and correctness are
    distributed. Of more than 25,000 examples as many are drawn at random (always the same ones),
    and the title says so; the distributions are those of all.

    Args:
        datamap: The map.
        title: Above the map; the number of examples where None.

    Returns:
        A figure that belongs to no window: in a notebook it shows itself, ``savefig`` writes it.
    """
    figure = new_figure(7.0, 4.6)
    grid = figure.add_gridspec(3, 2, width_ratios=(3.2, 1))
    points = _drawn(len(datamap))
    main = figure.add_subplot(grid[:, 0])
    _scatter(main, datamap, points)
    _regions(main, datamap)
    size = counted(len(datamap), "example")
    if len(points) < len(datamap):
        size = f"{len(points):,} of {size}, drawn at random"
    main.set_title(size if title is None else f"{short(title, 60)} ({size})")
    sides = [figure.add_subplot(grid[row, 1]) for row in range(3)]
    _distribution(sides[0], "confidence", datamap.confidence, (0, 1), PURPLE)
    most = max(float(datamap.variability.max()), 0.1)
    _distribution(sides[1], "variability", datamap.variability, (0, most), GREEN)
    # Of E recording points E + 1 shares can be right, each with a bar in its own place.
    half = 0.5 / len(datamap.epochs)
    bars = min(len(datamap.epochs) + 1, _BINS)
    _distribution(sides[2], "correctness", datamap.correctness, (-half, 1 + half), SKY, bars)
    return figure


def overlap_matrix(
    maps: Sequence[DataMap], fraction: float = 0.33
) -> tuple[npt.NDArray[np.float64], float]:
    """Share of the ambiguous selection that each two of M maps have in common.

    Args:
        maps: Maps of the same training examples.
        fraction: Share of the examples that a selection takes, in (0, 1].

    Returns:
        float64 (M, M) in [0, 1] with ones on the diagonal, and what two random selections
        share on average.

    Raises:
        DynamicsError: The maps are not of the same data.
        FtftError: There are fewer than two.
    """
    if len(maps) < 2:
        raise FtftError("overlaps are between maps; give at least two.")
    shared = np.eye(len(maps))
    chance = 0.0
    for first in range(len(maps)):
        for second in range(first + 1, len(maps)):
            found = agreement(maps[first], maps[second], fraction, differences=0)
            overlap = found.overlaps[AMBIGUOUS]
            shared[first, second] = shared[second, first] = overlap.shared
            chance = overlap.chance
    return shared, chance


@styled
def draw_overlaps(
    names: Sequence[str], shared: npt.NDArray[np.float64], chance: float, title: str | None = None
) -> Figure:
    """Draw which references select the same examples, each against each.

    Args:
        names: Of the M maps.
        shared: (M, M) overlaps in [0, 1]; see :func:`overlap_matrix`.
        chance: What two random selections share; where the colours start.
        title: Above the picture; None for a plain one.

    Returns:
        The figure.
    """
    size = max(2.4, 0.5 * len(names))
    figure = new_figure(size + 2.4, size + 0.9)
    axes = figure.add_subplot()
    apart = ~np.eye(len(names), dtype=np.bool_)
    least = min(chance, float(shared[apart].min()))
    # A map with itself says nothing, and would take the strongest colour.
    image = axes.imshow(np.where(apart, shared, np.nan), cmap="Blues", vmin=least, vmax=1)
    labels = [short(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), labels)
    axes.set_facecolor("#F2F2F2")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for row, column in np.argwhere(apart).tolist():
        dark = shared[row, column] > 0.45 * least + 0.55
        text = f"{shared[row, column]:.0%}"
        colour = "white" if dark else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    if title is not None:
        axes.set_title(short(title, 60))
    bar = figure.colorbar(image, shrink=0.85, format=lambda share, _: f"{share:.0%}")
    bar.set_label(f"ambiguous in common\n(by chance {chance:.0%})")
    bar.outline.set_visible(False)
    return figure


def _drawn(total: int) -> npt.NDArray[np.int64]:
    if total <= MOST_POINTS:
        return np.arange(total, dtype=np.int64)
    chosen = np.random.default_rng(0).choice(total, MOST_POINTS, replace=False)
    return np.sort(chosen).astype(np.int64)


def _levels(datamap: DataMap) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The level of correctness of each example, and the names of the levels, wrong to right."""
    steps = min(len(datamap.epochs), _MOST_LEVELS - 1)
    levels = np.rint(datamap.correctness * steps).astype(np.int64)
    return levels, [f"{level / steps:.2g}" for level in range(steps + 1)]


def _scatter(axes: Axes, datamap: DataMap, points: npt.NDArray[np.int64]) -> None:
    levels, names = _levels(datamap)
    size = float(np.clip(12_000 / len(points), 3, 28))
    counts = np.bincount(levels[points], minlength=len(names))
    handles: dict[int, Any] = {}
    # The most frequent first, so that the few lie on the many.
    for level in np.argsort(-counts, kind="stable").tolist():
        inside = points[levels[points] == level]
        handles[level] = axes.scatter(
            datamap.variability[inside],
            datamap.confidence[inside],
            s=size,
            # The filled circle is for right, whatever the number of levels.
            marker=_MARKERS[level - len(names)],
            color=_CORRECTNESS(level / (len(names) - 1)),
            alpha=0.75,
            linewidths=0,
            rasterized=True,
        )
    legend = axes.legend(
        [handles[level] for level in range(len(names))],
        names,
        title="correct",
        loc="lower right",
        markerscale=float(np.sqrt(28 / size)),
        frameon=True,
        edgecolor="#CCCCCC",
    )
    legend.get_title().set_fontsize(8)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    most = float(datamap.variability.max())
    axes.set_xlim(-0.02 * max(most, 0.1), max(1.06 * most, 0.1))
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("variability")
    axes.set_ylabel("confidence")


def _regions(axes: Axes, datamap: DataMap) -> None:
    codes = datamap.region_code
    border = _border(datamap)
    left, right = axes.get_xlim()
    line: dict[str, Any] = {
        "color": "#444444",
        "linestyle": (0, (4, 3)),
        "linewidth": 0.8,
        "zorder": 3,
    }
    if border < right:
        axes.axvline(border, **line)
    axes.plot([left, border], [0.5, 0.5], **line)
    # Beside the border, where the arch of a data map leaves room.
    at = {EASY: (0.03, 0.56, "left"), AMBIGUOUS: (0.97, 0.95, "right"), HARD: (0.03, 0.44, "left")}
    for code, region in enumerate(REGIONS):
        share = float((codes == code).mean())
        x, y, across = at[region]
        axes.text(
            x,
            y,
            f"{region} {share:.0%}",
            transform=axes.get_yaxis_transform(),
            ha=across,
            va="center",
            fontsize=8.5,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "black", "boxstyle": "round,pad=0.3"},
            zorder=4,
        )


def _border(datamap: DataMap) -> float:
    """The variability from which on examples are ambiguous."""
    ambiguous = datamap.variability[datamap.region_code == REGIONS.index(AMBIGUOUS)]
    return float(ambiguous.min()) if len(ambiguous) else float("inf")


def _distribution(
    axes: Axes,
    name: str,
    values: npt.NDArray[np.floating],
    limits: tuple[float, float],
    colour: str,
    bins: int = _BINS,
) -> None:
    # In float64: matplotlib finds no bins between two neighbours in float32.
    wide = values.astype(np.float64)
    axes.hist(wide, bins=bins, range=limits, density=True, color=colour, rwidth=0.92)
    axes.set_xlim(limits)
    axes.set_xlabel(name)
    axes.set_ylabel("density")
    axes.grid(visible=False, axis="x")
