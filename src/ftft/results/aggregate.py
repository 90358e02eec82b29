"""Runs over seeds: a row of figures for each method, compared to ERM seed by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ftft.config.methods import METHODS, place_of
from ftft.results.intervals import AMOUNT, SHARE, Difference, Interval, paired
from ftft.results.jobs import most_jobs
from ftft.results.run import Cell, RunResult, cell_of
from ftft.results.time_to_target import TimeToTarget, time_to_target
from ftft.utils.names import names_apart


@dataclass(frozen=True)
class Versus:
    """One method against another, paired by seed; positive where the first is higher.

    Attributes:
        id: In-distribution scores.
        ood: Means over the out-of-distribution sets; None where there are none.
    """

    id: Difference
    ood: Difference | None

    @property
    def main(self) -> Difference:
        """Out of distribution, where that is known."""
        return self.id if self.ood is None else self.ood


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
        versus: Baseline to how it stands to that, of the same main model and of all that the
            baseline varies with, such as size and budget; only those that were run, the most
            important first.
        steps: Steps of the main model.
        time_to_target: How soon it scores what ERM does in the end; None where ERM was not run.
        tokens: Mean tokens of the selected examples over those of all; 1 is as long. None where
            nothing was selected or lengths are not known.
        jobs: How many trainings at most shared the machine, each counted in; 1: its seconds are of
            trainings that had it to themselves; None where it is not known of one of them.
        alone: Its reference's development score and its cost over ERM's, ``score``, ``flops`` and
            ``seconds``; None where that is not known for all seeds.
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
    versus: dict[str, Versus] = field(default_factory=dict)
    steps: Interval | None = None
    time_to_target: TimeToTarget | None = None
    tokens: Interval | None = None
    jobs: int | None = 1
    alone: dict[str, Interval] | None = None

    @property
    def score(self) -> Interval:
        """Out of distribution, where that is known."""
        return self.id_score if self.ood_score is None else self.ood_score


def aggregate(runs: Sequence[RunResult]) -> tuple[Row, ...]:
    """A row for each cell of some runs, in the order of :func:`by_cell`."""
    cells = by_cell(runs)
    return tuple(_row(cell, cells) for cell in cells)


def by_cell(runs: Sequence[RunResult]) -> dict[Cell, list[RunResult]]:
    """Put the seeds of each cell together.

    Args:
        runs: Runs of one or several folders. Where two folders hold the same cell with the same
            seed, they differ in something else, such as the budget; the names of the folders then
            distinguish their cells.

    Returns:
        Cells and their runs: by experiment and main model in the order given, ERM first and FTFT
        last among them.
    """
    times = Counter((cell_of(run), run.seed) for run in runs)
    repeated = {cell for (cell, _), count in times.items() if count > 1}
    paths = list(dict.fromkeys(run.place for run in runs))
    names = dict(zip(paths, names_apart(paths), strict=True))
    cells: dict[Cell, list[RunResult]] = {}
    for run in runs:
        cell = cell_of(run)
        cell = replace(cell, folder=names[run.place]) if cell in repeated else cell
        cells.setdefault(cell, []).append(run)
    groups = list(dict.fromkeys((cell.experiment, cell.main) for cell in cells))

    def place(cell: Cell) -> tuple[int, int]:
        return groups.index((cell.experiment, cell.main)), place_of(cell.method)

    return {cell: cells[cell] for cell in sorted(cells, key=place)}


def cell_names(cells: Sequence[Cell]) -> dict[Cell, str]:
    """Short names of cells: the method, and of the rest what distinguishes them."""
    names = {}
    for cell in cells:
        alike = [other for other in cells if other.method == cell.method]
        parts = [METHODS[cell.method].title]
        for field_ in ("experiment", "main", "reference", "strategy", "fraction", "variant"):
            value = getattr(cell, field_)
            if value and len({getattr(other, field_) for other in alike}) > 1:
                parts.append(f"{value:.3g}" if isinstance(value, float) else str(value))
        names[cell] = ", ".join(parts)
    return names


def setting_names(experiment: str, cells: Sequence[Cell]) -> dict[Cell, str]:
    """Names of several settings of one method: the experiment, and what distinguishes them."""
    return {
        cell: f"{experiment}: {differs}" if differs else experiment
        for cell, name in cell_names(cells).items()
        for differs in [name.partition(", ")[2]]
    }


Cells = Mapping[Cell, Sequence[RunResult]]


def _row(cell: Cell, cells: Cells) -> Row:
    runs = cells[cell]
    ood = [run.ood_score for run in runs if run.ood_score is not None]
    erm = runs if cell.method == "erm" else _peers(cell, cells, "erm")
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
        versus=_versus(cell, cells),
        steps=Interval.of([float(run.record["steps"]["main"]) for run in runs], AMOUNT),
        time_to_target=time_to_target(
            {run.seed: run for run in runs}, {run.seed: run for run in erm}
        ),
        tokens=_tokens(runs),
        jobs=most_jobs(run.jobs for run in runs),
        alone=_alone(runs),
    )


def _tokens(runs: Sequence[RunResult]) -> Interval | None:
    lengths = [found for run in runs if (found := run.record.get("lengths"))]
    if not lengths:
        return None
    return Interval.of([one["selected"]["mean"] / one["all"]["mean"] for one in lengths], AMOUNT)


def _alone(runs: Sequence[RunResult]) -> dict[str, Interval] | None:
    found = [run.alone for run in runs if run.alone is not None]
    if len(found) < len(runs):
        return None
    return {
        name: Interval.of([getattr(one, name) for one in found], domain)
        for name, domain in (("score", SHARE), ("flops", AMOUNT), ("seconds", AMOUNT))
    }


def _versus(cell: Cell, cells: Cells) -> dict[str, Versus]:
    found = {}
    for baseline in METHODS[cell.method].compared_to:
        peers = _peers(cell, cells, baseline)
        in_ = paired(*(_by_seed(runs, "id_score") for runs in (cells[cell], peers)))
        if in_ is not None:
            ood = paired(*(_by_seed(runs, "ood_score") for runs in (cells[cell], peers)))
            found[baseline] = Versus(in_, ood)
    return found


def _peers(cell: Cell, cells: Cells, baseline: str) -> Sequence[RunResult]:
    """The runs of a baseline that a cell is compared to; none where it was not run."""
    varies = METHODS[baseline].varies
    # DM has a budget of its own and ERM none, so that folders that differ in it share them.
    same = ("experiment", "main", *varies, *(("folder",) if "budget" in varies else ()))
    return [
        run
        for other, runs in cells.items()
        if other.method == baseline
        and all(getattr(other, name) == getattr(cell, name) for name in same)
        for run in runs
    ]


def _by_seed(runs: Sequence[RunResult], what: str) -> dict[int, float]:
    values = {run.seed: getattr(run, what) for run in runs}
    return {seed: value for seed, value in values.items() if value is not None}
