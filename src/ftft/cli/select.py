"""``ftft select``: choose examples from a data map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def select_(
    datamap: Annotated[Path, typer.Argument(help="A map.parquet that ftft wrote.")],
    strategy: Annotated[
        str, typer.Option(help="ambiguous, hard-to-learn, easy-to-learn or random.")
    ] = "ambiguous",
    fraction: Annotated[float, typer.Option(help="Share of the examples, in (0, 1].")] = 0.33,
    seed: Annotated[int, typer.Option(help="Seed of a random selection.")] = 0,
    keep_label_proportions: Annotated[
        bool, typer.Option(help="Select the same share of every label.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "selection.parquet"
    ),
) -> None:
    """Select examples from a data map; writes their ids, best first."""
    from ftft.cartography.datamap import DataMap
    from ftft.selection.strategies import select

    selection = select(
        DataMap.read(datamap),
        strategy,
        fraction,
        seed=seed,
        keep_label_proportions=keep_label_proportions,
    )
    selection.write(output)
    print(f"{len(selection):,} of {selection.total:,} examples ({strategy}), written to {output}")
