"""Runs over seeds: a row of figures for each method, compared to ERM seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ftft.naming import METHOD_NAMES
from ftft.study.intervals import AMOUNT, SHARE, Difference, Interval, paired
from ftft.study.reach import Reach, reach
from ftft.study.reading import RunResult

METHOD_ORDER = tuple(METHOD_NAMES)


@dataclass(frozen=True)
class Cell:
    """What tells one row of a comparison from another; all but the seed.

    Attributes:
        experiment: Name of the experiment.
        method: ``erm``, ``erm_es``, ``random``, ``dm`` or ``ftft``.
        reference: Name of the reference; None where there was none.
        main: Name of the main model.
        strategy: Selection strategy; None where everything was trained on.
        fraction: Share selected.
        variant: What else tells it apart, such as a study's budget; empty otherwise.
    """

    experiment: str
    method: str
    reference: str | None
    main: str
    strategy: str | None
    fraction: float
    variant: str = ""


@dataclass(frozen=True)
class Row:
    """One cell over its seeds.

    Attributes:
        cell: What it is.
        seeds: Its seeds, ascending.
        id_score: In-distribution score, in [0, 1]; higher is better.
        ood_score: Mean over the out-of-distribution sets; None where there are none.
        ood_scores: Each out-of-distribution set.
        flops: Total cost over ERM's, in operations; below 1 is cheaper.
        seconds: The same in seconds.
        estimated: Whether ERM's cost was computed for any seed.
        selected: Examples trained on, mean over seeds.
        id_versus_erm: Against ERM with the same main model, paired by seed; None where ERM was
            not run, and for ERM itself.
        ood_versus_erm: Likewise.
        id_versus_random: Against the random subset of the same main model, size and budget; None
            where it was not run, and for all but FTFT.
        ood_versus_random: Likewise.
        id_versus_dm: Against DM with the same main model, strategy and fraction; None where it was
            not run, and for all but FTFT.
        ood_versus_dm: Likewise.
        steps: Steps of the main model.
        reach: How soon it scores what ERM does in the end; None where ERM was not run.
    """

    cell: Cell
    seeds: tuple[int, ...]
    id_score: Interval
    ood_score: Interval | None
    ood_scores: dict[str, Interval]
    flops: Interval
    seconds: Interval
    estimated: bool
    selected: float
    id_versus_erm: Difference | None
    ood_versus_erm: Difference | None
    id_versus_random: Difference | None = None
    ood_versus_random: Difference | None = None
    id_versus_dm: Difference | None = None
    ood_versus_dm: Difference | None = None
    steps: Interval | None = None
    reach: Reach | None = None


def cell_of(run: RunResult) -> Cell:
    """The cell that a run belongs to."""
    return Cell(
        run.experiment,
        run.method,
        run.reference,
        run.main,
        run.strategy,
        run.fraction,
        run.variant,
    )


def aggregate(
    runs: Sequence[RunResult], key: Callable[[RunResult], Cell] = cell_of
) -> tuple[Row, ...]:
    """Put the seeds of each cell together.

    Args:
        runs: Runs of one or several folders.
        key: What tells cells apart; :func:`cell_of` if left out.

    Returns:
        A row for each cell: by experiment and main model in the order given, ERM first and FTFT
        last among them.
    """
    cells: dict[Cell, list[RunResult]] = {}
    for run in runs:
        cells.setdefault(key(run), []).append(run)
    groups = list(dict.fromkeys((cell.experiment, cell.main) for cell in cells))
    ordered = sorted(
        cells,
        key=lambda cell: (
            groups.index((cell.experiment, cell.main)),
            METHOD_ORDER.index(cell.method),
        ),
    )
    return tuple(_row(cell, cells) for cell in ordered)


Cells = Mapping[Cell, Sequence[RunResult]]


def _row(cell: Cell, cells: Cells) -> Row:
    runs = cells[cell]
    ood = [run.ood_score for run in runs if run.ood_score is not None]
    erm, random, dm = (_peers(cell, cells, method) for method in ("erm", "random", "dm"))
    return Row(
        cell=cell,
        seeds=tuple(sorted(run.seed for run in runs)),
        id_score=Interval.of([run.id_score for run in runs], SHARE),
        ood_score=Interval.of(ood, SHARE) if ood else None,
        ood_scores={
            name: Interval.of([run.ood_scores[name] for run in runs], SHARE)
            for name in runs[0].ood_scores
        },
        flops=Interval.of([run.flops for run in runs], AMOUNT),
        seconds=Interval.of([run.seconds for run in runs], AMOUNT),
        estimated=any(run.estimated for run in runs),
        selected=sum(run.selected for run in runs) / len(runs),
        id_versus_erm=_difference(runs, erm, "id_score"),
        ood_versus_erm=_difference(runs, erm, "ood_score"),
        id_versus_random=_difference(runs, random, "id_score"),
        ood_versus_random=_difference(runs, random, "ood_score"),
        id_versus_dm=_difference(runs, dm, "id_score"),
        ood_versus_dm=_difference(runs, dm, "ood_score"),
        steps=Interval.of([float(run.record["steps"]["main"]) for run in runs], AMOUNT),
        reach=reach({run.seed: run for run in runs}, {run.seed: run for run in erm or runs})
        if erm or cell.method == "erm"
        else None,
    )


# What of a cell has to be the same for two methods to be compared. ERM knows no selection, the
# random subset no strategy, and DM's second training has a budget of its own.
_SAME = {
    "erm": ("experiment", "main"),
    "random": ("experiment", "main", "fraction", "variant"),
    "dm": ("experiment", "main", "strategy", "fraction"),
}
# Which methods are compared to which.
_AGAINST = {
    "erm": ("erm_es", "random", "dm", "ftft"),
    "random": ("ftft",),
    "dm": ("ftft",),
}


def _peers(cell: Cell, cells: Cells, method: str) -> Sequence[RunResult]:
    """The runs of a baseline that a cell is compared to; none where it is not, or was not run."""
    if cell.method not in _AGAINST[method]:
        return ()
    same = _SAME[method]
    return [
        run
        for other, runs in cells.items()
        for run in runs
        if other.method == method
        and all(getattr(other, name) == getattr(cell, name) for name in same)
    ]


def _difference(
    runs: Sequence[RunResult], others: Sequence[RunResult], what: str
) -> Difference | None:
    return paired(_by_seed(runs, what), _by_seed(others, what))


def _by_seed(runs: Sequence[RunResult], what: str) -> dict[int, float]:
    values = {run.seed: getattr(run, what) for run in runs}
    return {seed: value for seed, value in values.items() if value is not None}
