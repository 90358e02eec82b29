"""Runs over seeds: a row of figures for each method, compared to ERM seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ftft.naming import METHOD_NAMES
from ftft.study.intervals import Difference, Interval, paired
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


def cell_of(run: RunResult) -> Cell:
    """The cell that a run belongs to."""
    return Cell(run.experiment, run.method, run.reference, run.main, run.strategy, run.fraction)


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
    return tuple(_row(cell, cells[cell], _erm(cell, cells)) for cell in ordered)


def _erm(cell: Cell, cells: dict[Cell, list[RunResult]]) -> list[RunResult]:
    """ERM's runs with the same data and main model; ERM's settings know no selection."""
    if cell.method == "erm":
        return []
    return [
        run
        for other, runs in cells.items()
        for run in runs
        if other.method == "erm" and (other.experiment, other.main) == (cell.experiment, cell.main)
    ]


def _row(cell: Cell, runs: Sequence[RunResult], erm: Sequence[RunResult]) -> Row:
    ood = [run.ood_score for run in runs if run.ood_score is not None]
    return Row(
        cell=cell,
        seeds=tuple(sorted(run.seed for run in runs)),
        id_score=Interval.of([run.id_score for run in runs]),
        ood_score=Interval.of(ood) if ood else None,
        ood_scores={
            name: Interval.of([run.ood_scores[name] for run in runs]) for name in runs[0].ood_scores
        },
        flops=Interval.of([run.flops for run in runs]),
        seconds=Interval.of([run.seconds for run in runs]),
        estimated=any(run.estimated for run in runs),
        selected=sum(run.selected for run in runs) / len(runs),
        id_versus_erm=paired(_by_seed(runs, "id_score"), _by_seed(erm, "id_score")),
        ood_versus_erm=paired(_by_seed(runs, "ood_score"), _by_seed(erm, "ood_score")),
    )


def _by_seed(runs: Sequence[RunResult], what: str) -> dict[int, float]:
    values = {run.seed: getattr(run, what) for run in runs}
    return {seed: value for seed, value in values.items() if value is not None}
