"""``ftft predict``: what a finished model says of rows without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import MODEL_HELP, Overwrite, meant_model, refuse_swapped, say, tell
from ftft.config.formats import TABLES
from ftft.utils.plural import counted
from ftft.utils.table_files import ENDINGS, kind_written

_SHOWN = 10


def predict(
    model: Annotated[
        Path,
        typer.Argument(help=MODEL_HELP),
    ],
    data: Annotated[Path, typer.Argument(help=f"The rows: {TABLES}.")],
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text column; twice for pairs. As in the model's run if left out."),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="A column to write beside the predictions. The ids of the model's run if left "
            "out, where DATA has them.",
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=8, help="Tokens kept of a text. As in the model's run, else 300."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help=f"File to write: {ENDINGS}; row counts the rows of DATA from 1.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Give the class of each row of a file, and the probability of every class.

    Needs no labels. Without --output the first rows are shown.
    """
    from ftft.errors import ConfigError
    from ftft.workspace.own_files import check_output

    if output is not None and kind_written(output) is None:
        raise ConfigError(f"--output {output}: end the name in {ENDINGS}.")
    refuse_swapped(model, data, "predict", str(data), str(model))
    model = meant_model(model)  # who has it wrong need not free a name first
    if output is not None:
        check_output(output, overwrite=overwrite)

    from ftft.cartography.export import export_table
    from ftft.cli.loading import hush_datasets
    from ftft.cli.show import show_predictions
    from ftft.experiment.predict import predict as predict_rows

    hush_datasets()
    found = predict_rows(model, data, text=text or (), example_id=id_column, max_length=max_length)
    for line in found.weak:
        say(f"note: {line}")
    if id_column is None and found.id_column is not None:
        say(f"note: the run's ids, {found.id_column!r}, are written too; --id names others")
    if found.left_out:
        say(f"note: {counted(found.left_out, 'row')} without a text left out")
    if found.cut:
        say(
            f"note: {counted(found.cut, 'row')} reached {found.max_length} tokens, where texts are "
            "cut"
        )
    if output is None:
        show_predictions(found.table, _SHOWN)
        return
    export_table(found.table, output)
    tell(f"{counted(len(found.table), 'prediction')}, written to {output}")
