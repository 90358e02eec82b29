"""The commands, put together."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from ftft.cli import (
    choose,
    demo,
    evaluate,
    export,
    import_,
    init,
    label_errors,
    map,
    predict,
    preflight,
    pull,
    push,
    recipes,
    record,
    report,
    run,
    select,
    study,
    train,
    transfer,
    validate,
)
from ftft.cli.paths import reading_here

app = typer.Typer(
    name="ftft",
    no_args_is_help=True,
    add_completion=False,
    # Typer's own tracebacks would hide ours, and show local values.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from ftft import __version__

        typer.echo(f"ftft {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing but results and errors.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also show what Transformers and Accelerate log.")
    ] = False,
    log_format: Annotated[
        str,
        typer.Option(
            "--log-format", metavar="text|json", help="json: a JSON object a line of progress."
        ),
    ] = "text",
) -> None:
    """Fine-tune a large model on the examples that a small one found ambiguous.

    A small reference model is fine-tuned on all the data and its training dynamics are
    recorded; the third it is least settled about trains the large main model, which stops early.

    --debug, --quiet, --verbose and --log-format may also stand at the end.

    Start with `ftft demo`, or with `ftft init DATA_FILE > experiment.yaml` and
    `ftft run experiment.yaml`.
    """


app.command("init")(reading_here(init.init))
app.command("recipes")(reading_here(recipes.recipes))
app.command("validate")(reading_here(validate.validate))
app.command("run")(reading_here(run.run))
app.command("study")(reading_here(study.study))
app.command("record")(reading_here(record.record))
app.command("map")(reading_here(map.map_))
app.command("select")(reading_here(select.select_))
app.command("choose")(reading_here(choose.choose))
app.command("preflight")(reading_here(preflight.preflight))
app.command("transfer")(reading_here(transfer.transfer))
app.command("train")(reading_here(train.train))
app.command("evaluate")(reading_here(evaluate.evaluate))
app.command("predict")(reading_here(predict.predict))
app.command("report")(reading_here(report.report))
app.command("import")(reading_here(import_.import_))
app.command("export")(reading_here(export.export))
app.command("label-errors")(reading_here(label_errors.label_errors))
app.command("push")(reading_here(push.push))
app.command("pull")(reading_here(pull.pull))
app.command("demo")(reading_here(demo.demo))


@cache
def command_line() -> Any:
    """The command line itself; Typer reads every function again each time that it makes one."""
    return get_command(app)
