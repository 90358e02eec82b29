"""``ftft report``: what finished runs found, as a page, tables or figures."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ftft.cli.common import Overwrite, data_of, say, tell

if TYPE_CHECKING:
    from ftft.data.dataset import TaskData
    from ftft.results.read import Results


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    FIGURES = "figures"


# By which an output is meant for another format than it gets.
_ENDINGS = {
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".md": Format.MARKDOWN,
    ".tex": Format.LATEX,
    ".csv": Format.CSV,
}

_STYLES: dict[Format, Literal["markdown", "latex", "csv"]] = {
    Format.MARKDOWN: "markdown",
    Format.LATEX: "latex",
    Format.CSV: "csv",
}


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of finished runs or studies; or data maps: map.parquet files, or "
            "dynamics folders."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file, report.html if left out; a folder for figures; tables are printed if "
            "left out.",
        ),
    ] = None,
    kind: Annotated[
        Format,
        typer.Option(
            "--format",
            help="html: one page with the interactive data map. markdown, latex, csv: a table. "
            "figures: PNG and SVG.",
        ),
    ] = Format.HTML,
    no_texts: Annotated[
        bool, typer.Option("--no-texts", help="Leave the texts of the examples out of the page.")
    ] = False,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Of maps, and of studies whose files have moved: an experiment file whose "
            "training rows (texts and slices) are shown."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show what finished runs found; several are compared. Or show data maps.

    Of runs and studies, table and verdict are also printed, as at the end of ftft run.
    The page is one file that fetches nothing: the verdict, scores and costs, slices, preflight
    verdicts, and the data map with the examples in it. Of maps alone, it is the data map.
    """
    from ftft.errors import ConfigError, WorkspaceError
    from ftft.report.map_page import is_map
    from ftft.transfer.reading import check_map
    from ftft.workspace.own_files import check_output

    if no_texts and kind is not Format.HTML:
        raise ConfigError(f"--no-texts is for the page; --format {kind.value} holds no texts.")
    if output is not None:
        _check_ending(output, kind)
    elif kind is Format.HTML:
        output = Path("report.html")
    maps = [path for path in runs if is_map(path)]
    if maps and len(maps) < len(runs):
        raise ConfigError("ftft report shows runs or data maps; give only one kind.")
    # Who has the wrong input need not free a name for the output.
    folders = _finished(runs) if not maps else []
    for path in maps:
        check_map(path)
    if output is not None and kind is not Format.FIGURES:
        check_output(output, overwrite=overwrite, error=WorkspaceError)
    if maps:
        _maps(maps, kind, output, rows, no_texts=no_texts)
        return
    if kind is Format.HTML:
        from ftft.cli.show import show_verdicts
        from ftft.report.html import write_report

        assert output is not None, "it has a default"
        data = None if rows is None else _data_of(folders, rows)
        path = write_report(folders, output, data=data, texts=not no_texts, say=say)
        for folder in folders:
            show_verdicts(folder)
        tell(f"report: {path}")
    elif kind is Format.FIGURES:
        from ftft.report.figures import write_figures

        for path in write_figures(folders, output or Path("figures"), overwrite=overwrite):
            tell(str(path))
    else:
        _table(folders, kind, output)


def _check_ending(output: Path, kind: Format) -> None:
    from ftft.errors import ConfigError

    meant = _ENDINGS.get(output.suffix.lower(), kind)
    if meant is not kind:
        raise ConfigError(
            f"--output {output}: the format is {kind.value}; give --format {meant.value}, or "
            "a name with another ending."
        )


def _finished(runs: Sequence[Path]) -> list[Results]:
    """The results of runs, and of the data sets of studies; each has some."""
    from ftft.errors import WorkspaceError
    from ftft.report.study_parts import read_folders
    from ftft.results.read import distinct_names

    folders = distinct_names([folder for run in runs for folder in read_folders(run)])
    for folder in folders:
        if not folder.runs:
            raise WorkspaceError(
                f"{folder.folder}: nothing is finished here yet; give the command that fills it "
                "again, then this one."
            )
    return folders


def _maps(
    paths: Sequence[Path], kind: Format, output: Path | None, rows: Path | None, *, no_texts: bool
) -> None:
    from ftft.errors import ConfigError
    from ftft.report.map_page import read_maps, write_maps

    if kind is not Format.HTML or output is None:
        raise ConfigError(
            f"--format {kind.value} is for runs; a map's picture is drawn by ftft map MAP --plot."
        )
    if no_texts:
        raise ConfigError("--no-texts is for runs; of maps texts are shown with --rows only.")
    maps = read_maps(paths)
    train = None if rows is None else data_of(rows).train
    tell(f"report: {write_maps(maps, output, train=train, say=say)}")


def _data_of(folders: Sequence[Results], rows: Path) -> list[TaskData | None]:
    """The data that an experiment file names, for each folder that was made from them."""
    from ftft.errors import ConfigError
    from ftft.workspace.layout import in_study

    if not all(in_study(folder.folder) for folder in folders):
        raise ConfigError("--rows is for data maps and studies; runs name their data themselves.")
    data = data_of(rows)
    found = [
        data if folder.values["data"]["fingerprint"] == data.fingerprint else None
        for folder in folders
    ]
    if not any(found):
        raise ConfigError(
            f"--rows {rows}: its data are not those of {folders[0].folder}; name the experiment "
            "file that is the base of the study."
        )
    return found


def _table(folders: Sequence[Results], kind: Format, output: Path | None) -> None:
    from ftft.errors import WorkspaceError
    from ftft.results.aggregate import aggregate
    from ftft.results.documents import table_text
    from ftft.results.floor import floor_of
    from ftft.utils.atomic import write_text

    rows = aggregate([run for one in folders for run in one.runs])
    floor = floor_of(folders[0].values) if len(folders) == 1 else None
    text = table_text(rows, _STYLES[kind], floor)
    if output is None:
        tell(text.rstrip("\n"))
    else:
        write_text(output, text, WorkspaceError)
        tell(f"written to {output}")
