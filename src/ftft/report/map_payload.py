"""The data maps of a page: quantised numbers, ids and texts, in compressed blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.cartography.datamap import REGIONS, DataMap
from ftft.data.columns import take
from ftft.data.dataset import SLICE_PREFIX, LabelledDataset
from ftft.dynamics.examples import fingerprint
from ftft.report.encode import packed, packed_list
from ftft.report.sampling import Rows, shown_rows
from ftft.report.texts import ROWS_PER_BLOCK, packed_texts
from ftft.report.views import MapView, RunView
from ftft.tasks import TASKS

MOST_POINTS = 400_000
IDS_PER_BLOCK = 8192

# What the numbers may take of the budget; the texts get the rest.
_SHARE_OF_NUMBERS = 0.55
_BASE64 = 4 / 3
# Confidence to EL2N and lengths in two bytes each, correctness, forgetting and flags in one.
_BYTES_OF_STATISTICS = 15
_MOST_VALUES = 250
_LEVELS = np.iinfo(np.uint16).max

_SCALED = ("confidence", "variability", "aum", "mean_loss", "el2n")


@dataclass
class Explorer:
    """What the page needs to draw data maps.

    Attributes:
        datasets: About each set of examples: sizes, labels, slices, which blocks hold what.
        maps: About each map: whose it is, and how its block is laid out.
        blocks: Name of a block to its content in base64.
    """

    datasets: list[dict[str, Any]] = field(default_factory=list)
    maps: list[dict[str, Any]] = field(default_factory=list)
    blocks: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> list[list[Any]]:
        """Pack arrays into one block; return the name, type and length of each."""
        parts = {name: array.ravel() for name, array in arrays.items()}
        # The widest first, so that each starts where a typed array may start.
        ordered = sorted(parts, key=lambda one: -parts[one].itemsize)
        little = [parts[one].astype(parts[one].dtype.newbyteorder("<")) for one in ordered]
        self.blocks[name] = packed(b"".join(array.tobytes() for array in little))
        return [[one, f"u{parts[one].itemsize}", len(parts[one])] for one in ordered]


@dataclass(frozen=True, eq=False)
class _Examples:
    """Maps of the same examples."""

    view: RunView
    maps: list[tuple[RunView, MapView]]


def explorer(views: Sequence[RunView], budget: int) -> Explorer:
    """Pack the data maps of some runs.

    Args:
        views: The runs; maps of the same examples share ids and texts.
        budget: Bytes that all blocks may take.

    Returns:
        The maps, of at most ``MOST_POINTS`` examples each and fewer where the budget asks for it;
        texts are cut where they would not fit.
    """
    result = Explorer()
    groups = _groups(views)
    shown = [_shown(group, budget // len(groups)) for group in groups]
    for number, (group, rows) in enumerate(zip(groups, shown, strict=True)):
        _add_examples(result, f"d{number}", group, rows)
    left = budget - sum(map(len, result.blocks.values()))
    for number, (group, rows) in enumerate(zip(groups, shown, strict=True)):
        _add_texts(result, number, group, rows, left // len(groups))
    return result


def _groups(views: Sequence[RunView]) -> list[_Examples]:
    groups: dict[tuple[str, str], _Examples] = {}
    for view in views:
        for one in view.maps:
            ids = fingerprint(one.datamap.example_ids, one.datamap.labels)
            key = (str(view.run.values["data"]["fingerprint"]), ids)
            groups.setdefault(key, _Examples(view, [])).maps.append((view, one))
    return list(groups.values())


def _shown(group: _Examples, budget: int) -> Rows:
    datamap = group.maps[0][1].datamap
    size = 2.0 + 12.0  # label and slices, an id
    for _, one in group.maps:
        size += _BYTES_OF_STATISTICS + (0 if one.curves is None else len(one.curves.points))
    fitting = int(_SHARE_OF_NUMBERS * budget / (size * _BASE64))
    strata = datamap.labels * len(REGIONS) + datamap.region_code
    return shown_rows(strata, max(1, min(MOST_POINTS, fitting)))


def _add_examples(result: Explorer, name: str, group: _Examples, rows: Rows) -> None:
    datamap = group.maps[0][1].datamap
    columns, codes = _slices(group.view.train, datamap, rows)
    labels = datamap.labels[rows].astype(np.uint16)
    layout = result.add(name, {"label": labels, **codes})
    ids = datamap.example_ids.take(pa.array(rows)).to_pylist()
    for start in range(0, len(ids), IDS_PER_BLOCK):
        block = ids[start : start + IDS_PER_BLOCK]
        result.blocks[f"{name}-ids-{start // IDS_PER_BLOCK}"] = packed_list(block)
    result.datasets.append(
        {
            "name": name,
            "total": len(datamap),
            "shown": len(rows),
            "labels": list(datamap.group_names),
            "groupedBy": group.view.grouped_by,
            "regions": list(REGIONS),
            "columns": columns,
            "layout": layout,
            "idsPerBlock": IDS_PER_BLOCK,
            "texts": 0,
        }
    )
    for view, one in group.maps:
        _add_map(result, len(result.datasets) - 1, view, one, rows)


def _add_map(result: Explorer, dataset: int, view: RunView, one: MapView, rows: Rows) -> None:
    datamap, name = one.datamap, f"m{len(result.maps)}"
    points_used = len(datamap.epochs)
    arrays: dict[str, npt.NDArray[Any]] = {}
    scales = {}
    unknown = [name for name in (*_SCALED, "forgetting") if not datamap.knows(name)]
    for statistic in _SCALED:
        if statistic in unknown:
            continue
        values = getattr(datamap, statistic)[rows].astype(np.float64)
        arrays[statistic], scales[statistic] = _scaled(statistic, values)
    right = np.rint(datamap.correctness[rows] * points_used)
    arrays["correctness"] = np.minimum(right, 255).astype(np.uint8)
    if "forgetting" not in unknown:
        arrays["forgetting"] = np.minimum(datamap.forgetting[rows], 255).astype(np.uint8)
    if datamap.lengths is None:
        unknown.append("length")
    else:
        arrays["length"] = np.minimum(datamap.lengths[rows], _LEVELS).astype(np.uint16)
    arrays["region"] = datamap.region_code[rows].astype(np.uint8)
    arrays["selected"] = one.selected[rows].astype(np.uint8)
    if one.curves is not None:
        arrays["curves"] = one.curves.probability[:, rows]
    layout = result.add(name, arrays)
    result.maps.append(
        {
            "name": name,
            "dataset": dataset,
            "run": view.run.name,
            "method": one.method,
            "seed": one.seed,
            "scales": scales,
            "unknown": unknown,
            "right": points_used,
            "burnIn": datamap.burn_in,
            "points": [] if one.curves is None else list(one.curves.points),
            "selected": int(one.selected.sum()),
            "layout": layout,
        }
    )


def _scaled(
    name: str, values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.uint16], tuple[float, float]]:
    """Values in 65,536 steps from the first to the second of the returned numbers."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if name == "confidence":
        low, high = 0.0, 1.0
    elif name == "variability":
        low, high = 0.0, max(0.5, high)
    span = high - low if high > low else 1.0
    steps = np.rint((np.nan_to_num(values, nan=low) - low) / span * _LEVELS)
    return np.clip(steps, 0, _LEVELS).astype(np.uint16), (low, low + span)


