"""``ftft choose``: the cheapest reference that has learnt its data."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftft.cli.common import (
    ExperimentFile,
    OutputFolder,
    Overrides,
    Replace,
    check_trainer,
    open_experiment,
    run_folder,
    say,
    tell,
)

if TYPE_CHECKING:
    from ftft.config.schema import Experiment

CHOICE_NAME = "choice.json"


def choose(
    file: ExperimentFile,
    candidates: Annotated[
        list[str],
        typer.Option(
            "--candidate",
            "-c",
            metavar="KEY=VALUE[,KEY=VALUE]",
            help="A reference, by what it changes of the file's reference section, as in "
            "--candidate layers=1 or --candidate model=owner/name,learning_rate=1e-4. Repeatable.",
        ),
    ],
    overrides: Overrides = None,
    output: OutputFolder = None,
    every: Annotated[
        bool, typer.Option("--all", help="Train every candidate, also after a good one.")
    ] = False,
    replace: Replace = False,
) -> None:
    """Choose the reference: train candidates from cheap to dear until one is judged good.

    Each is judged as ftft preflight does, from its own dynamics and development score. Its run
    folder lies below the output folder, so that ftft run continues the chosen one.
    """
    from dataclasses import asdict

    from ftft.cli.show_transfer import show_choice
    from ftft.errors import ConfigError
    from ftft.experiment.choose import Candidate, chosen
    from ftft.experiment.choose import choose as run_protocol
    from ftft.workspace.stage_record import write_json

    texts = list(dict.fromkeys(candidates))
    if len(texts) < 2:
        twice = f"; -c {texts[0]} was given {len(candidates)} times"
        raise ConfigError(
            "ftft choose: give at least two different references to choose from, each by "
            f"-c{twice if len(candidates) > 1 else ''}."
        )
    given = {text: [f"reference.{part.strip()}" for part in text.split(",")] for text in texts}
    folder = Path(run_folder(open_experiment(file, overrides), output))
    tried = [
        Candidate(text, experiment, folder / re.sub(r"[^A-Za-z0-9_.=-]+", "-", text).strip("-."))
        for text, experiment in _experiments(file, overrides or [], given).items()
    ]
    if len({one.folder for one in tried}) < len(tried):
        raise ConfigError(
            f"ftft choose: two of {', '.join(texts)} would share a folder; change one of them, or "
            "choose between them in two calls."
        )
    judged = run_protocol(tried, say, every=every, replacing=replace)
    best = chosen(judged)
    show_choice(judged, best)
    choice = folder / CHOICE_NAME
    entries = [
        {"candidate": one.candidate.name, "folder": one.candidate.folder.name}
        | {key: value for key, value in asdict(one).items() if key != "candidate"}
        for one in judged
    ]
    write_json(choice, {"chosen": best.candidate.name, "candidates": entries})
    changes = [*(overrides or ()), *given[best.candidate.name]]
    sets = " ".join(f"--set {shlex.quote(change)}" for change in changes)
    place = shlex.quote(str(best.candidate.folder))
    tell(f"written to {choice}\nrun it: ftft run {shlex.quote(str(file))} {sets} --output {place}")


def _experiments(
    file: Path, overrides: list[str], given: Mapping[str, list[str]]
) -> dict[str, Experiment]:
    """The experiment of each candidate; what is wrong with any is said together."""
    from ftft.config.load import checked_experiment
    from ftft.config.problems import Problem, refusal

    experiments, problems = {}, []
    for text, changes in given.items():
        found: list[Problem]
        if all("=" in change for change in changes):
            experiment, found = checked_experiment(file, [*overrides, *changes], [check_trainer])
        else:
            experiment, found = None, [Problem("expected KEY=VALUE, such as layers=1.")]
        if experiment is not None:
            experiments[text] = experiment
        problems += [replace(one, place=f"-c {text}") for one in found]
    if problems:
        raise refusal("ftft choose", problems)
    return experiments
