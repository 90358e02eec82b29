"""``ftft validate``: check everything without training."""

from __future__ import annotations

from ftft.cli.common import (
    ExperimentFile,
    OutputFolder,
    Overrides,
    open_experiment,
    run_folder,
    tell,
)
from ftft.utils.plural import counted


def validate(
    file: ExperimentFile, overrides: Overrides = None, output: OutputFolder = None
) -> None:
    """Check an experiment file, its data and its models, without training anything."""
    experiment = open_experiment(file, overrides)

    from ftft.cli.show import show_data
    from ftft.config.idle import idle_notes
    from ftft.experiment.validate import check, notes
    from ftft.training.arguments import full_steps, main_plan

    data = check(experiment, run_folder(experiment, output))
    show_data(data)
    for note in [*notes(data), *idle_notes([experiment])]:
        tell(note)
    main = experiment.main
    plan = main_plan(main, len(data.train), budget=main.budget, patience=main.patience, seed=0)
    tell(
        f"reference {experiment.reference.label}: "
        f"{counted(full_steps(experiment.reference, len(data.train)), 'step')}\n"
        f"main {main.label}: at most {plan.steps:,} of ERM's "
        f"{counted(full_steps(main, len(data.train)), 'step')}\n{file}: valid"
    )
