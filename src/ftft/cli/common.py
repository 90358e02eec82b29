"""Arguments that several commands share, and how an experiment file is opened."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ftft.cli.escape_control import inert
from ftft.cli.loading import hush_datasets, load_libraries
from ftft.cli.voice import write_line
from ftft.utils.paths import from_here

if TYPE_CHECKING:
    from ftft.config.problems import Problem
    from ftft.config.schema import Experiment
    from ftft.data.dataset import TaskData

ExperimentFile = Annotated[
    Path,
    typer.Argument(help="The experiment file (YAML), or the name of a recipe: see ftft recipes."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the file, as in --set selection.fraction=0.25. Repeatable.",
    ),
]
MODEL_HELP = (
    "A model folder that ftft wrote, the folder of its training, such as main/seed-0 of a run, or "
    "a run or a study with one main model of FTFT."
)
OutputFolder = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Run folder; the file's output, else runs/NAME."),
]
ForcedStages = Annotated[
    list[str] | None,
    typer.Option(
        "--force-stage",
        metavar="STAGE",
        help="Run this stage again though it is finished or damaged, such as main/seed-0, or main "
        "for all seeds. Repeatable.",
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace",
        help="Take the place of another experiment in the run folder; what was trained on other "
        "data is kept beside it.",
    ),
]

BurnInOption = Annotated[
    str,
    typer.Option(
        "--burn-in",
        metavar="auto|NUMBER",
        help="First recording points left out of the statistics; auto: those at which everything "
        "was still being learnt.",
    ),
]

MeasureOption = Annotated[
    str,
    typer.Option(
        "--measure",
        metavar="inverse-perplexity|mean-token-probability",
        help="Of completions, what counts as the probability of the right one.",
    ),
]

Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace a file that is there; a folder is never replaced."),
]

PlotFile = Annotated[
    Path | None, typer.Option("--plot", help="Also draw it, as a .png or .svg file.")
]


def open_experiment(file: Path, overrides: list[str] | None) -> Experiment:
    """Read and validate an experiment file, the Trainer's arguments included."""
    from ftft.config.load import load_experiment

    experiment = load_experiment(file, overrides or [], checks=[check_trainer])
    load_libraries()
    return experiment


def check_trainer(raw: Mapping[str, Any]) -> list[Problem]:
    """Problems of ``training_arguments``; the libraries are loaded only where any are given."""
    sections = (raw.get(name) for name in ("reference", "main"))
    if not any(isinstance(one, Mapping) and one.get("training_arguments") for one in sections):
        return []
    load_libraries()
    from ftft.training.arguments import check_training_arguments

    return check_training_arguments(raw)


def data_of(file: Path) -> TaskData:
    """The data that an experiment file names, for their rows."""
    from ftft.config.load import load_experiment
    from ftft.tasks import load_data

    hush_datasets()
    return load_data(load_experiment(file))


def meant(given: Path, kind: str) -> Path:
    """The file of a map or a selection that is meant; says so where it is the only one of a run."""
    from ftft.cartography.tables import file_in

    found = file_in(given, kind)
    if found.parent not in (given, given.parent):
        say(f"{given}: its only {kind} is taken, {found}")
    return found


def meant_model(given: Path) -> Path:
    """The model folder that is meant; says so where it is the only main model of a run."""
    from ftft.workspace.models import model_folder

    found = model_folder(given)
    if found not in (given, given / "model"):
        say(f"{given}: its only main model is taken, {found}")
    return found


def refuse_swapped(folder: Path, file: Path, *command: str) -> None:
    """Refuse two arguments that stand in the place of each other.

    Args:
        folder: What should be a folder.
        file: What should be a file.
        command: The words to write instead.

    Raises:
        ConfigError: The first is a file, and the second a folder.
    """
    if os.path.isfile(folder) and os.path.isdir(file):
        from ftft.errors import ConfigError

        raise ConfigError(
            f"{folder} is a file and {file} is a folder, so the arguments seem to be swapped. "
            f"Give `{shlex.join(('ftft', *command))}`."
        )


