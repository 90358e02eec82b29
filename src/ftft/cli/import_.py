"""``ftft import``: dynamics and maps that other tools wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import Overwrite, tell


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
    overwrite: Overwrite = False,
) -> None:
    """Turn another tool's training dynamics or map coordinates into ftft's."""
    from ftft.dynamics.interop import read_cartography, read_uid_to_logits
    from ftft.dynamics.store import write_dynamics
    from ftft.errors import DataError
    from ftft.files import check_free

    if not source.exists():
        raise DataError(f"{source}: there is no such file or folder to import.")
    names = class_name or None
    gold = None if labels is None else _read_labels(labels)
    if source.suffix == ".pt":
        dynamics = read_uid_to_logits(source, gold or {}, class_names=names)
    elif _is_coordinates(source):
        from ftft.cartography.coordinates import read_coordinates

        target = output or Path("map.parquet")
        check_free(target, overwrite=overwrite)
        datamap = read_coordinates(source, labels=gold, class_names=names)
        datamap.write(target)
        tell(f"data map of {len(datamap):,} examples, written to {target}")
        return
    else:
        dynamics = read_cartography(source, class_names=names)
    target = output or Path("dynamics")
    write_dynamics(target, dynamics)
    tell(
        f"dynamics of {len(dynamics):,} examples, {len(dynamics.epochs)} epochs and "
        f"{dynamics.num_classes} classes, written to {target}"
    )
    for epoch, seen in dynamics.incomplete.items():
        tell(f"left out: epoch {epoch}, which has only {seen:,} examples")
    missing = dynamics.meta.get("left_out")
    if missing:
        where = ", ".join(map(str, missing["epochs"]))
        tell(
            f"left out: {missing['examples']:,} example(s) without a row in some epoch, such as "
            f"{missing['first']!r}, which has none in epoch {where}"
        )


def _is_coordinates(source: Path) -> bool:
    # Both of cartography's files are JSON lines; only dynamics are called by their epoch.
    return source.is_file() and not source.name.startswith("dynamics_epoch_")


def _read_labels(path: Path) -> dict[str, int]:
    import csv

    from ftft.errors import DataError

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(row["id"], int(row["label"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path}: cannot be read as labels ({type(error).__name__}: {error}); expected a CSV "
            "with the columns id and label, the label a class index from 0."
        ) from error
    labels: dict[str, int] = {}
    for number, (example_id, label) in enumerate(rows, start=1):
        if labels.setdefault(example_id, label) != label:
            raise DataError(
                f"{path}, row {number:,}: the id {example_id!r} has the label {label}, but "
                f"{labels[example_id]} in an earlier row; give each id one label."
            )
    return labels
