"""What was selected: by label and by region, against the whole training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ftft.cartography.datamap import REGIONS, DataMap
from ftft.errors import DynamicsError
from ftft.report.style import BLUE, GREY, new_figure, short, styled
from ftft.selection.selection import Selection

_MOST_LABELS = 20
_HEIGHT = 0.36

Shares = npt.NDArray[np.float64]


@styled
def draw_selection(
    maps: Sequence[DataMap], selections: Sequence[Selection], title: str | None = None
) -> Figure:
    """Draw the make-up of selections beside that of the training set, by label and by region.

    Bars are means over seeds, whiskers the lowest and the highest. Of more than 20 labels the 20
    most frequent are drawn, and the panel says so.

    Args:
        maps: One map a seed, of the same data.
        selections: What was selected from each, in the same order.
        title: Above the picture; None for none.

    Raises:
        DynamicsError: A selection holds an example that its map does not.
    """
    chosen = [_chosen(*pair) for pair in zip(maps, selections, strict=True)]
    classes = maps[0].group_names
    frequent = np.argsort(-np.bincount(maps[0].labels, minlength=len(classes)), kind="stable")
    shown = np.sort(frequent[:_MOST_LABELS])
    figure = new_figure(7.0, 1.5 + 0.3 * max(len(shown), len(REGIONS)))
    labels, regions = figure.subplots(1, 2)
    by_label = [_shares(one.labels, len(classes))[shown] for one in maps]
    of_label = [
        _shares(one.labels[rows], len(classes))[shown]
        for one, rows in zip(maps, chosen, strict=True)
    ]
    bars = _bars(labels, [short(classes[code], 24) for code in shown], by_label, of_label)
    left_out = len(classes) - len(shown)
    labels.set_title(f"by label ({left_out} rarer ones left out)" if left_out else "by label")
    by_region = [_shares(one.region_code, len(REGIONS)) for one in maps]
    of_region = [
        _shares(one.region_code[rows], len(REGIONS)) for one, rows in zip(maps, chosen, strict=True)
    ]
    _bars(regions, REGIONS, by_region, of_region)
    regions.set_title("by region of the data map")
    share = len(selections[0]) / selections[0].total
    names = ["training set", f"selected ({share:.0%}, {short(selections[0].strategy)})"]
    figure.legend([bar.patches[0] for bar in bars], names, loc="outside lower center", ncols=2)
    if title is not None:
        figure.suptitle(short(title, 60), fontsize=9)
    return figure


def _chosen(datamap: DataMap, selection: Selection) -> npt.NDArray[np.int64]:
    rows = pc.index_in(selection.example_ids, value_set=datamap.example_ids)
    if rows.null_count:
        missing = selection.example_ids.filter(rows.is_null())[0].as_py()
        raise DynamicsError(
            f"The selection holds the example {missing!r}, which the map does not. Give the map "
            "that it was selected from."
        )
    found: npt.NDArray[np.int64] = rows.to_numpy().astype(np.int64)
    return found


def _shares(codes: npt.NDArray[np.integer], count: int) -> Shares:
    shares: Shares = np.bincount(codes, minlength=count) / max(len(codes), 1)
    return shares


def _bars(
    axes: Axes, names: Sequence[str], whole: Sequence[Shares], selected: Sequence[Shares]
) -> list[BarContainer]:
    places = np.arange(len(names))
    bars: list[BarContainer] = []
    for offset, colour, shares in ((-0.5, GREY, whole), (0.5, BLUE, selected)):
        every = np.stack(shares)
        means = every.mean(axis=0)
        spread = [means - every.min(axis=0), every.max(axis=0) - means]
        bars += [
            axes.barh(
                places + offset * _HEIGHT,
                means,
                _HEIGHT,
                color=colour,
                xerr=spread if len(every) > 1 else None,
                error_kw={"elinewidth": 0.9, "capsize": 2},
            )
        ]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("share of the examples")
    axes.grid(visible=False, axis="y")
    return bars
