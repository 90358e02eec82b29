"""``ftft choose``: the cheapest reference that has learnt its data."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import (
    ExperimentFile,
    OutputFolder,
    Overrides,
    Replace,
    open_experiment,
    run_folder,
    say,
    tell,
)

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
        raise ConfigError("ftft choose: give at least two references to choose from, each by -c.")
    given = {text: [f"reference.{part.strip()}" for part in text.split(",")] for text in texts}
    folder = Path(run_folder(open_experiment(file, overrides), output))
    tried = [
        Candidate(
            text,
            open_experiment(file, [*(overrides or ()), *changes]),
            folder / re.sub(r"[^A-Za-z0-9_.=-]+", "-", text).strip("-."),
        )
        for text, changes in given.items()
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
