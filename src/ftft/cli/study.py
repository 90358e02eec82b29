"""``ftft study``: a grid of experiments."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftft.cli.common import ForcedStages, Overrides, check_trainer, say, tell
from ftft.cli.loading import load_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftft.config.study import Study
    from ftft.experiment.stages import Say
    from ftft.study.executors import Engine
    from ftft.study.grid import Task
    from ftft.study.prepare import OpenStudy


class EngineName(StrEnum):
    """Where cells run."""

    LOCAL = "local"
    RAY = "ray"
    SLURM = "slurm"


def study(
    file: Annotated[Path, typer.Argument(help="The study file (YAML).")],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Study folder; the file's output, else runs/NAME."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Trainings at a time: 1 on this machine, 32 on Slurm if left out.",
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(
            help="ray: on the cluster of RAY_ADDRESS, else one on this machine. slurm: each "
            "training by an srun of its own."
        ),
    ] = EngineName.LOCAL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and list what is to be done.")
    ] = False,
    summarise: Annotated[
        bool, typer.Option("--summarise", help="Only put together what is finished.")
    ] = False,
    force_stage: ForcedStages = None,
) -> None:
    """Run a grid of references, main models, strategies, fractions, budgets, seeds and data sets.

    Every training that cells share is done once. What is finished is not run again, and a cell
    that fails does not stop the others: it is named at the end, the exit status is then 1, and
    the same command tries it again. The study folder gets study.json, and tables in study.csv,
    study.md and study.tex.
    """
    from ftft.config.load_study import load_study
    from ftft.errors import ConfigError

    if dry_run and summarise:
        raise ConfigError("--dry-run and --summarise: give one of them.")
    if summarise:
        asked = load_study(file, overrides or [])
        _summarise_finished(asked, _folder(asked, output))
        return
    asked = load_study(file, overrides or [], checks=[check_trainer])
    load_libraries()
    folder = _folder(asked, output)
    if dry_run:
        _show_plan(asked, folder, jobs or 1 if engine is EngineName.LOCAL else 1)
        return
    if engine is EngineName.RAY and jobs is not None:
        raise ConfigError(
            "--jobs is for this machine and Slurm; Ray runs as many cells as there is room for."
        )
    failures = _run(asked, folder, jobs, engine, force_stage or [])
    _summarise(asked, folder, failures)
    if failures:
        raise typer.Exit(1)


def _folder(asked: Study, output: Path | None) -> Path:
    return (output or Path(asked.output or Path("runs") / asked.name)).absolute()


def _run(
    asked: Study, folder: Path, jobs: int | None, engine: EngineName, force: list[str]
) -> Mapping[Task, str]:
    from ftft.cli.show_study import GridProgress, show_failures
    from ftft.study.executors import Processes, ThisProcess
    from ftft.study.run import run_study

    def make(opened: OpenStudy, say: Say) -> Engine:
        if engine is EngineName.RAY:
            from ftft.study.on_ray import Ray

            return Ray(asked.resources)
        if engine is EngineName.SLURM:
            from ftft.study.on_slurm import AT_A_TIME, slurm

            return slurm(asked.resources, jobs or AT_A_TIME, say)
        return ThisProcess(opened, say) if jobs in (None, 1) else Processes(jobs, say)

    progress = GridProgress()
    try:
        finished = run_study(asked, folder, make, progress.say, progress.tell, force)
    finally:
        progress.close()
    show_failures(finished.failures)
    return finished.failures


def _show_plan(asked: Study, folder: Path, jobs: int) -> None:
    """What would be done, and on which data."""
    from ftft.utils.collecting import nothing_collected

    with nothing_collected():
        from ftft.cli.show import show_data
        from ftft.cli.show_study import show_plan
        from ftft.study.plan import plan, time_left
        from ftft.study.prepare import open_study

    opened = open_study(asked, folder, tell)
    for name, data in opened.data.items():
        show_data(data, f"data of {name}")
    planned = plan(opened)
    show_plan(planned, time_left(opened, planned, jobs), jobs)
    tell(f"{asked.path}: valid")


def _summarise_finished(asked: Study, folder: Path) -> None:
    """Put together what earlier runs finished, and say where they were asked for other things."""
    from ftft.study.summary import other_settings
    from ftft.workspace.layout import check_has_study

    check_has_study(folder, asked.data)
    others = other_settings(asked, folder)
    unfinished = _summarise(asked, folder)
    if unfinished:
        say(
            f"note: not run yet ({len(unfinished)}): {', '.join(unfinished[:4])}"
            f"{', …' * (len(unfinished) > 4)}; give the command without --summarise to run them."
        )
    if others:
        say(
            f"note: these results are of other settings: {', '.join(others)} in "
            f"{folder / 'study.yaml'} is not what is asked; give the command without --summarise "
            "to run what is."
        )


def _summarise(asked: Study, folder: Path, failures: Mapping[Task, str] | None = None) -> list[str]:
    """Put together, show and write what is finished; return the ids of what is not."""
    from ftft.cli.show_study import show_summary
    from ftft.errors import WorkspaceError
    from ftft.results.documents import Style, table_text
    from ftft.results.floor import floor_of
    from ftft.study.grid import tasks
    from ftft.study.summary import missing, read_summary, write_summary
    from ftft.utils.atomic import write_text
    from ftft.workspace.layout import REPORT_NAME, STUDY_TABLES

    summary = read_summary(folder, asked)
    show_summary(summary)
    found = tasks(asked)
    unfinished = dict.fromkeys(missing(asked, found, summary), "not run yet") | {
        task.id: problem for task, problem in (failures or {}).items()
    }
    path = write_summary(summary, asked.name, len(found), unfinished)
    floor = floor_of(summary.runs[0].values) if len(summary.runs) == 1 else None
    styles: tuple[Style, ...] = ("csv", "markdown", "latex")
    tables = {folder / name: style for name, style in zip(STUDY_TABLES, styles, strict=True)}
    if summary.rows:
        for place, style in tables.items():
            write_text(place, table_text(summary.rows, style, floor), WorkspaceError)
    tell(f"results: {path}")
    if summary.rows:
        tell(f"tables: {', '.join(map(str, tables))}")
    if any(row.cell.method == "ftft" for row in summary.rows):
        page = shlex.quote(str(folder / REPORT_NAME))
        again = " --overwrite" if (folder / REPORT_NAME).exists() else ""
        tell(f"a report: ftft report {shlex.quote(str(folder))} -o {page}{again}")
    return list(unfinished)
