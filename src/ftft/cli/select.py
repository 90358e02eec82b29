"""``ftft select``: choose examples from a data map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ftft.cli.common import (
    Overwrite,
    data_of,
    meant,
    note_bad_reference,
    note_idle,
    parquet_file,
    say,
    tell,
)
from ftft.cli.of_run import experiment_for, recorded_for
from ftft.config.formats import TABLES

if TYPE_CHECKING:
    from ftft.cartography.datamap import DataMap
    from ftft.config.selecting import Selection as Settings
    from ftft.selection.selection import Selection


def select_(
    context: typer.Context,
    datamap: Annotated[
        Path,
        typer.Argument(
            help="A map.parquet that ftft wrote, the folder of its stage, or a run of one seed."
        ),
    ],
    strategy: Annotated[
        str,
        typer.Option(
            help="ambiguous, hard-to-learn, easy-to-learn, random, ambiguous+easy, loss-clusters, "
            "correctness, forgetting, threshold-closeness or late-learnt."
        ),
    ] = "ambiguous",
    fraction: Annotated[float, typer.Option(help="Share of the examples, in (0, 1].")] = 0.33,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn by chance.")] = 0,
    keep_label_proportions: Annotated[
        bool | None,
        typer.Option(
            help="Select the same share of every label; as the map's own run did if no option "
            "says how to balance."
        ),
    ] = None,
    balance_labels: Annotated[
        bool, typer.Option(help="Select the same number of every label.")
    ] = False,
    exclude_label_errors: Annotated[
        float, typer.Option(help="Share left out first, as likeliest to be mislabelled.")
    ] = 0.0,
    easy_share: Annotated[float, typer.Option(help="Easy share of ambiguous+easy.")] = 0.1,
    num_clusters: Annotated[int, typer.Option(help="Clusters of loss-clusters.")] = 100,
    other_end: Annotated[
        float, typer.Option(help="Share taken from the other end of the strategy's score.")
    ] = 0.0,
    random_share: Annotated[
        float, typer.Option(help="Share drawn at random from what the strategy leaves.")
    ] = 0.0,
    balance_by: Annotated[
        str | None,
        typer.Option(help="A slice, or column of --slices: select the same number of each value."),
    ] = None,
    slices: Annotated[
        Path | None,
        typer.Option(
            help=f"A table ({TABLES}) with a column example_id, for --balance-by; "
            "the slices of the map's own run if left out."
        ),
    ] = None,
    dynamics: Annotated[
        Path | None,
        typer.Option(
            help="The dynamics that the map was drawn from, for loss-clusters; its own run's "
            "if left out."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "selection.parquet"
    ),
    overwrite: Overwrite = False,
) -> None:
    """Select examples from a data map; writes their ids, best first: rank 0 is the best."""
    from ftft.cartography.datamap import DataMap, checked_fraction
    from ftft.cartography.tables import check_kind
    from ftft.errors import ConfigError
    from ftft.selection.checks import check, check_exclusion, check_one_balance
    from ftft.selection.names import CLUSTERS
    from ftft.selection.strategies import select
    from ftft.workspace.own_files import check_output
    from ftft.workspace.workspace import check_artifact

    # What was asked for first: who has the strategy or the map wrong need not free a name for it.
    checked_fraction(fraction, "The selected fraction")
    shares = {"easy_share": easy_share, "other_end": other_end, "random_share": random_share}
    check(strategy, seed, shares)
    check_exclusion(exclude_label_errors)
    check_one_balance(bool(keep_label_proportions), balance_labels, balance_by)
    if slices is not None and balance_by is None:
        raise ConfigError("--slices is the table of --balance-by COLUMN; give both.")
    output = parquet_file(output)
    datamap = meant(datamap, "map")
    check_artifact(datamap)
    check_kind(datamap, "map")
    check_output(output, overwrite=overwrite)
    drawn = DataMap.read(datamap)
    if keep_label_proportions is None and not balance_labels and balance_by is None:
        of_run = _balance_of_run(datamap)
        keep_label_proportions = of_run.keep_label_proportions
        balance_labels, balance_by = of_run.balance_labels, of_run.balance_by
    losses = None
    if strategy == CLUSTERS or dynamics is not None:
        losses = _losses(datamap, drawn, dynamics)
    selection = select(
        drawn,
        strategy,
        fraction,
        seed=seed,
        keep_label_proportions=bool(keep_label_proportions),
        balance_labels=balance_labels,
        exclude_label_errors=exclude_label_errors,
        **shares,
        balance_by=balance_by,
        groups=None if balance_by is None else _groups(datamap, drawn, slices, balance_by),
        num_clusters=num_clusters,
        trajectories=losses if strategy == CLUSTERS else None,
    )
    selection.write(output)
    note_idle(context, f"with --strategy {strategy}", _works(strategy, random_share))
    tell(f"{len(selection):,} of {selection.total:,} examples ({strategy}), written to {output}")
    note_bad_reference(datamap)
    _tell_of(drawn, selection, balance_by)


def _works(strategy: str, random_share: float) -> dict[str, bool]:
    """Which of the options that belong to some strategies have an effect."""
    from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD
    from ftft.selection.names import CLOSENESS, CLUSTERS, LATE, MIXED, RANDOM

    ranked = (AMBIGUOUS, HARD, EASY, MIXED, CLOSENESS, LATE)
    return {
        "easy_share": strategy == MIXED,
        "num_clusters": strategy == CLUSTERS,
        "dynamics": strategy == CLUSTERS,
        "random_share": strategy != RANDOM,
        "seed": random_share > 0 or strategy not in ranked,
    }


def _tell_of(drawn: DataMap, selection: Selection, balance_by: str | None) -> None:
    """What the selection holds, and what it lacks."""
    from ftft.cartography.left_out import left_out_in_words
    from ftft.cartography.lengths import lengths_in_words
    from ftft.selection.lengths import selection_lengths
    from ftft.selection.words import left_out_by, selection_in_words

    for line in selection_in_words(drawn, selection):
        tell(line)
    if left_out := left_out_by(drawn, selection):
        say(
            f"note: it all but leaves out {left_out_in_words(left_out)}; keep each label's share "
            "with --keep-label-proportions"
            + (" instead of --balance-by" if balance_by is not None else "")
        )
    lengths = selection_lengths(drawn, selection)
    if lengths is not None:
        tell(f"tokens an example: {lengths_in_words(lengths)}")


def _losses(given: Path, drawn: DataMap, dynamics: Path | None) -> Any:
    """The loss trajectories of a map's examples, which the map does not hold."""
    from ftft.cartography.trajectories import loss_trajectories
    from ftft.dynamics.store import read_dynamics
    from ftft.errors import ConfigError
    from ftft.transfer.reading import dynamics_folder
    from ftft.workspace.workspace import check_artifact

    folder = recorded_for(given) if dynamics is None else dynamics_folder(dynamics)
    if folder is None:
        raise ConfigError(
            "--strategy loss-clusters clusters losses, which a map does not hold, and this one is "
            "in no run that has its dynamics: add --dynamics with the folder that it was drawn "
            "from."
        )
    check_artifact(folder)
    return loss_trajectories(read_dynamics(folder).take(drawn.example_ids), drawn.epochs)


