"""``ftft label-errors``: the examples whose label is likeliest to be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import Overwrite


def label_errors(
    datamap: Annotated[Path, typer.Argument(help="A map.parquet that ftft wrote.")],
    by: Annotated[str, typer.Option(help="aum or confidence.")] = "aum",
    count: Annotated[int, typer.Option(help="How many.")] = 20,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write them (.csv, .parquet, .jsonl)."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Rank examples by how likely their label is wrong, the likeliest first.

    They may be mislabelled, or only hard: look at them before you change anything.
    """
    from ftft.cartography.datamap import DataMap
    from ftft.cartography.export import export_table
    from ftft.cartography.label_errors import label_error_candidates
    from ftft.cli.show import show_candidates
    from ftft.files import check_free

    if output is not None:
        check_free(output, overwrite=overwrite)
    drawn = DataMap.read(datamap)
    candidates = label_error_candidates(drawn, by, min(count, len(drawn)))
    if output is not None:
        export_table(candidates, output)
    show_candidates(candidates.to_pylist(), by)
