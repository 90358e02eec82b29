"""``ftft export``: maps, selections, dynamics and merged models for other tools."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import Overwrite, meant, meant_model, tell
from ftft.utils.table_files import ENDINGS


def export(
    source: Annotated[
        Path,
        typer.Argument(
            help="A map.parquet, a selection.parquet or a dynamics folder, the folder of the stage "
            "that wrote it, or a run of one seed, for its selection; with --merge, the model "
            "folder of a training with an adapter, or the folder of that training."
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            help=f"File ending in {ENDINGS}; a new folder for a `datasets` folder; "
            "a folder for dynamics, as allenai/cartography's files; a new folder for a model. A "
            "path, or a URL such as s3://BUCKET/train.jsonl."
        ),
    ],
    rows: Annotated[
        Path | None,
        typer.Option(
            help="An experiment file whose training rows are joined by id, with all columns of a "
            "file of texts with classes under their own names. The ids are also in example_id; "
            "classes that the experiment maps are in label; a name that is taken already gets "
            "original_ before it."
        ),
    ] = None,
    coordinates: Annotated[
        bool, typer.Option("--coordinates", help="A map as allenai/cartography's coordinates.")
    ] = False,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge", help="Merge an adapter into its model: a model folder for any library."
        ),
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(
            help="With --merge: the folder of the model that the adapter was trained on, where it "
            "lies elsewhere by now, as after ftft pull."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a data map, a selection, dynamics or a model in a form that other tools read."""
    from ftft.errors import ConfigError

    if merge and (rows is not None or coordinates):
        raise ConfigError("--merge is for a model; leave --rows and --coordinates out here.")
    if base is not None and not merge:
        raise ConfigError("--base names the model of an adapter, for --merge; leave it out here.")
    with _target(output, overwrite=overwrite) as local:
        if merge:
            what = _merge(source, local, base)
        else:
            what = _write(source, local, rows, coordinates=coordinates, overwrite=overwrite)
    tell(f"{what}written to {output}")


@contextlib.contextmanager
def _target(output: str, *, overwrite: bool) -> Iterator[Path]:
    """Where to write on this machine; what was written is brought to the URL, if it is one."""
    from ftft.errors import ConfigError, FtftError
    from ftft.utils.remote import is_remote, is_there, problem_of, store

    if not is_remote(output):
        yield Path(output)
        return
    if problem := problem_of(output):
        raise ConfigError(problem)
    folder, _, name = output.rstrip("/").rpartition("/")
    if not is_remote(folder):
        raise ConfigError(
            f"{output} names a bucket or a host and nothing in it; give a URL such as "
            "s3://BUCKET/train.jsonl."
        )
    if is_there(output, ConfigError) and not (overwrite and Path(name).suffix):
        raise ConfigError(
            f"{output} already exists; give another URL, or, for a file, add --overwrite to "
            "replace it."
        )
    with tempfile.TemporaryDirectory() as temporary:
        local = Path(temporary) / name
        try:
            yield local
        except FtftError as error:
            # What people know is the URL.
            raise type(error)(str(error).replace(str(local), output)) from error
        written = sorted(one for one in (local, *local.rglob("*")) if one.is_file())
        names = {one.relative_to(local.parent).as_posix(): one for one in written}
        store({**names}, folder, ConfigError)


def _write(
    source: Path, output: Path, rows: Path | None, *, coordinates: bool, overwrite: bool
) -> str:
    """Write what is no model; return what it is, in words that end in a space."""
    from ftft.cartography.coordinates import write_coordinates
    from ftft.cartography.datamap import DataMap
    from ftft.cartography.export import export_table
    from ftft.cli.training_rows import training_rows
    from ftft.dynamics.interop import write_cartography
    from ftft.dynamics.store import read_dynamics
    from ftft.utils.plural import counted

    of_run = "map" if coordinates else "selection"
    source = _meant(source, of_run)
    _check_given(source, of_run)
    _check_fits(source, output, rows, coordinates=coordinates, overwrite=overwrite)
    if source.is_dir():
        dynamics = read_dynamics(source)
        write_cartography(output, dynamics)
        points = counted(len(dynamics.epochs), "point")
        return f"{counted(len(dynamics), 'example')} at {points} "
    if coordinates:
        datamap = DataMap.read(source)
        write_coordinates(output, datamap)
        tell(datamap.drawn_from)
        return f"{counted(len(datamap), 'row')} "
    table = _table(source)
    joined = None if rows is None else training_rows(rows, table.column_names)
    export_table(table, output, rows=joined)
    return f"{counted(table.num_rows, 'row')} "


