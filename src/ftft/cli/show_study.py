"""Tables of a study for the terminal, and its progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ftft.cli.common import say, tell
from ftft.cli.escape_control import inert
from ftft.cli.show import add_row, console, table
from ftft.config.methods import METHODS
from ftft.results.formatting import (
    difference,
    p_value,
    percent,
    ratio,
    spread,
    table_title,
    within,
)

if TYPE_CHECKING:
    from rich.table import Table

    from ftft.results.aggregate import Row
    from ftft.results.read import RunFolder
    from ftft.study.grid import Task
    from ftft.study.plan import Planned
    from ftft.study.run import Progress
    from ftft.study.summary import Summary


def show_summary(summary: Summary) -> None:
    """Scores and cost, differences, and steps until ERM's score: tables for each data set."""
    for run in summary.runs:
        rows = [row for row in summary.rows if row.cell.experiment == run.name]
        _show_scores(table_title(run.name, run.metric), rows)
        if any(row.versus for row in rows):
            _show_differences(run.name, rows)
        if any(row.time_to_target for row in rows):
            _show_time_to_target(run, rows)
    if not summary.runs:
        tell("nothing is finished yet")


def _show_scores(title: str, rows: Sequence[Row]) -> None:
    ood_sets = list(rows[0].ood_scores)
    figures = ["seeds", "ID", *ood_sets]
    figures += ["OOD [95% interval]"] if ood_sets else []
    drawn, names = _drawn(title, rows, [*figures, "FLOPs / ERM", "seconds / ERM"])
    for row in rows:
        cells = [*_cell(row, names), str(len(row.seeds)), spread(row.id_score)]
        cells += [spread(row.ood_scores[name]) for name in ood_sets]
        if row.ood_score is not None:
            cells += [within(row.ood_score)]
        costs = ratio(row.flops), ratio(row.seconds, estimated=row.estimated)
        add_row(drawn, *cells, *costs)
    console().print(drawn)


def _show_differences(name: str, rows: Sequence[Row]) -> None:
    title = f"{name}: differences in points, paired by seed, with 95% intervals"
    of = "OOD" if rows[0].ood_scores else "ID"
    drawn, names = _drawn(title, rows, ["against", "ID", "OOD", f"{of}: p", f"{of}: won"])
    for row in rows:
        for other, found in row.versus.items():
            cells = [*_cell(row, names), METHODS[other].brief]
            cells += [difference(found.id), difference(found.ood), p_value(found.main)]
            add_row(drawn, *cells, f"{found.main.wins} of {found.main.interval.count}")
    console().print(drawn)


def _show_time_to_target(run: RunFolder, rows: Sequence[Row]) -> None:
    """Steps and FLOPs until ERM's final development score; how often it is reached at all."""
    sets = run.values["data"]["sets"]
    watched = ", ".join(sets["dev_ood"] or sets["dev"])
    title = f"{run.name}: until ERM's final score on development data ({watched})"
    figures = ["seeds that reach it", "steps", "of ERM's steps", "FLOPs / ERM"]
    drawn, names = _drawn(title, rows, figures)
    for row in rows:
        if (target := row.time_to_target) is None:
            continue
        cells = [*_cell(row, names), f"{target.reached} of {target.seeds}"]
        if target.steps is not None and target.share is not None and target.flops is not None:
            cells += [f"{target.steps.mean:.0f}", percent(target.share.mean)]
            cells += [ratio(target.flops)]
        else:
            cells += ["never"] * 3
        add_row(drawn, *cells)
    console().print(drawn)


def _drawn(title: str, rows: Sequence[Row], figures: Sequence[str]) -> tuple[Table, list[str]]:
    """A table with columns for what distinguishes the rows, and for figures."""
    drawn, names = table(title), _cell_titles(rows)
    for name in names:
        drawn.add_column(name)
    for name in figures:
        drawn.add_column(name, justify="right", no_wrap="interval" in name)
    return drawn, names


def _cell_titles(rows: Sequence[Row]) -> list[str]:
    """What distinguishes the rows; what is the same in all of them is left out."""
    titles = ["method"]
    for name in ("reference", "main", "strategy", "fraction", "variant"):
        found = {getattr(row.cell, name) for row in rows}
        # None, 1 and "": what methods have that do not select.
        if len(found - {None, "", 1.0}) > 1:
            titles.append(name)
    return titles


def _cell(row: Row, titles: Sequence[str]) -> list[str]:
    values = {
        "method": METHODS[row.cell.method].brief,
        "reference": row.cell.reference or "",
        "main": row.cell.main,
        "strategy": row.cell.strategy or "",
        "fraction": f"{row.cell.fraction:g}",
        "variant": row.cell.variant,
    }
    return [values[title] for title in titles]


def show_plan(planned: Sequence[Planned]) -> None:
    """The tasks of a study: what is finished, what is shared, steps and operations."""
    drawn = table("trainings")
    for title in ("training", "state"):
        drawn.add_column(title)
    for title in ("read by", "steps at most", "PFLOPs at most"):
        drawn.add_column(title, justify="right")
    for one in planned:
        state = "finished" if one.finished else "to do"
        readers = f"{one.readers} cell{'s' if one.readers > 1 else ''}" if one.readers else ""
        add_row(drawn, one.task.id, state, readers, f"{one.steps:,}", f"{one.flops / 1e15:.3g}")
    console().print(drawn)
    waiting = [one for one in planned if not one.finished]
    shared = sum(one.readers > 1 for one in planned)
    tell(
        f"{len(planned)} trainings, {shared} of them shared; to do are {len(waiting)}, at most "
        f"{sum(one.steps for one in waiting):,} steps and "
        f"{sum(one.flops for one in waiting) / 1e15:.3g} PFLOPs"
    )


def show_failures(failures: Mapping[Task, str]) -> None:
    """What failed and why, on standard error."""
    for task, problem in failures.items():
        say(f"failed: {task.id}: {problem}")


class GridProgress:
    """The progress of a study: a bar on a terminal, lines in a log."""

    def __init__(self) -> None:
        self._bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
            self._bar = tqdm(desc="study", unit="cell", bar_format=form, file=sys.stderr)

    def say(self, line: str) -> None:
        """Print a line beside the bar."""
        if self._bar is None:
            say(line)
        else:
            self._bar.write(inert(line), file=sys.stderr)

    def tell(self, progress: Progress) -> None:
        """Show how far the study is."""
        line = progress_line(progress)
        if self._bar is not None:
            self._bar.total = progress.total
            self._bar.update(progress.ended - self._bar.n)
            self._bar.set_postfix_str(line.rpartition("; ")[2] if ";" in line else "")
        if self._bar is None or (progress.last is not None and progress.last.problem):
            self.say(line)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()


def progress_line(progress: Progress) -> str:
    """One line of how far a study is."""
    line = f"[{progress.ended}/{progress.total}]"
    last = progress.last
    if last is None:
        line += " finished before" if progress.ended else " to be done"
    elif last.problem is None:
        line += f" {last.task.id}: done in {last.seconds:.0f} s"
    else:
        line += f" {last.task.id}: failed: {last.problem}"
    left = progress.seconds_left
    return line if not left else f"{line}; about {duration(left)} left"


def duration(seconds: float) -> str:
    """Seconds in words: ``40 s``, ``12 min`` or ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
