"""``ftft validate``: check everything without training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ftft.cli.common import (
    ExperimentFile,
    OutputFolder,
    Overrides,
    open_experiment,
    run_folder,
    say,
    tell,
)

if TYPE_CHECKING:
    from ftft.config.schema import Experiment


def validate(
    file: ExperimentFile, overrides: Overrides = None, output: OutputFolder = None
) -> None:
    """Check an experiment file, its data and its models, without training anything.

    Says which trainings a run would do and at what cost, and which it would reuse.
    """
    experiment = open_experiment(file, overrides)
    show_dry_run(experiment, run_folder(experiment, output))
    tell(f"{file}: valid")


def show_dry_run(
    experiment: Experiment, folder: str, *, replacing: bool = False, jobs: int = 1
) -> None:
    """Check an experiment, and show its data and what a run would do."""
    from ftft.utils.collecting import nothing_collected

    with nothing_collected():
        from ftft.cli.show import show_data, show_foresight
        from ftft.experiment.belongs import trained_on
        from ftft.experiment.dry_run import foresee
        from ftft.experiment.validate import check, notes

    data = check(experiment, folder, replacing=replacing)
    show_data(data)
    for note in notes(data, [experiment]):
        tell(note)
    trained = trained_on(Path(folder)) if replacing else set()
    if trained and data.train.fingerprint not in trained:
        say(f"{folder}: what is there would be moved beside it")
        folder = os.path.join(folder, "new")  # nothing of it would be reused
    show_foresight(foresee(experiment, data, folder, say, jobs=jobs), len(data.train))
