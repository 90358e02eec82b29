"""Pictures of what runs scored and cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ftft.config.methods import METHODS
from ftft.config.tasks import METRIC_NAMES
from ftft.report.style import (
    BLUE,
    GREY,
    ORANGE,
    SKY,
    new_figure,
    short,
    styled,
)
from ftft.results.aggregate import Cell, Row
from ftft.results.intervals import Interval
from ftft.results.read import RunFolder, RunResult
from ftft.results.rows import cell_names, rows_of, runs_by_cell

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
def draw_pareto(folders: Sequence[RunFolder]) -> Figure:
    """Draw cost against score, every method with every seed; up and to the left is better.

    Small marks are seeds, large ones their means with 95% intervals. The score is the mean over
    the out-of-distribution sets; in distribution where there are none.

    Args:
        folders: Finished runs of one experiment, or of several with one panel each.
    """
    panels = _by_experiment(folders)
    most = max(len(rows_of(inside)) for inside in panels.values())
    figure = new_figure(max(4.2, 3.4 * len(panels)), 3.6 + _below(most))
    for axes, (name, inside) in zip(_row(figure, len(panels)), panels.items(), strict=True):
        rows, runs = rows_of(inside), runs_by_cell(inside)
        looks = _looks([row.cell for row in rows])
        for row in rows:
            _cost_and_score(axes, row, runs[row.cell], looks[row.cell])
        axes.axvline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axes.set_xlim(0, 1.08 * max(1.0, *(run.flops for one in runs.values() for run in one)))
        axes.set_xlabel(_COST)
        where = "OOD" if all(row.ood_score for row in rows) else "ID"
        axes.set_ylabel(f"{where} test {_metric(inside)} (%)")
        axes.set_title(short(name))
        _legend(axes)
    return figure


@styled
def draw_curves(folders: Sequence[RunFolder]) -> Figure:
    """Draw development scores of the main models against the cost spent so far.

    Every training starts at the cost of its reference; from there to its total, steps (and the
    scorings between them) are taken to cost the same. Thin lines are seeds; thick ones their
    mean over the steps that all of them took. A ring is the step whose weights were kept.

    Args:
        folders: Finished runs of one experiment, or of several with one row of panels each.
    """
    groups = _by_experiment(folders)
    roles = _dev_roles(folders)
    most = max(len(runs_by_cell(inside)) for inside in groups.values())
    figure = new_figure(3.6 * len(roles), 0.4 + (2.8 + _below(most)) * len(groups))
    drawn = figure.subplots(len(groups), len(roles), squeeze=False)
    for line, (name, inside) in zip(drawn, groups.items(), strict=True):
        runs = runs_by_cell(inside)
        looks = _looks(list(runs))
        for axes, (role, title) in zip(line, roles.items(), strict=True):
            sets = inside[0].values["data"]["sets"][role]
            if not sets:
                axes.set_axis_off()  # other experiments have such sets
                continue
            for cell, of_cell in runs.items():
                curves = [_curve(run, sets, inside[0].metric) for run in of_cell]
                _draw_curves(axes, curves, looks[cell])
            axes.set_xlabel(_COST)
            axes.set_ylabel(f"{title} {_metric(inside)} (%)")
            axes.set_xlim(left=0)
            axes.set_title(short(name))
        _legend(line[0])
    return figure


@styled
def draw_cost(folders: Sequence[RunFolder]) -> Figure:
    """Draw what each method cost: reference, main model and evaluation, over ERM's total.

    Args:
        folders: Finished runs. Figures are means over seeds, in FLOPs.
    """
    runs = runs_by_cell(folders)
    names = cell_names(list(runs))
    figure = new_figure(5.6, 1.3 + 0.36 * len(runs))
    axes = figure.add_subplot()
    places = np.arange(len(runs))
    left = np.zeros(len(runs))
    parts = {"reference": ORANGE, "main": BLUE, "evaluation": SKY}
    for part, colour in parts.items():
        widths = np.array([_share(of_cell, part) for of_cell in runs.values()])
        title = "main model" if part == "main" else part
        axes.barh(places, widths, 0.62, left=left, color=colour, label=title, edgecolor="white")
        left += widths
    for place, total in zip(places.tolist(), left.tolist(), strict=True):
        axes.text(total, place, f" {total:.0%}", va="center", fontsize=8)
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
    score = row.ood_score or row.id_score
    scores = [run.id_score if run.ood_score is None else run.ood_score for run in runs]
    marks = {key: look[key] for key in ("color", "marker", "fillstyle")}
    axes.plot(
        [run.flops for run in runs],
        [value * 100 for value in scores],
        linestyle="none",
        markersize=4,
        alpha=0.5,
        markeredgewidth=0.8,
        **marks,
    )
    axes.errorbar(
        row.flops.mean,
        score.mean * 100,
        xerr=_bars(row.flops, 1),
        yerr=_bars(score, 100),
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


Curve = tuple[list[float], list[float], int]
"""Costs and scores (in %) at each scoring of development sets; position of the kept one."""


def _curve(run: RunResult, sets: Sequence[str], metric: str) -> Curve:
    record = run.record
    flops, steps = record["cost"]["flops"], record["steps"]
    erm = flops["total"] / run.flops
    a_step = (flops["total"] - flops["reference"]) / steps["main"]
    entries = [one for one in record["history"] if all(f"{name}_{metric}" in one for name in sets)]
    costs = [(flops["reference"] + a_step * one["step"]) / erm for one in entries]
    scores = [100 * statistics.fmean(one[f"{name}_{metric}"] for name in sets) for one in entries]
    kept = [place for place, one in enumerate(entries) if one["step"] == steps["kept"]]
    return costs, scores, kept[-1] if kept else -1


def _draw_curves(axes: Axes, curves: Sequence[Curve], look: Mapping[str, Any]) -> None:
    line = {"color": look["color"], "linestyle": look["linestyle"]}
    for costs, scores, kept in curves:
        axes.plot(costs, scores, linewidth=0.7, alpha=0.45, **line)
        if costs:
            axes.plot(
                costs[kept], scores[kept], "o", color=look["color"], markersize=4, fillstyle="none"
            )
    # Runs that stopped early have fewer points than others.
    length = min(len(costs) for costs, _, _ in curves)
    costs_of, scores_of, _ = zip(*curves, strict=True)
    means = [
        [statistics.fmean(one[place] for one in every) for place in range(length)]
        for every in (costs_of, scores_of)
    ]
    axes.plot(*means, linewidth=1.8, label=look["label"], **line)


def _share(runs: Sequence[RunResult], part: str) -> float:
    """A part of the cost over ERM's total, mean over seeds."""
    flops = [run.record["cost"]["flops"] for run in runs]
    return statistics.fmean(
        one[part] / one["total"] * run.flops for one, run in zip(flops, runs, strict=True)
    )


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


def _by_experiment(folders: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """Scores on different data have no common axis."""
    groups: dict[str, list[RunFolder]] = {}
    for folder in folders:
        groups.setdefault(folder.name, []).append(folder)
    return groups


def _row(figure: Figure, panels: int) -> list[Axes]:
    return list(figure.subplots(1, panels, squeeze=False)[0])


def _dev_roles(folders: Sequence[RunFolder]) -> dict[str, str]:
    roles = {"dev": "ID development", "dev_ood": "OOD development"}
    return {
        role: title
        for role, title in roles.items()
        if any(folder.values["data"]["sets"][role] for folder in folders)
    }


def _metric(folders: Sequence[RunFolder]) -> str:
    return METRIC_NAMES.get(folders[0].metric, folders[0].metric)
