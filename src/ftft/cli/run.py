"""``ftft run``: the whole method."""

from __future__ import annotations

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


def run(
    file: ExperimentFile,
    overrides: Overrides = None,
    output: OutputFolder = None,
    force_stage: ForcedStages = None,
    replace: Replace = False,
) -> None:
    """Run an experiment: reference, data map, selection, main model, baselines, scores.

    Stages that were finished before, from the same settings and data, are not run again. At the
    end there is a table, results.json, and the main model in main/seed-*/model, ready for
    from_pretrained.
    """
    experiment = open_experiment(file, overrides)
    folder = run_folder(experiment, output)

    from ftft.cli.show import show_results
    from ftft.experiment.pipeline import run as run_pipeline

    show_results(run_pipeline(experiment, folder, say, force_stage or (), replacing=replace))
