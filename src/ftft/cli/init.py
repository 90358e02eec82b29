"""``ftft init``: a commented starting file from a data file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import Overwrite, say, tell

_MODELS = {
    "classification": ("microsoft/deberta-v3-small", "microsoft/deberta-v3-large"),
    "causal-lm": ("EleutherAI/pythia-70m", "EleutherAI/pythia-410m"),
}
"""Reference and main model of a task."""

# Families of encoders, in names and in the model_type of a config.json.
_ENCODER = re.compile(
    r"bert(?!-?decoder)|electra|mpnet|minilm|xlm-r|ernie|xlnet|nystromformer|longformer|big-?bird",
    re.IGNORECASE,
)


def init(
    data: Annotated[
        Path, typer.Argument(help="The training data: CSV, TSV, JSON lines, Parquet, CoNLL.")
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text column; give it twice for pairs. Found if left out."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Label column. Found if left out.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Reference model (small). By the task if left out.")
    ] = None,
    main: Annotated[
        str | None, typer.Option(help="Main model (large). By the task if left out.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name; from the file if left out.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; the data's path is taken from there."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a commented experiment file for a data file, to standard output or a file.

    Paths in an experiment file count from its folder. On standard output the data's path is
    written as you gave it, so that it fits a file in the current folder.
    """
    from pydantic import ValidationError

    from ftft.config.load import describe_all
    from ftft.config.starter import starter_file
    from ftft.data.detect import detect_columns
    from ftft.data.detect_tags import detect_tags
    from ftft.errors import ConfigError
    from ftft.utils.atomic import check_free, write_text

    try:
        tagged = None if text or label else detect_tags(data)
        if tagged is None:
            detected = detect_columns(data, text or None, label)
            source, values, task = detected.source(), detected.label_values, detected.task
            problem = detected.problem
        else:
            (source, values), task, problem = tagged, "token-classification", ""
    except ValidationError as error:
        problems = [problem.removeprefix("experiment: ") for problem in describe_all(error)]
        raise ConfigError(f"{data}: {'; '.join(problems)}") from error
    small, large = _MODELS.get(task, _MODELS["classification"])
    reference, main = reference or small, main or large
    if problem:
        say(f"note: this experiment cannot run as it stands. {problem}")
    if task == "causal-lm":
        for option, model in (("reference", reference), ("main", main)):
            _note_encoder(option, model, small if option == "reference" else large)
    if output is None:
        typer.echo(starter_file(source, values, reference, main, name, task))
        return
    check_free(output, overwrite=overwrite, error=ConfigError)
    beside = os.path.relpath(data.absolute(), output.absolute().parent)
    source = source.model_copy(update={"path": beside})
    text_of_file = starter_file(source, values, reference, main, name, task)
    write_text(output, text_of_file, ConfigError)
    tell(f"written to {output}")


def _note_encoder(option: str, model: str, instead: str) -> None:
    """Say that a model is an encoder, where one that writes text is needed."""
    try:
        kind = json.loads((Path(model).expanduser() / "config.json").read_bytes()).get("model_type")
    except (OSError, ValueError, AttributeError, RuntimeError):
        kind = None  # of the hub: its name says it
    if _ENCODER.search(kind if isinstance(kind, str) else model):
        say(
            f"note: --{option} {model} is an encoder, and prompts with completions need a decoder "
            f"(a causal language model), such as {instead}"
        )
