"""``ftft push``: share dynamics, maps and models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import say, tell


def push(
    path: Annotated[
        Path,
        typer.Argument(
            help="What to share: a dynamics folder, a map.parquet, a selection.parquet, a model "
            "folder, or the folder of a run that holds one, such as runs/NAME/map/seed-0."
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            help="Where to: OWNER/NAME on the Hugging Face hub, or a new folder (./NAME, or a URL "
            "such as s3://BUCKET/NAME)."
        ),
    ],
    selection: Annotated[
        Path | None,
        typer.Option(help="A selection to go with a map; by default that of the same run."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody read it; a repository is else private.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Write a new version into a repository that is there."),
    ] = False,
) -> None:
    """Share dynamics, a data map, a selection or a model, with a card that says how to use it.

    The texts of the data are in none of them; example ids and labels are. The hub asks for a
    token: `hf auth login` or the variable HF_TOKEN.
    """
    from ftft.sharing.push import push as share
    from ftft.sharing.targets import Repository, parse_place

    pushed = share(
        path, parse_place(target), selection=selection, public=public, overwrite=overwrite
    )
    manifest = pushed.bundle.manifest
    if pushed.bundle.left_out:
        say(f"not shared: {', '.join(pushed.bundle.left_out)}")
    say(f"{manifest.kind}: {', '.join(manifest.files)} ({manifest.size:,} bytes), with a card")
    if isinstance(pushed.place, Repository):
        tell(f"pushed to {pushed.place}, version {pushed.commit}")
        tell(f"to pull it: ftft pull {pushed.place} FOLDER --revision {pushed.commit}")
        say("add a license to its README.md on the hub before others use it")
    else:
        tell(f"written to {pushed.place}")
