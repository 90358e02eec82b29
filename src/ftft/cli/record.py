"""``ftft record``: fine-tune the reference and keep its dynamics."""

from __future__ import annotations

from ftft.cli.common import (
    ExperimentFile,
    ForcedStages,
    OutputFolder,
    Overrides,
    open_experiment,
    run_folder,
    say,
    tell,
)


def record(
    file: ExperimentFile,
    overrides: Overrides = None,
    output: OutputFolder = None,
    force_stage: ForcedStages = None,
) -> None:
    """Fine-tune the reference model of an experiment and record its training dynamics.

    Prints the dynamics folder of each seed, for `ftft map`.
    """
    experiment = open_experiment(file, overrides)

    from ftft.pipeline import chosen_stages, opened

    forced = chosen_stages(force_stage or (), [f"reference/seed-{n}" for n in experiment.seeds])
    with opened(experiment, run_folder(experiment, output), say, forced) as stages:
        for seed in experiment.seeds:
            tell(str(stages.reference(seed).folder / "dynamics"))
