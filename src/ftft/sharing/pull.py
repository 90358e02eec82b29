"""Pulling: what was pushed, checked before it is put in its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.dynamics.store import check_dynamics
from ftft.errors import FtftError, SharingError
from ftft.sharing import hub
from ftft.sharing.manifest import CARD_NAME, MANIFEST_NAME, Manifest, read_manifest
from ftft.sharing.targets import Place, Remote, Repository, landing, refuse_existing
from ftft.utils.remote import fetch, is_there
from ftft.workspace.stage_record import write_json

ORIGIN_NAME = "origin.json"
"""Where a pulled folder comes from, and which version."""

Check = Callable[[Path, Manifest], None]
"""A further check of what was pulled, before it is put in its place."""


@dataclass(frozen=True)
class Pulled:
    """What was pulled.

    Attributes:
        folder: Where it is.
        place: Where it comes from; a repository with its type.
        commit: The commit, 40 hexadecimal digits; None for a folder.
        manifest: What it is.
    """

    folder: Path
    place: Place
    commit: str | None
    manifest: Manifest


def pull(
    source: Place, folder: Path, *, revision: str | None = None, check: Check | None = None
) -> Pulled:
    """Fetch what ``push`` shared into a new folder, whole and checked, or not at all.

    Only files that the manifest names and that are of the kinds that may be shared are fetched;
    their checksums are compared, and they are read as they will be read in use.

    Args:
        source: A repository of the hub, or a folder, here or elsewhere.
        folder: The new folder.
        revision: Branch, tag or commit of the repository; its main branch where None.
        check: Called with the fetched files, before they are put in their place.

    Returns:
        What was pulled, with the commit that was read.

    Raises:
        SharingError: It cannot be had, is not what it should be, or the folder already exists.
        FtftError: What ``check`` raises.
    """
    refuse_existing(folder.absolute())
    place, commit = source, None
    if isinstance(source, Repository):
        place, commit = hub.find(source, revision)
    elif revision is not None:
        raise SharingError(f"--revision {revision}: a folder has no revisions; leave it out.")
    with landing(folder) as temporary:
        if isinstance(place, Path):
            manifest = _copied(place, temporary)
        elif isinstance(place, Remote):
            manifest = _fetched(place, temporary)
        else:
            manifest = hub.download(place, str(commit), temporary)
        manifest.check_files(temporary)
        _check_content(temporary, manifest, place)
        if check is not None:
            check(temporary, manifest)
        write_json(temporary / ORIGIN_NAME, {"pulled_from": str(place), "commit": commit})
    return Pulled(folder, place, commit, manifest)


def _copied(source: Path, folder: Path) -> Manifest:
    if not source.is_dir():
        problem = "this is a file, no folder" if source.is_file() else "there is no such folder"
        raise SharingError(
            f"{source}: {problem}; give a folder that ftft push wrote, or OWNER/NAME "
            "for a repository of the hub."
        )
    manifest = read_manifest(source / MANIFEST_NAME, source)
    for name in (MANIFEST_NAME, *manifest.files):
        try:
            shutil.copyfile(source / name, folder / name)
        except FileNotFoundError:
            continue  # reported by the checksums, with what to do
    if (source / CARD_NAME).is_file():
        shutil.copyfile(source / CARD_NAME, folder / CARD_NAME)
    return manifest


def _fetched(place: Remote, folder: Path) -> Manifest:
    fetch(f"{place.url}/{MANIFEST_NAME}", folder / MANIFEST_NAME, SharingError)
    manifest = read_manifest(folder / MANIFEST_NAME, place)
    for name in manifest.files:
        fetch(f"{place.url}/{name}", folder / name, SharingError)
    # Its owner may have removed the card: nothing here needs it.
    if is_there(f"{place.url}/{CARD_NAME}", SharingError):
        fetch(f"{place.url}/{CARD_NAME}", folder / CARD_NAME, SharingError)
    return manifest


def _check_content(folder: Path, manifest: Manifest, place: Place) -> None:
    """Read the files as they will be read in use."""
    try:
        if manifest.kind == "dynamics":
            check_dynamics(folder, [name for name in manifest.files if name.startswith("epoch-")])
        elif manifest.kind == "model":
            _check_model(folder)
        else:
            _check_tables(folder, manifest)
    except FtftError as error:
        message = str(error).replace(f"{folder}/", "")
        raise SharingError(
            f"{place}: its files are as they were pushed, but cannot be used: {message}"
        ) from error


def _check_model(folder: Path) -> None:
    from ftft.training.saved import check_adapter, load_finetuned
    from ftft.training.saved_adapters import is_adapter

    if is_adapter(folder):
        # The model that it was trained on need not be on this machine.
        check_adapter(folder)
    else:
        load_finetuned(folder)


def _check_tables(folder: Path, manifest: Manifest) -> None:
    from ftft.cartography.datamap import DataMap
    from ftft.selection.selection import Selection

    if MAP_NAME in manifest.files:
        DataMap.read(folder / MAP_NAME)
    if SELECTION_NAME in manifest.files:
        Selection.read(folder / SELECTION_NAME)
