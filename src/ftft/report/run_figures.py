"""Pictures of what runs scored and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ftft.config.methods import METHODS
from ftft.report.style import (
    BLUE,
    GREY,
    ORANGE,
    SKY,
    new_figure,
    short,
    styled,
)
from ftft.results.aggregate import Row, aggregate, by_cell, cell_names
from ftft.results.formatting import metric_name, percent
from ftft.results.intervals import Interval
from ftft.results.read import Results
from ftft.results.run import Cell, RunResult, Scoring

# Of several rows of a method, the second and further ones.
_LINES: tuple[Any, ...] = (
    *("-", "--", ":", "-."),
    *((0, dashes) for dashes in ((1, 4), (9, 4), (7, 1, 1, 1, 1, 1), (5, 2, 5, 2, 1, 2))),
)
_FILLS = ("full", "none", "left", "bottom", "right", "top")
_FURTHER_MARKERS = ("h", "p", "*")
_INSIDE = 5
"""Entries that a legend may have among the marks; more would hide them and go below."""
_COST = "cost: FLOPs over ERM's, reference included"


@styled
def draw_pareto(folders: Sequence[Results]) -> Figure:
    """Draw cost against score, every method with every seed; up and to the left is better.

    Small marks are seeds, large ones their means with 95% intervals. The score is the mean over
    the out-of-distribution sets; in distribution where there are none.

    Args:
        folders: Finished runs of one experiment, or of several with one panel each.
    """
    panels = _by_experiment(folders)
    most = max(len(by_cell(_runs(inside))) for inside in panels.values())
    figure = new_figure(max(4.2, 3.4 * len(panels)), 3.6 + _below(most))
    for axes, (name, inside) in zip(_row(figure, len(panels)), panels.items(), strict=True):
        rows, runs = aggregate(_runs(inside)), by_cell(_runs(inside))
        looks = _looks([row.cell for row in rows])
        for row in rows:
            _cost_and_score(axes, row, runs[row.cell], looks[row.cell])
        axes.axvline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axes.set_xlim(0, 1.08 * max(1.0, *(run.flops for one in runs.values() for run in one)))
        axes.set_xlabel(_COST)
        where = "OOD" if all(row.ood_score for row in rows) else "ID"
        axes.set_ylabel(f"{where} test {metric_name(inside[0].metric)} (%)")
        axes.set_title(short(name))
        _legend(axes)
    return figure


@styled
def draw_curves(folders: Sequence[Results]) -> Figure:
    """Draw development scores of the main models against the cost spent so far.

    Every training starts at the cost of its reference; from there to its total, steps (and the
    scorings between them) are taken to cost the same. Thin lines are seeds; thick ones their
    mean over the steps that all of them took. A ring is the step whose weights were kept.

    Args:
        folders: Finished runs of one experiment, or of several with one row of panels each.
    """
    groups = _by_experiment(folders)
    roles = _dev_roles(folders)
    most = max(len(by_cell(_runs(inside))) for inside in groups.values())
    figure = new_figure(3.6 * len(roles), 0.4 + (2.8 + _below(most)) * len(groups))
    drawn = figure.subplots(len(groups), len(roles), squeeze=False)
    for line, (name, inside) in zip(drawn, groups.items(), strict=True):
        runs = by_cell(_runs(inside))
        looks = _looks(list(runs))
        for axes, (role, title) in zip(line, roles.items(), strict=True):
            sets = list(inside[0].values["data"]["sets"][role])
            if not sets:
                axes.set_axis_off()  # other experiments have such sets
                continue
            for cell, of_cell in runs.items():
                curves = [run.learning(sets, inside[0].metric) for run in of_cell]
                _draw_curves(axes, curves, looks[cell])
            axes.set_xlabel(_COST)
            axes.set_ylabel(f"{title} {metric_name(inside[0].metric)} (%)")
            axes.set_xlim(left=0)
            axes.set_title(short(name))
        _legend(line[0])
    return figure


@styled
def draw_cost(folders: Sequence[Results]) -> Figure:
    """Draw what each method cost: reference, main model and evaluation, over ERM's total.

    Args:
        folders: Finished runs. Figures are means over seeds, in FLOPs.
    """
    runs = by_cell(_runs(folders))
    names = cell_names(list(runs))
    figure = new_figure(5.6, 1.3 + 0.36 * len(runs))
    axes = figure.add_subplot()
    places = np.arange(len(runs))
    left = np.zeros(len(runs))
    parts = {"reference": ORANGE, "main": BLUE, "evaluation": SKY}
    for part, colour in parts.items():
        means = [fmean(run.cost_share(part) for run in of_cell) for of_cell in runs.values()]
        widths = np.array(means)
        title = "main model" if part == "main" else part
        axes.barh(places, widths, 0.62, left=left, color=colour, label=title, edgecolor="white")
        left += widths
    for place, total in zip(places.tolist(), left.tolist(), strict=True):
        axes.text(total, place, f" {percent(total)}", va="center", fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_yticks(places, [short(names[cell], 40) for cell in runs])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * max(1.0, float(left.max())))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    computed = any(run.estimated for of_cell in runs.values() for run in of_cell)
    axes.set_xlabel(f"FLOPs, of ERM's total{' (computed, ERM was not run)' if computed else ''}")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper center", ncols=len(parts))
    return figure


def _cost_and_score(
    axes: Axes, row: Row, runs: Sequence[RunResult], look: Mapping[str, Any]
) -> None:
    marks = {key: look[key] for key in ("color", "marker", "fillstyle")}
    axes.plot(
        [run.flops for run in runs],
        [run.score * 100 for run in runs],
        linestyle="none",
        markersize=4,
        alpha=0.5,
        markeredgewidth=0.8,
        **marks,
    )
    axes.errorbar(
        row.flops.mean,
        row.score.mean * 100,
        xerr=_bars(row.flops, 1),
        yerr=_bars(row.score, 100),
        linestyle="none",
        markersize=8,
        capsize=2,
        elinewidth=1,
        label=look["label"],
        **marks,
    )


def _bars(figure: Interval, scale: float) -> list[list[float]] | None:
    if figure.low is None or figure.high is None:
        return None
    return [[(figure.mean - figure.low) * scale], [(figure.high - figure.mean) * scale]]


def _draw_curves(axes: Axes, curves: Sequence[list[Scoring]], look: Mapping[str, Any]) -> None:
    colour = {"color": look["color"]}
    line = colour | {"linestyle": look["linestyle"]}
    drawn = [[(one.cost, 100 * one.score) for one in curve] for curve in curves]
    for curve, points in zip(curves, drawn, strict=True):
        axes.plot(*_xy(points), linewidth=0.7, alpha=0.45, **line)
        kept = [place for one, place in zip(curve, points, strict=True) if one.kept]
        axes.plot(*_xy(kept[-1:] or points[-1:]), "o", markersize=4, fillstyle="none", **colour)
    # Runs that stopped early have fewer points than others.
    means = [tuple(map(fmean, zip(*every, strict=True))) for every in zip(*drawn, strict=False)]
    axes.plot(*_xy(means), linewidth=1.8, label=look["label"], **line)


def _xy(points: Sequence[tuple[float, ...]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _looks(cells: Sequence[Cell]) -> dict[Cell, dict[str, Any]]:
    """Colour by method; lines and fillings tell several cells of a method apart."""
    names = cell_names(cells)
    looks = {}
    for cell in cells:
        alike = [other for other in cells if other.method == cell.method]
        number = alike.index(cell)
        method = METHODS[cell.method]
        markers = (method.marker, *_FURTHER_MARKERS)
        looks[cell] = {
            "color": method.colour,
            "marker": markers[number // len(_FILLS) % len(markers)],
            "linestyle": _LINES[number % len(_LINES)],
            "fillstyle": _FILLS[number % len(_FILLS)],
            "label": short(names[cell]),
        }
    return looks


def _legend(axes: Axes) -> None:
    if len(axes.get_legend_handles_labels()[1]) <= _INSIDE:
        axes.legend()
    else:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)


def _below(entries: int) -> float:
    """Inches that a legend of so many entries takes below its panel."""
    return 0.1 * entries if entries > _INSIDE else 0.0


def _by_experiment(folders: Sequence[Results]) -> dict[str, list[Results]]:
    """Scores on different data have no common axis."""
    groups: dict[str, list[Results]] = {}
    for folder in folders:
        groups.setdefault(folder.name, []).append(folder)
    return groups


def _runs(folders: Sequence[Results]) -> list[RunResult]:
    return [run for folder in folders for run in folder.runs]


def _row(figure: Figure, panels: int) -> list[Axes]:
    return list(figure.subplots(1, panels, squeeze=False)[0])


def _dev_roles(folders: Sequence[Results]) -> dict[str, str]:
    roles = {"dev": "ID development", "dev_ood": "OOD development"}
    return {
        role: title
        for role, title in roles.items()
        if any(folder.values["data"]["sets"][role] for folder in folders)
    }
