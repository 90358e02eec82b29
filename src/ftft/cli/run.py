"""``ftft run``: the whole method."""

from __future__ import annotations

from typing import Annotated

import typer

from ftft.cli.common import (
    ExperimentFile,
    ForcedStages,
    OutputFolder,
    Overrides,
    Replace,
    open_experiment,
    run_folder,
    say,
)
from ftft.cli.validate import show_dry_run
from ftft.errors import ConfigError


def run(
    file: ExperimentFile,
    overrides: Overrides = None,
    output: OutputFolder = None,
    force_stage: ForcedStages = None,
    replace: Replace = False,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Trainings at a time, each in a process of its own, as far as they do not "
            "depend on each other.",
        ),
    ] = 1,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check everything and say what would be run; write nothing."
        ),
    ] = False,
) -> None:
    """Run an experiment: reference, data map, selection, main model, baselines, scores.

    Stages that were finished before, from the same settings and data, are not run again. At the
    end there is a table, results.json, and the main model in main/seed-*/model, ready for
    from_pretrained.
    """
    experiment = open_experiment(file, overrides)
    folder = run_folder(experiment, output)
    if dry_run:
        if force_stage:
            raise ConfigError("--dry-run runs nothing; leave --force-stage out.")
        show_dry_run(experiment, folder, replacing=replace, jobs=jobs)
        return

    from ftft.cli.show import show_results
    from ftft.experiment.pipeline import run as run_pipeline

    ways = (experiment, folder, say, force_stage or ())
    show_results(run_pipeline(*ways, replacing=replace, jobs=jobs))
