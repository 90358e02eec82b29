"""``ftft pull``: fetch what others shared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import Overrides, say, tell


def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="From where: OWNER/NAME on the Hugging Face hub, or a folder that ftft push wrote "
            "(./NAME, or a URL such as s3://BUCKET/NAME)."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="The new folder to put it into.")],
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit; else the newest version.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="An experiment file: check that its training data are what was pulled is about."
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Fetch dynamics, a data map, a selection or a model into a new folder, and check it.

    Every file is compared with its checksum and read as it will be read in use before anything is
    put in place; no code is run and nothing is unpickled.
    """
    from ftft.sharing.pull import pull as fetch
    from ftft.sharing.targets import Repository, parse_place

    check = None if data is None else _check_for(data, overrides)
    pulled = fetch(parse_place(source), folder, revision=revision, check=check)
    version = f", version {pulled.commit}" if isinstance(pulled.place, Repository) else ""
    manifest = pulled.manifest
    tell(f"{manifest.kind} from {pulled.place}{version}, {manifest.size:,} bytes")
    tell(f"written to {folder}")


def _check_for(file: Path, overrides: list[str] | None):  # type: ignore[no-untyped-def]  # a local function
    """Read the experiment's data now, so that a slip in the file costs no download."""
    from ftft.config.load import load_experiment
    from ftft.sharing.manifest import Manifest
    from ftft.sharing.matching import check_match
    from ftft.tasks import load_data

    experiment = load_experiment(file, overrides or [])
    train = load_data(experiment).train

    def check(folder: Path, manifest: Manifest) -> None:
        say(f"{file}: {check_match(folder, manifest, train, experiment.name)}")

    return check
