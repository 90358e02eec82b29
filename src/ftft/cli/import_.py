"""``ftft import``: dynamics and maps that other tools wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import Overwrite, say, tell
from ftft.utils.plural import counted


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder of dynamics_epoch_N.jsonl or a data-map coordinates .jsonl file "
            "(allenai/cartography), or uid_to_logits.pt (the FTFT paper's code)."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Dynamics folder, or map file for coordinates."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with the columns id and label (class index), for sources without gold labels."
        ),
    ] = None,
    class_name: Annotated[
        list[str] | None, typer.Option(help="A class name; once for each class, in order.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Epochs that coordinates were computed from; the highest correctness if left out.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn another tool's training dynamics or map coordinates into ftft's."""
    from ftft.dynamics.interop import read_cartography, read_uid_to_logits
    from ftft.dynamics.store import write_dynamics
    from ftft.errors import DataError

    if not source.exists():
        raise DataError(f"{source}: there is no such file or folder to import.")
    names = class_name or None
    is_tensors = source.suffix == ".pt"
    if not is_tensors and _is_coordinates(source):
        _import_coordinates(source, output, labels, names, epochs, overwrite=overwrite)
        return
    gold = None if labels is None else _read_labels(labels)
    if epochs is not None:
        raise DataError(f"--epochs is for coordinates; {source} holds its epochs. Leave it out.")
    if is_tensors:
        dynamics = read_uid_to_logits(source, gold or {}, class_names=names)
    elif gold is not None:
        raise DataError(
            f"--labels {labels}: {source} holds the gold labels itself, so others have no effect. "
            "Leave the option out."
        )
    else:
        dynamics = read_cartography(source, class_names=names)
    target = output or Path("dynamics")
    write_dynamics(target, dynamics)
    tell(
        f"dynamics of {counted(len(dynamics), 'example')}, "
        f"{counted(len(dynamics.epochs), 'epoch')} and {dynamics.num_classes} classes, written to "
        f"{target}"
    )
    for epoch, seen in dynamics.incomplete.items():
        tell(f"left out: epoch {epoch}, which has only {counted(seen, 'example')}")
    missing = dynamics.meta.get("left_out")
    _note_unknown(labels, gold, len(dynamics) + (missing["examples"] if missing else 0))
    if missing:
        where = ", ".join(map(str, missing["epochs"]))
        tell(
            f"left out: {counted(missing['examples'], 'example')} without a row in some epoch, "
            f"such as {missing['first']!r}, which has none in epoch {where}"
        )


def _import_coordinates(
    source: Path,
    output: Path | None,
    labels: Path | None,
    names: list[str] | None,
    epochs: int | None,
    *,
    overwrite: bool,
) -> None:
    from ftft.cartography.coordinates import read_coordinates
    from ftft.errors import DataError
    from ftft.workspace.own_files import check_output

    gold = None if labels is None else _read_labels(labels)
    if names is not None and gold is None:
        raise DataError(
            f"--class-name: {source} holds no labels whose classes could be named; add --labels, "
            "or leave it out."
        )
    target = output or Path("map.parquet")
    check_output(target, overwrite=overwrite)
    datamap = read_coordinates(source, num_epochs=epochs, labels=gold, class_names=names)
    datamap.write(target)
    _note_unknown(labels, gold, len(datamap))
    tell(f"data map of {counted(len(datamap), 'example')}, written to {target}")
    if epochs is None:
        say(
            f"note: correctness is a share of {counted(len(datamap.epochs), 'epoch')}, the highest "
            "count in the file; if no example was right in all of them, give their number with "
            "--epochs"
        )
    if gold is None:
        say(
            "note: the file holds no labels, so all examples have one; --labels gives them, for "
            "selections by label"
        )


def _note_unknown(path: Path | None, gold: Mapping[str, int] | None, examples: int) -> None:
    """Say how many labels are of no example; the readers check that each example has one."""
    if gold is not None and len(gold) > examples:
        unknown = len(gold) - examples
        labels = counted(unknown, "label")
        say(f"note: {labels} in {path} ignored: no example has the id")


def _is_coordinates(source: Path) -> bool:
    # Both of cartography's files are JSON lines; only dynamics are called by their epoch.
    return source.is_file() and not source.name.startswith("dynamics_epoch_")


def _read_labels(path: Path) -> dict[str, int]:
    from ftft.data.lines import rows_of_table
    from ftft.data.sources import read_table
    from ftft.errors import DataError

    try:
        table = read_table(path, ["id", "label"])
    except DataError as error:
        raise DataError(
            f"{error} --labels takes a CSV file with the columns id and label, the label a class "
            "index from 0."
        ) from error
    labels: dict[str, int] = {}
    rows = zip(table.column("id").to_pylist(), table.column("label").to_pylist(), strict=True)
    for number, (example_id, value) in enumerate(rows, start=1):
        text = (value or "").strip()[:40]
        if not (example_id and text.isdecimal() and len(text) < 10):
            place = rows_of_table(path, [number])
            raise DataError(
                f"{path}, {place}: id and label are {(example_id or '')[:40]!r} and {text!r}, "
                "where an id and a class index from 0 were expected. Repair the row."
            )
        label = int(text)
        if labels.setdefault(example_id, label) != label:
            place = rows_of_table(path, [number])
            raise DataError(
                f"{path}, {place}: the id {example_id!r} has the label {label}, but "
                f"{labels[example_id]} in an earlier row; give each id one label."
            )
    return labels