def _groups(given: Path, drawn: DataMap, slices: Path | None, column: str) -> list[str]:
    """The value of a slice, or of a column of a table, by example; empty where it has none."""
    from ftft.data.slices import read_slices
    from ftft.errors import ConfigError

    if slices is None:
        return _slice_of_run(given, drawn, column)
    values = read_slices(slices, {column: "--balance-by"})[column]
    groups = [values.get(one, "") for one in drawn.example_ids.to_pylist()]
    if not any(groups):
        raise ConfigError(
            f"--balance-by {column}: {slices} has no value for any example of the map; its column "
            "example_id must hold the map's ids."
        )
    _note_without(groups, column, slices)
    return groups


def _balance_of_run(given: Path) -> Settings:
    """How the run of a map balances what it selects, which is said; of no run it is not at all."""
    from ftft.config.load import load_experiment
    from ftft.config.selecting import Selection as Settings
    from ftft.errors import FtftError

    file = experiment_for(given)
    try:
        found = Settings() if file is None else load_experiment(file).selection
    except FtftError:
        return Settings()  # of another version
    keys = ("keep_label_proportions", "balance_labels", "balance_by")
    for key in (one for one in keys if getattr(found, one)):
        value = f" {found.balance_by}" if key == "balance_by" else ""
        say(
            f"note: --{key.replace('_', '-')}{value} is taken over from {file}; "
            "--no-keep-label-proportions leaves it out"
        )
    return found


def _slice_of_run(given: Path, drawn: DataMap, column: str) -> list[str]:
    """The value of a slice of the training data of the map's own run, by example."""
    from ftft.errors import ConfigError

    experiment = experiment_for(given)
    if experiment is None:
        raise ConfigError(
            f"--balance-by {column}: the map is in no run whose data have slices; add --slices "
            "with a table that has the columns example_id and this one."
        )
    train = data_of(experiment).train
    if column not in train.slices:
        known = f"the slices {', '.join(train.slices)}" if train.slices else "no slices"
        raise ConfigError(
            f"--balance-by {column}: the training data of {experiment} have {known}. Name one in "
            f"data.train.slices, such as slices: [{column}], and run it again, or add --slices "
            "with a table that has the columns example_id and this one."
        )
    groups = train.slice_values(column, drawn.example_ids) or []
    _note_without(groups, column, experiment)
    return groups


def _note_without(groups: Sequence[str], column: str, place: Path) -> None:
    """Say how many examples are in no group."""
    if without := groups.count(""):
        say(
            f"note: {without:,} of {len(groups):,} examples have no {column!r} in {place}; they "
            "count as a group of their own"
        )
