"""The page: one HTML file that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ftft.config.methods import METHODS
from ftft.data.dataset import TaskData
from ftft.errors import WorkspaceError
from ftft.report.charts import cost_and_scores, cost_parts, learning_curves, slice_scores
from ftft.report.composition import pairs, preflights, shares, ways
from ftft.report.encode import page_json
from ftft.report.map_payload import Explorer, explorer
from ftft.report.provenance import provenance
from ftft.report.study_parts import STUDY, data_of, parts
from ftft.report.views import RunView, read_view
from ftft.results.aggregate import Row, aggregate
from ftft.results.floor import floor_of
from ftft.results.formatting import NONE, metric_name, percent, score
from ftft.results.read import Results, distinct_names
from ftft.results.run import cell_of
from ftft.results.stopping import stopping_in_words
from ftft.results.tables import folded, several_seeds, shared_in_words, summary_table
from ftft.results.verdict import verdict
from ftft.utils.atomic import write_text
from ftft.workspace.layout import in_study

MOST_BYTES = 40_000_000

# In the order in which they run.
_SCRIPTS = (
    *("vendor/d3.min.js", "vendor/plot.min.js"),
    *("decoding.js", "maps.js", "charts.js", "symbols.js", "drawing.js", "plane.js"),
    *("listing.js", "detail.js", "filters.js", "explorer.js", "page.js"),
)
# Runs before anything is painted, so that the page does not flash in the other colours.
_FIRST = "theme.js"


def write_report(
    folders: Sequence[Results],
    path: Path,
    *,
    data: Sequence[TaskData | None] | None = None,
    texts: bool = True,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Write the page of one run, or of several compared.

    Args:
        folders: The runs, at least one; of the data sets of a study each setting is a run.
        path: The file; one that is there is replaced.
        data: The data of each run, where they are at hand; else they are read as the
            experiments name them, and left out, with a note on the page, where they cannot be.
        texts: Whether to show the texts of the examples.
        say: Receives a line for each thing left out and why, which the page says too.

    Returns:
        The path.

    Raises:
        WorkspaceError: The file cannot be written, or a folder holds no FTFT run or, without being
            a study's, several that differ in more than the seed.
    """
    at_hand: list[TaskData | None] = [None] * len(folders) if data is None else list(data)
    folders = distinct_names(folders)
    shown, notes = parts(folders)
    for folder in shown:
        _check_one(folder)
    of_folder = {
        one.folder: data_of(one, notes, texts=texts)
        if known is None and in_study(one.folder)
        else known
        for one, known in zip(folders, at_hand, strict=True)
    }
    views = [read_view(one, of_folder[one.folder], texts=texts) for one in shown]
    write_text(path, page(views, notes=notes), WorkspaceError)
    if say is not None:
        for note in [*notes, *(note for view in views for note in view.notes)]:
            say(f"note: {note}")
    return path


def _check_one(folder: Results) -> None:
    """Refuse what the page has no words for."""
    found = {cell_of(run) for run in folder.runs if run.method == "ftft"}
    if len(found) == 1:
        return
    held = f"{len(found)} settings of FTFT" if found else "no finished run of FTFT"
    raise WorkspaceError(
        f"{folder.folder}: holds {held}, where the page is about one; take --format markdown, "
        "latex, csv or figures."
    )


def page(views: Sequence[RunView], most_bytes: int = MOST_BYTES, notes: Sequence[str] = ()) -> str:
    """The page as text, of at most ``most_bytes`` in UTF-8."""
    folders = [view.run for view in views]
    rows = aggregate([run for folder in folders for run in folder.runs])
    compared, left_out = pairs(views)
    around = {
        "parts": [_part(view, rows) for view in views],
        "pairs": compared,
        "pairs_left_out": left_out,
        "several_seeds": several_seeds(rows),
        "notes": [*notes, *dict.fromkeys(note for view in views for note in view.notes)],
        "title": " and ".join(dict.fromkeys(_title(folder) for folder in folders)),
    }
    charts = {
        "costAndScores": cost_and_scores(folders, rows),
        "learning": [learning_curves(folder) for folder in folders],
        "costParts": [cost_parts(folder) for folder in folders],
        "slices": [slice_scores(folder) for folder in folders],
        "methods": [method.title for method in METHODS.values()],
        "looks": [method.page for method in METHODS.values()],
        "runs": [folder.name for folder in folders],
        "metric": metric_name(folders[0].metric),
    }
    return with_maps("report.html.j2", around, charts, views, most_bytes)


def _title(folder: Results) -> str:
    study = folder.values.get(STUDY)
    return folder.name if study is None else Path(study).absolute().name


# What the maps' own description and the tags around their blocks take, at most.
_ROOM = 400_000


def with_maps(
    template: str,
    around: dict[str, Any],
    charts: dict[str, Any],
    views: Sequence[RunView],
    most_bytes: int,
) -> str:
    """A page with the data maps of some views, in what the rest of it leaves of the bytes."""
    empty = _rendered(template, around, charts, Explorer())
    maps = explorer(views, most_bytes - len(empty.encode()) - _ROOM)
    return _rendered(template, around, charts, maps)


def _part(view: RunView, rows: Sequence[Row]) -> dict[str, Any]:
    """What a page shows of one run alone."""
    by_method = {
        METHODS[method].title: [one for one in view.maps if one.method == method]
        for method in ("ftft", "dm")
    }
    own = tuple(row for row in rows if row.cell.experiment == view.run.name)
    narrow, details = folded(summary_table(own, floor_of(view.run.values)))
    return {
        "name": view.run.name,
        "metric": metric_name(view.run.metric),
        "verdict": verdict(view.run),
        "title": view.run.title,
        "seeds": ", mean over seeds" if several_seeds(own) else "",
        "stopping": stopping_in_words(view.run.runs),
        "shared": shared_in_words(own),
        "rows": own,
        "table": narrow,
        "details": details,
        "slices": slice_scores(view.run),
        "grouped_by": view.grouped_by,
        "preflights": preflights(view),
        "shares": {
            name: {by: shares(maps, by) for by in ways(maps)}
            for name, maps in by_method.items()
            if maps
        },
        "provenance": provenance(view),
    }


@cache
def templates() -> Environment:
    """What renders pages; one for all of them, since it keeps the templates that it compiled."""
    environment = Environment(
        loader=PackageLoader("ftft.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "score": score, "mean": _mean}
    return environment


def _rendered(template: str, around: dict[str, Any], charts: dict[str, Any], maps: Explorer) -> str:
    environment = templates()
    first = _static(_FIRST)
    scripts = [_static(name) for name in _SCRIPTS]
    about = {"datasets": maps.datasets, "maps": maps.maps}
    return environment.get_template(template).render(
        **around,
        methods={method.key: method.title for method in METHODS.values()},
        policy=_policy([first, *scripts]),
        style=Markup(_static("report.css")),
        first=Markup(first),
        scripts=[Markup(script) for script in scripts],
        charts=Markup(page_json(charts)),
        explorer=Markup(page_json(about)),
        datasets=maps.datasets,
        maps=maps.maps,
        # Base64 holds nothing that a page could take for a tag.
        blocks={name: Markup(block) for name, block in maps.blocks.items()},
    )


def _policy(scripts: Sequence[str]) -> str:
    """A content security policy: these scripts and no other, and nothing from elsewhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _static(name: str) -> str:
    return (resources.files("ftft.report") / "static" / name).read_text(encoding="utf-8")


def _mean(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
