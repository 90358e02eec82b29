"""``ftft export``: maps, selections and dynamics for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    source: Annotated[
        Path, typer.Argument(help="A map.parquet, a selection.parquet or a dynamics folder.")
    ],
    output: Annotated[
        Path,
        typer.Argument(
            help="File ending in .csv, .parquet or .jsonl; a new folder for a `datasets` folder; "
            "a folder for dynamics, as allenai/cartography's files."
        ),
    ],
    rows: Annotated[
        Path | None,
        typer.Option(
            help="An experiment file whose training rows (texts and labels) are joined by id."
        ),
    ] = None,
    coordinates: Annotated[
        bool, typer.Option("--coordinates", help="A map as allenai/cartography's coordinates.")
    ] = False,
) -> None:
    """Write a data map, a selection or dynamics in a form that other tools read."""
    from ftft.cartography.coordinates import write_coordinates
    from ftft.cartography.datamap import DataMap
    from ftft.cartography.export import export_table
    from ftft.dynamics.interop import write_cartography
    from ftft.dynamics.store import read_dynamics

    if source.is_dir():
        write_cartography(output, read_dynamics(source))
    elif coordinates:
        write_coordinates(output, DataMap.read(source))
    else:
        export_table(_table(source), output, rows=None if rows is None else _training_rows(rows))
    print(f"written to {output}")


def _table(source: Path):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The table of a map or of a selection, whichever the file is."""
    from ftft.cartography.datamap import DataMap
    from ftft.errors import DynamicsError
    from ftft.selection.subset import Selection

    try:
        return DataMap.read(source).to_table()
    except DynamicsError as not_a_map:
        try:
            return Selection.read(source).to_table()
        except DynamicsError:
            # The first complaint is the better one where the file is neither.
            raise not_a_map from None


def _training_rows(experiment_file: Path):  # type: ignore[no-untyped-def]
    from ftft.config.load import load_experiment
    from ftft.data.load import load_data

    return load_data(load_experiment(experiment_file).data).train.table.drop_columns("label")
