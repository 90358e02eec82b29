"""Tables of a study for the terminal, and its progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ftft.cli.common import say, tell
from ftft.cli.escape_control import inert
from ftft.cli.show import show_lines, show_table, show_verdicts
from ftft.utils.line import Line
from ftft.utils.paths import from_here
from ftft.utils.plural import counted, duration
from ftft.utils.terminal import shows_bars

_MOST_ROWS = 100
_MOST_NAMES = 10

if TYPE_CHECKING:
    from ftft.study.grid import Task
    from ftft.study.plan import Planned
    from ftft.study.run import Progress
    from ftft.study.summary import Summary


def show_summary(summary: Summary) -> None:
    """Scores and cost, the verdicts, differences, and steps until ERM's score by data set."""
    from ftft.results.tables import difference_table, several_seeds, time_caption, time_table

    for run in summary.runs:
        show_verdicts(run)
        if any(row.versus for row in run.rows):
            how = ", paired by seed, with 95% intervals" if several_seeds(run.rows) else ""
            title = f"{run.name}: differences in points{how}"
            show_table(title, difference_table(run.rows))
        if any(row.time_to_target for row in run.rows):
            sets = run.values["data"]["sets"]
            watched = ", ".join(sets["dev_ood"] or sets["dev"])
            title = f"{run.name}: until ERM's final score on development data ({watched})"
            show_table(title, time_table(run.rows))
            if caption := time_caption(run.rows):
                tell(caption)
    if not summary.runs:
        tell("nothing is finished yet")


def show_plan(planned: Sequence[Planned], seconds: float | None, jobs: int = 1) -> None:
    """The tasks of a study: what is finished, what is shared, steps, operations and time.

    Of a study with many, those of a data set and a method are one row.

    Args:
        planned: The tasks.
        seconds: About what is left; None where nobody knows.
        jobs: How many trainings at a time.
    """
    from ftft.experiment.foreseen import (
        NOTHING_TO_TRAIN,
        amount_in_words,
        at_a_time,
        beside_unknown,
    )

    _show_trainings(planned)
    _show_reasons(planned)
    waiting = [one for one in planned if not one.finished]
    shared = sum(one.readers > 1 for one in planned)
    steps, flops = sum(one.steps for one in waiting), sum(one.flops for one in waiting)
    amount = amount_in_words(steps, flops, spends=any(one.spends for one in waiting))
    to_do = f"to do are {len(waiting):,}, {amount}" if waiting else NOTHING_TO_TRAIN
    tell(
        f"{counted(len(planned), 'training')}, {shared:,} of them shared; {to_do}"
        + (f", about {duration(seconds)} {at_a_time(jobs)}" if seconds else "")
    )
    if jobs > 1 and seconds is None and waiting:
        tell(beside_unknown(jobs))
    _show_shares(planned)


def _show_reasons(planned: Sequence[Planned]) -> None:
    """Why trainings are done again, those with the same reason together."""
    again: dict[str, list[str]] = {}
    for one in planned:
        if one.again:
            again.setdefault(one.again, []).append(one.task.id)
    for why, names in again.items():
        more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
        tell(f"again: {', '.join(names[:_MOST_NAMES])}{more}: {why}")


def _show_shares(planned: Sequence[Planned]) -> None:
    """What the settings of FTFT cost over ERM, and which of them save nothing."""
    from ftft.experiment.foreseen import NO_SAVING, share_in_words
    from ftft.study.plan import shares_of_erm

    shares = shares_of_erm(planned)
    if not shares:
        return
    least, most = min(shares.values()), max(shares.values())
    over = "" if len(shares) == 1 else f", in the most expensive of {len(shares):,} settings"
    cheapest = "" if len(shares) == 1 else f", and {least:.0%} in the cheapest"
    tell(f"{share_in_words(most)}{over}{cheapest}")
    dear = [f"{name} ({share:.0%})" for name, share in shares.items() if share >= 1]
    if dear:
        more = f" and {len(dear) - _MOST_NAMES:,} more" if len(dear) > _MOST_NAMES else ""
        tell(f"note: {', '.join(dear[:_MOST_NAMES])}{more}: {NO_SAVING}")


def _show_trainings(planned: Sequence[Planned]) -> None:
    """Each training, or of many those of a data set and a method together."""
    several = len({one.task.data for one in planned}) > 1
    title = "trainings" if several or not planned else f"trainings on {planned[0].task.data}"
    amounts = ("steps at most", "about PFLOPs")
    if len(planned) <= _MOST_ROWS:
        lines = [_each(one, several=several) for one in planned]
        show_lines(title, ("training", "state"), ("read by", *amounts), lines)
        return
    groups: dict[str, list[Planned]] = {}
    for one in planned:
        name = f"{one.task.data}/{one.task.method}" if several else one.task.method
        groups.setdefault(name, []).append(one)
    lines = [_together(name, ones) for name, ones in groups.items()]
    show_lines(title, ("trainings",), ("finished", "to do", *amounts), lines)


def _each(one: Planned, *, several: bool) -> list[str]:
    from ftft.experiment.foreseen import steps_in_cell

    name = one.task.id if several else one.task.training
    state = "finished" if one.finished else "again" if one.again else "to do"
    readers = counted(one.readers, "cell") if one.readers else ""
    steps = steps_in_cell(one.steps, spends=one.spends)
    return [name, state, readers, steps, f"{one.flops / 1e15:.3g}"]


def _together(name: str, ones: Sequence[Planned]) -> list[str]:
    from ftft.experiment.foreseen import steps_in_cell

    done = sum(one.finished for one in ones)
    steps, flops = sum(one.steps for one in ones), sum(one.flops for one in ones)
    shown = steps_in_cell(steps, spends=any(one.spends for one in ones))
    return [name, f"{done:,}", f"{len(ones) - done:,}", shown, f"{flops / 1e15:.3g}"]


def show_failures(failures: Mapping[Task, str]) -> None:
    """What failed and why, on standard error."""
    for task, problem in failures.items():
        say(f"failed: {task.id}: {problem}")


class GridProgress:
    """The progress of a study: a bar on a terminal, lines in a log."""

    def __init__(self) -> None:
        self._bar = None
        if shows_bars():
            from tqdm import tqdm

            form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
            self._bar = tqdm(desc="study", unit="cell", bar_format=form, file=sys.stderr)

    def say(self, line: str) -> None:
        """Print a line beside the bar."""
        if self._bar is None:
            say(line)
        else:
            self._bar.write(inert(from_here(line)), file=sys.stderr)

    def tell(self, progress: Progress) -> None:
        """Show how far the study is."""
        line = progress_line(progress)
        if self._bar is not None:
            self._bar.total = progress.total
            self._bar.update(progress.ended - self._bar.n)
            self._bar.set_postfix_str(time_left(progress))
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
    left = time_left(progress)
    figures = {"task": progress.ended, "of": progress.total, "seconds_left": progress.seconds_left}
    return Line(f"{line}; {left}" if left else line, **figures)


def time_left(progress: Progress) -> str:
    """How long a study takes yet, in words; empty where nobody knows."""
    return f"about {duration(progress.seconds_left)} left" if progress.seconds_left else ""
