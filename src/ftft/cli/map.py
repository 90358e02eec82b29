"""``ftft map``: draw the data map of a dynamics folder, or show one that is there."""

from __future__ import annotations

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
    parquet_file,
    tell,
)

if TYPE_CHECKING:
    from ftft.cartography.datamap import DataMap


def map_(
    dynamics: Annotated[
        Path,
        typer.Argument(
            help="A dynamics folder, or a training's folder with one; or a map.parquet to show."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; map.parquet if left out."),
    ] = None,
    burn_in: BurnInOption = "auto",
    measure: MeasureOption = "inverse-perplexity",
    first_epochs: Annotated[
        float | None, typer.Option(help="Take in the first so many epochs only; all by default.")
    ] = None,
    ddof: Annotated[int, typer.Option(help="Degrees of freedom taken off (0 or 1).")] = 0,
    region_fraction: Annotated[
        float, typer.Option(help="Share of the examples called ambiguous.")
    ] = 0.33,
    plot: PlotFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw the data map of recorded dynamics: confidence, variability and more, by example."""
    from ftft.cartography.datamap import DataMap
    from ftft.cli.show import show_map
    from ftft.dynamics.store import read_dynamics
    from ftft.transfer.reading import dynamics_folder, map_file
    from ftft.utils.atomic import check_free

    points = burn_in_of(burn_in)
    check_plot(plot, overwrite=overwrite)
    given = map_file(dynamics)
    if given is not None:
        drawing = (output, burn_in, measure, first_epochs, ddof, region_fraction)
        changed = drawing != (None, "auto", "inverse-perplexity", None, 0, 0.33)
        datamap = _drawn_before(given, changed=changed)
    else:
        output = output or Path("map.parquet")
        output = parquet_file(output)
        check_free(output, overwrite=overwrite)
        datamap = DataMap.from_dynamics(
            read_dynamics(dynamics_folder(dynamics)).measured_by(measure),
            burn_in=points,
            first_epochs=first_epochs,
            ddof=ddof,
            region_fraction=region_fraction,
        )
        datamap.write(output)
    show_map(datamap)
    if output is not None:
        tell(f"written to {output}")
    if plot is not None:
        from ftft.report.figures import draw_map, write_figure

        write_figure(draw_map(datamap), plot)
        tell(f"drawn to {plot}")


def _drawn_before(path: Path, *, changed: bool) -> DataMap:
    """Read a map that is there, which is shown as it is."""
    from ftft.cartography.datamap import DataMap
    from ftft.errors import ConfigError

    datamap = DataMap.read(path)
    if changed:
        raise ConfigError(
            f"{path} is a map, which is shown as it is; --output, --burn-in, --measure, "
            "--first-epochs, --ddof and --region-fraction are for dynamics. Give the dynamics "
            "folder that it was drawn from."
        )
    return datamap
