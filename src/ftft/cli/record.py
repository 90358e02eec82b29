"""``ftft record``: fine-tune the reference and keep its dynamics."""

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
    note_unread,
    open_experiment,
    run_folder,
    say,
    tell,
)
from ftft.utils.plural import counted


def record(
    file: ExperimentFile,
    overrides: Overrides = None,
    output: OutputFolder = None,
    force_stage: ForcedStages = None,
    replace: Replace = False,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Train nothing: score the checkpoint-STEP folders of this folder on the training "
            "set instead, in evaluation mode."
        ),
    ] = None,
    dynamics: Annotated[
        Path | None,
        typer.Option(help="Dynamics folder to write with --checkpoints; else `dynamics`."),
    ] = None,
) -> None:
    """Fine-tune the reference model of an experiment and record its training dynamics.

    Prints the dynamics folder of each seed, for `ftft map`.
    """
    _check_options(output, force_stage, replace, checkpoints, dynamics)
    if checkpoints is not None:
        _afterwards(file, overrides, checkpoints, dynamics or Path("dynamics"))
        return
    experiment = open_experiment(file, overrides)

    from ftft.experiment.pipeline import chosen_stages, opened
    from ftft.experiment.trainings import train_reference

    unread = ["main", "selection", "baselines", "dm"]
    if experiment.reference.stop == "full":
        unread.append("map")
    note_unread(overrides, unread, "on the reference")
    forced = chosen_stages(force_stage or (), [f"reference/seed-{n}" for n in experiment.seeds])
    folder = run_folder(experiment, output)
    with opened(experiment, folder, say, forced, replacing=replace) as stages:
        for seed in experiment.seeds:
            tell(str(train_reference(stages, seed).folder / "dynamics"))


def _check_options(
    output: Path | None,
    force_stage: list[str] | None,
    replace: bool,
    checkpoints: Path | None,
    dynamics: Path | None,
) -> None:
    """Refuse options that would have no effect."""
    from ftft.errors import ConfigError

    if checkpoints is None and dynamics is not None:
        raise ConfigError(
            "--dynamics names the folder for --checkpoints, which is missing. A reference that is "
            "trained keeps its dynamics in the run folder: give --output, or --checkpoints."
        )
    if checkpoints is not None and (output is not None or force_stage or replace):
        raise ConfigError(
            "--output, --force-stage and --replace are about the run folder, which --checkpoints "
            "does not use. Leave them out; --dynamics names the folder to write."
        )


def _afterwards(file: Path, overrides: list[str] | None, checkpoints: Path, to: Path) -> None:
    experiment = open_experiment(file, overrides)

    from ftft.config.idle import all_but_scoring
    from ftft.errors import ConfigError
    from ftft.experiment.room import usable_data
    from ftft.training.afterwards import dynamics_of_checkpoints
    from ftft.utils import distributed

    if distributed.count() > 1:
        raise ConfigError("--checkpoints is one process: start it without torchrun or accelerate.")
    reference = experiment.reference
    unread = ["main", "map", "selection", "baselines", "dm", "seeds", "metric", "name", "output"]
    unread += all_but_scoring("reference", reference)
    note_unread(overrides, unread, "with --checkpoints")
    train = usable_data(experiment).train
    written = dynamics_of_checkpoints(checkpoints, reference, train, to)
    points = ", ".join(f"{point:g}" for point in written.points)
    tell(f"dynamics of {counted(len(written), 'example')} after {points} epochs, written to {to}")