def run_folder(experiment: Experiment, output: Path | None) -> str:
    """Where an experiment's run folder is."""
    return str(output or experiment.output or Path("runs") / experiment.name)


def burn_in_of(text: str) -> int | Literal["auto"]:
    """What ``--burn-in`` says.

    Raises:
        ConfigError: It is neither ``auto`` nor a whole number of at least 0.
    """
    from ftft.errors import ConfigError

    if text == "auto":
        return "auto"
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ConfigError(
            f"--burn-in {text}: give the number of first recording points to leave out, such as "
            "1, or auto."
        )
    return int(text)


def check_share(option: str, value: float | None) -> None:
    """Refuse what is no share from 0 to 1.

    Raises:
        ConfigError: It is none.
    """
    from ftft.errors import ConfigError
    from ftft.utils.plural import as_share

    if value is not None and not 0 <= value <= 1:
        raise ConfigError(
            f"{option} {value:g}: a share from 0 to 1 was expected, such as 0.9.{as_share(value)}"
        )


def parquet_file(output: Path) -> Path:
    """The Parquet file to write; a name without an ending gets ``.parquet``.

    Raises:
        ConfigError: The name has another ending.
    """
    from ftft.errors import ConfigError

    if output.suffix not in ("", ".parquet"):
        raise ConfigError(
            f"--output {output}: this is written as Parquet; end the name in .parquet, then turn "
            "it into CSV or JSON lines with ftft export."
        )
    # Writing refuses a folder; os.path's answer is no where a name is too long.
    return output if os.path.isdir(output) else output.with_suffix(".parquet")


def check_plot(plot: Path | None, *, overwrite: bool) -> None:
    """Refuse to draw by a name that is no picture's, or over a file that is there.

    Raises:
        FtftError: It is so.
    """
    from ftft.errors import ConfigError, WorkspaceError
    from ftft.workspace.own_files import check_output

    if plot is None:
        return
    if plot.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--plot {plot}: pictures are PNG or SVG; end the name in .png or .svg.")
    check_output(plot, overwrite=overwrite, error=WorkspaceError)


def note_idle(context: typer.Context, place: str, works: Mapping[str, bool]) -> None:
    """Say which options were given on the command line that change nothing here.

    Args:
        context: Of the command.
        place: Where they change nothing.
        works: Parameter to whether it changes anything.
    """
    for name, has_effect in works.items():
        source = context.get_parameter_source(name)
        if not has_effect and source is not None and source.name == "COMMANDLINE":
            say(f"note: --{name.replace('_', '-')} has no effect {place}")


def note_unread(overrides: list[str] | None, unread: Sequence[str], place: str) -> None:
    """Say which keys were set on the command line that a command does not read.

    Args:
        overrides: As ``--set`` gives them.
        unread: The keys, or the sections that hold them.
        place: Where they change nothing.
    """
    for key in dict.fromkeys(one.partition("=")[0].strip() for one in overrides or ()):
        if any(f"{key}.".startswith(f"{one}.") for one in unread):
            say(f"note: --set {key} has no effect {place}")


def note_bad_reference(given: Path) -> None:
    """Say so where a map of a run is that of a reference which the preflight check found bad.

    Args:
        given: The map's file, or the folder of its stage.
    """
    from ftft.workspace.stage_record import read_record

    stage = given if given.is_dir() else given.parent
    found = ((read_record(stage, stage.name) or {}).get("result") or {}).get("preflight") or {}
    if found.get("verdict") == "bad":
        say(
            f"note: the preflight check calls this map's reference bad: {found['reasons'][0]}; "
            "what it finds ambiguous, or mislabelled, may be chance"
        )


def say(line: str) -> None:
    """Tell the user what was done, apart from results, which go to standard output."""
    write_line("info", line)


def tell(line: str) -> None:
    """Print a line to standard output; it may hold names from files."""
    print(inert(from_here(line)))
