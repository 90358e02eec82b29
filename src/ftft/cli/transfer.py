"""``ftft transfer``: the maps of several references, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftft.cli.common import (
    BurnInOption,
    MeasureOption,
    Overwrite,
    PlotFile,
    burn_in_of,
    check_plot,
    note_idle,
    tell,
)
from ftft.config.formats import TABLES

if TYPE_CHECKING:
    from ftft.cartography.datamap import DataMap


def transfer(
    context: typer.Context,
    maps: Annotated[
        list[Path],
        typer.Argument(help="Two or more map.parquet files or dynamics folders of the same data."),
    ],
    fraction: Annotated[float, typer.Option(help="Share of the examples selected.")] = 0.33,
    burn_in: BurnInOption = "auto",
    measure: MeasureOption = "inverse-perplexity",
    slices: Annotated[
        Path | None,
        typer.Option(
            help=f"A table ({TABLES}) with a column example_id; its other columns "
            "are slices to compare within."
        ),
    ] = None,
    differences: Annotated[
        int, typer.Option(min=0, help="How many examples to list on which two maps differ most.")
    ] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write all of it, as JSON.")
    ] = None,
    plot: PlotFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Compare references: would they select the same examples?

    Overlap of the ambiguous, hard and easy selections against chance, rank correlation of
    confidence and variability, agreement by label and slice, and the examples that differ most.
    """
    from dataclasses import asdict
    from itertools import combinations

    from ftft.cli.show_transfer import show_agreement, show_pairs
    from ftft.data.slices import read_slices
    from ftft.errors import ConfigError
    from ftft.transfer.agreement import agreement
    from ftft.transfer.reading import check_map, map_file, read_map
    from ftft.utils.names import names_apart
    from ftft.workspace.own_files import check_output
    from ftft.workspace.stage_record import write_json

    if len(maps) < 2:
        raise ConfigError(f"ftft transfer: only {maps[0]} is given; give at least two maps.")
    points = burn_in_of(burn_in)
    # Who has the wrong input need not free a name for the output.
    for path in maps:
        check_map(path)
    if output is not None:
        check_output(output, overwrite=overwrite)
    check_plot(plot, overwrite=overwrite)
    groups = None if slices is None else read_slices(slices)
    drawn = [read_map(path, points, fraction, measure) for path in maps]
    if groups is not None:
        _check_slices(slices, groups, drawn)
    are_drawn = any(map_file(path) is None for path in maps)
    works = {"burn_in": are_drawn, "measure": are_drawn}
    note_idle(context, "on maps, which are drawn already", works)
    names = names_apart(maps)
    pairs = [
        (
            (name, other),
            agreement(one, another, fraction, slices=groups, differences=differences),
        )
        for (name, one), (other, another) in combinations(zip(names, drawn, strict=True), 2)
    ]
    show_pairs(pairs)
    for name, datamap in zip(names, drawn, strict=True):
        tell(f"{name}: {datamap.drawn_from}")
    for pair, found in pairs:
        show_agreement(pair, found)
    if output is not None:
        entries = [{"maps": pair, **asdict(found)} for pair, found in pairs]
        write_json(output, {"fraction": fraction, "maps": _points(names, drawn), "pairs": entries})
        tell(f"written to {output}")
    if plot is not None:
        _draw(names, drawn, fraction, plot)


def _check_slices(
    path: Path | None, groups: Mapping[str, Mapping[str, str]], drawn: Sequence[DataMap]
) -> None:
    from ftft.errors import ConfigError

    known = {one for datamap in drawn for one in datamap.example_ids.to_pylist()}
    if not any(known & column.keys() for column in groups.values()):
        raise ConfigError(
            f"--slices {path}: none of its examples is in the maps; its column example_id must "
            f"hold their ids, such as {drawn[0].example_ids[0].as_py()!r}."
        )


def _draw(names: Sequence[str], drawn: Sequence[DataMap], fraction: float, plot: Path) -> None:
    from ftft.report.figures import draw_overlaps, overlap_matrix, write_figure

    write_figure(draw_overlaps(names, *overlap_matrix(drawn, fraction)), plot)
    tell(f"drawn to {plot}")


def _points(names: Sequence[str], drawn: Sequence[DataMap]) -> list[dict[str, object]]:
    """Which recording points each map was drawn from."""
    return [
        {"map": name, "points": list(datamap.epochs), "burn_in": datamap.burn_in}
        for name, datamap in zip(names, drawn, strict=True)
    ]
