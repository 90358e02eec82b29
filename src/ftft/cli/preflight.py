"""``ftft preflight``: has a reference learnt its data?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import (
    BurnInOption,
    MeasureOption,
    Overwrite,
    burn_in_of,
    check_share,
    say,
    tell,
)


def preflight(
    dynamics: Annotated[
        Path,
        typer.Argument(
            help="A reference's dynamics, its folder (reference/seed-0), or a run of one seed."
        ),
    ],
    fraction: Annotated[float, typer.Option(help="Share that is to be selected.")] = 0.33,
    burn_in: BurnInOption = "auto",
    measure: MeasureOption = "inverse-perplexity",
    dev_accuracy: Annotated[
        float | None,
        typer.Option(help="Its accuracy on development data, 0 to 1; a run's folder knows it."),
    ] = None,
    expected: Annotated[
        float | None,
        typer.Option(help="Accuracy expected of the main model on the same data, 0 to 1."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 unless it is good.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the verdict, as JSON.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge a reference from its own dynamics, before the main model is paid for.

    Says good, doubtful or bad, why, and what to try next.
    """
    from dataclasses import asdict

    from ftft.cli.show_transfer import show_preflight
    from ftft.dynamics.store import read_dynamics
    from ftft.errors import ConfigError
    from ftft.transfer.preflight import GOOD, DevScore, signals
    from ftft.transfer.preflight import preflight as judge
    from ftft.transfer.reading import check_dynamics_folder
    from ftft.workspace.own_files import check_output
    from ftft.workspace.stage_record import write_json
    from ftft.workspace.workspace import check_artifact

    check_share("--dev-accuracy", dev_accuracy)
    check_share("--expected", expected)
    points = burn_in_of(burn_in)
    folder = check_dynamics_folder(dynamics)  # who has it wrong need not free a name first
    if output is not None:
        check_output(output, overwrite=overwrite)
    if folder.parent not in (dynamics, dynamics.parent):
        say(f"{dynamics}: its only reference is taken, {folder.parent}")
    check_artifact(folder)
    recorded = read_dynamics(folder).measured_by(measure)
    found = signals(recorded, fraction, points)
    # Development data are drawn as the training data were: the same label is the most frequent.
    floor = found.majority
    if dev_accuracy is None:
        dev_accuracy, recorded_floor = _recorded_accuracy(folder.absolute().parent)
        floor = floor if recorded_floor is None else recorded_floor
    if expected is not None and dev_accuracy is None:
        raise ConfigError(
            "--expected is compared with the reference's accuracy on the same data, which is not "
            "known here: add --dev-accuracy."
        )
    dev = None if dev_accuracy is None else DevScore(dev_accuracy, floor, expected)
    result = judge(found, dev)
    show_preflight(result)
    if output is not None:
        write_json(output, asdict(result))
        tell(f"written to {output}")
    if strict and result.verdict != GOOD:
        raise typer.Exit(1)


def _recorded_accuracy(stage: Path) -> tuple[float | None, float | None]:
    """Mean accuracy on in-distribution development sets, and that of one answer to all.

    Each as far as a finished stage says it.
    """
    from ftft.workspace.stage_record import read_record

    record = read_record(stage, stage.name)
    result = (record or {}).get("result", {})
    scores, elsewhere = result.get("dev_scores", {}), result.get("dev_ood", [])
    inside = {name: values for name, values in scores.items() if name not in elsewhere}
    # A task without classes has no accuracy to compare with that of answering one of them.
    accuracies = [values["accuracy"] for values in inside.values() if "accuracy" in values]
    known = result.get("dev_floors", {})
    floors = [known[name] for name in inside if name in known]
    means = [sum(one) / len(one) if one else None for one in (accuracies, floors)]
    return means[0], means[1]
