"""``ftft evaluate``: score a model on the sets of an experiment."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import (
    MODEL_HELP,
    ExperimentFile,
    Overrides,
    Overwrite,
    meant_model,
    note_unread,
    open_experiment,
    refuse_swapped,
)


class Role(StrEnum):
    """Which sets are scored."""

    DEV = "dev"
    TEST = "test"


def evaluate(
    file: ExperimentFile,
    model: Annotated[Path, typer.Argument(help=MODEL_HELP)],
    sets: Annotated[
        Role, typer.Option(help="Development sets, or test sets: score those once, at the end.")
    ] = Role.TEST,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the scores as JSON.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Score a finished model on an experiment's test or development sets, by slice too."""
    refuse_swapped(model, file, "evaluate", str(model), str(file))
    experiment = open_experiment(file, overrides)

    from ftft.cli.show import show_scores
    from ftft.config.idle import all_but_scoring
    from ftft.experiment.evaluate import evaluate_model

    unread = ["reference", "map", "selection", "baselines", "dm", "seeds", "metric", "output"]
    unread += all_but_scoring("main", experiment.main)
    note_unread(overrides, unread, "on a finished model")
    model = meant_model(model)
    show_scores(evaluate_model(experiment, model, sets.value, output, overwrite=overwrite))
