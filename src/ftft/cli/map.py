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

# Options that change how a map is drawn, as they are if left out.
_AS_IT_IS = (None, "auto", "inverse-perplexity", None, 0, 0.33)


def map_(
    dynamics: Annotated[
        Path,
        typer.Argument(
            help="A dynamics folder, or a training's folder with one; or a map.parquet, or a run "
            "of one seed, to show its map."
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
    from ftft.cartography.tables import check_kind
    from ftft.cli.show import show_map
    from ftft.dynamics.store import read_dynamics
    from ftft.transfer.reading import check_dynamics_folder, map_file
    from ftft.workspace.own_files import check_output

    points = burn_in_of(burn_in)
    given = map_file(dynamics)
    changed = (output, burn_in, measure, first_epochs, ddof, region_fraction) != _AS_IT_IS
    target = output or Path("map.parquet")
    # Who has the wrong input need not free a name for the output.
    if given is not None:
        check_kind(given, "map")
    else:
        target, dynamics = parquet_file(target), check_dynamics_folder(dynamics)
        check_output(target, overwrite=overwrite)
    check_plot(plot, overwrite=overwrite)
    if given is not None:
        datamap = _drawn_before(given, changed=changed)
    else:
        datamap = DataMap.from_dynamics(
            read_dynamics(dynamics).measured_by(measure),
            burn_in=points,
            first_epochs=first_epochs,
            ddof=ddof,
            region_fraction=region_fraction,
        )
        datamap.write(target)
    show_map(datamap)
    if given is None:
        tell(f"written to {target}")
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
