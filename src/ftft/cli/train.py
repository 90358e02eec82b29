"""``ftft train``: the main model on a selection that is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import (
    ExperimentFile,
    ForcedStages,
    OutputFolder,
    Overrides,
    Replace,
    meant,
    note_unread,
    open_experiment,
    run_folder,
    say,
)
from ftft.config.formats import TABLES

_UNREAD = ["reference", "map", "selection", "baselines", "dm"]


def train(
    file: ExperimentFile,
    selection: Annotated[
        Path | None,
        typer.Option(
            help="A selection.parquet that ftft wrote, of this training set, or a list of example "
            f"ids: {TABLES}, or a text file with an id a line. Without one, the "
            "main model is trained on everything for ERM's full length."
        ),
    ] = None,
    overrides: Overrides = None,
    output: OutputFolder = None,
    force_stage: ForcedStages = None,
    replace: Replace = False,
) -> None:
    """Fine-tune the main model of an experiment on a selection, or on everything (ERM)."""
    experiment = open_experiment(file, overrides)

    from ftft.cli.show import show_training
    from ftft.experiment.pipeline import chosen_stages, opened
    from ftft.experiment.trainings import train_erm, train_main_on
    from ftft.selection.id_lists import is_id_list, read_ids
    from ftft.selection.selection import Selection
    from ftft.workspace.workspace import check_artifact

    if selection is not None:
        selection = meant(selection, "selection")
        check_artifact(selection)
    ids = read_ids(selection) if selection is not None and is_id_list(selection) else None
    chosen = None if selection is None or ids is not None else Selection.read(selection)
    kinds = ("erm",) if selection is None else ("given-selection", "given")
    names = [f"{kind}/seed-{seed}" for seed in experiment.seeds for kind in kinds]
    forced = chosen_stages(force_stage or (), names)
    if selection is None:
        unread, place = [*_UNREAD, "main.budget", "main.patience"], "on ERM's full training"
    else:
        unread, place = _UNREAD, "with --selection"
    note_unread(overrides, unread, place)
    folder = run_folder(experiment, output)
    with opened(experiment, folder, say, forced, replacing=replace) as stages:
        if ids is not None:
            chosen = Selection.of_ids(ids, len(stages.data.train))
        for seed in experiment.seeds:
            stage = (
                train_erm(stages, seed) if chosen is None else train_main_on(stages, chosen, seed)
            )
            show_training(stage)