def _slices(
    train: LabelledDataset | None, datamap: DataMap, rows: Rows
) -> tuple[list[dict[str, Any]], dict[str, npt.NDArray[np.uint8]]]:
    """The slice columns of the shown examples: their values, and a code an example."""
    places = None if train is None else _places(train, datamap, rows)
    if train is None or places is None:
        return [], {}
    columns, codes = [], {}
    for number, column in enumerate(train.slices):
        values = train.table.column(f"{SLICE_PREFIX}{column}").combine_chunks().take(places)
        names, coded = _coded(values)
        columns.append({"name": column, "values": names})
        codes[f"slice{number}"] = coded
    return columns, codes


def _coded(values: pa.StringArray) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """The most frequent values, and each value's place among them; the rest share the last."""
    counted = sorted(
        values.value_counts().to_pylist(), key=lambda one: (-one["counts"], one["values"])
    )
    names = [one["values"] for one in counted[:_MOST_VALUES]]
    found = pc.index_in(values, value_set=pa.array(names, pa.string()))
    codes = pc.fill_null(found, len(names)).to_numpy().astype(np.uint8)
    shown = [name or "(none)" for name in names]
    return ([*shown, "(other values)"] if len(counted) > len(names) else shown), codes


def _add_texts(result: Explorer, number: int, group: _Examples, rows: Rows, budget: int) -> None:
    """Add the texts of the shown examples, and say what became of them."""
    view, about = group.view, result.datasets[number]
    if view.train is None or not view.with_texts:
        about["textNote"] = "" if view.with_texts else "The texts were left out on request."
        return
    places = _places(view.train, group.maps[0][1].datamap, rows)
    if places is None:
        about["textNote"] = "The texts are left out: the data lack some of the map's examples."
        return
    shown = TASKS[view.train.task].shown(view.train)
    texts = [take(column, places) for column in shown]
    found = packed_texts(texts, budget)
    if found is None:
        about["textNote"] = "The texts are left out: they would make the page too large."
        return
    for place, block in enumerate(found.blocks):
        result.blocks[f"{about['name']}-texts-{place}"] = block
    about |= {"texts": len(texts), "rowsPerBlock": ROWS_PER_BLOCK}
    about["textNote"] = (
        ""
        if found.limit is None
        else f"To keep the page small, texts are cut after {found.limit:,} characters: "
        f"{found.cut:,} of {len(rows):,} examples are."
    )


def _places(train: LabelledDataset, datamap: DataMap, rows: Rows) -> Any:
    """Where the shown examples are in the training data; None where one is not there."""
    ids = datamap.example_ids.take(pa.array(rows))
    places = pc.index_in(ids, value_set=train.example_ids)
    return None if places.null_count else places