def _check_fits(
    source: Path, output: Path, rows: Path | None, *, coordinates: bool, overwrite: bool
) -> None:
    """Check that the options fit what is exported, and that its place is free."""
    from ftft.errors import ConfigError
    from ftft.utils.local import check_local
    from ftft.workspace.own_files import check_output

    if rows is not None and (coordinates or source.is_dir()):
        raise ConfigError("--rows joins texts to a map or selection; leave it out here.")
    if coordinates and source.is_dir():
        raise ConfigError(f"--coordinates is for a map; {source} is a folder.")
    if source.is_dir() and output.suffix:
        raise ConfigError(
            f"{output}: dynamics are exported as a folder of files, one an epoch; give the name of "
            "a folder, without an ending."
        )
    check_local(output, ConfigError)
    if output.suffix:
        check_output(output, overwrite=overwrite)
    elif output.is_dir() and any(output.iterdir()):
        raise ConfigError(
            f"{output}: is a folder that is not empty; an export to a folder needs a new one, "
            "since it would be mixed with what is there."
        )


def _merge(source: Path, output: Path, base: str | None) -> str:
    from ftft.errors import ConfigError
    from ftft.training.saved import merge
    from ftft.workspace.workspace import check_artifact

    if output.exists():
        raise ConfigError(f"{output}: already exists; name a new folder for the model.")
    source = meant_model(source)
    check_artifact(source)
    merge(source, output, base=base)
    return ""


def _meant(source: Path, of_run: str) -> Path:
    """What the folder of a stage holds: a map, a selection or dynamics; else the path itself.

    Of a run it is the only map or selection, whichever is asked for.
    """
    from ftft.dynamics.header import HEADER_NAME

    for name in ("map.parquet", "selection.parquet", f"dynamics/{HEADER_NAME}"):
        inside = source / name
        if os.path.isfile(inside):
            return inside.parent if inside.name == HEADER_NAME else inside
    return source if os.path.isfile(source / HEADER_NAME) else meant(source, of_run)


def _check_given(source: Path, of_run: str) -> None:
    """Refuse a folder that is not that of dynamics, naming what it holds."""
    from ftft.dynamics.header import HEADER_NAME
    from ftft.errors import ConfigError
    from ftft.utils.below import files_below, one_of

    if not source.is_dir() or (source / HEADER_NAME).is_file():
        return
    names = ("map.parquet", "selection.parquet", HEADER_NAME)
    first = [found[0] for name in names if (found := files_below(source, name))]
    given = [one if one.suffix == ".parquet" else one.parent for one in first]
    given = sorted(source.glob(f"{of_run}/seed-*/{of_run}.parquet")) or given
    held = f"; give {one_of(given)}" if given else " and none is below it"
    raise ConfigError(
        f"{source}: a folder, where the file of a map or of a selection, or a dynamics folder was "
        f"expected{held}."
    )


def _table(source: Path):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The table of a map or of a selection, whichever the file is."""
    from ftft.cartography.datamap import DataMap
    from ftft.errors import DynamicsError
    from ftft.selection.selection import Selection

    try:
        return DataMap.read(source).to_table()
    except DynamicsError as not_a_map:
        try:
            return Selection.read(source).to_table()
        except DynamicsError:
            # The first complaint is the better one where the file is neither.
            raise not_a_map from None
