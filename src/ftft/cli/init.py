"""``ftft init``: a commented starting file from a data file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[Path, typer.Argument(help="The training data: CSV, TSV, JSON lines, Parquet.")],
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text column; give it twice for pairs. Found if left out."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Label column. Found if left out.")] = None,
    reference: Annotated[
        str, typer.Option(help="Reference model (small).")
    ] = "microsoft/deberta-v3-small",
    main: Annotated[str, typer.Option(help="Main model (large).")] = "microsoft/deberta-v3-large",
    name: Annotated[str | None, typer.Option(help="Name; from the file if left out.")] = None,
) -> None:
    """Write a commented experiment file for a data file to standard output."""
    from pydantic import ValidationError

    from ftft.config.load import describe
    from ftft.config.starter import starter_file
    from ftft.data.detect import detect_columns
    from ftft.errors import ConfigError

    try:
        detected = detect_columns(data, text or None, label)
        source = detected.source()
    except ValidationError as error:
        problems = [describe(problem).removeprefix("experiment: ") for problem in error.errors()]
        raise ConfigError(f"{data}: {'; '.join(problems)}") from error
    typer.echo(starter_file(source, detected.label_values, reference, main, name))
