"""Pushing: to a repository of the hub, or into a new folder, here or elsewhere."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ftft import __version__
from ftft.errors import SharingError
from ftft.sharing import hub
from ftft.sharing.bundle import Bundle, bundle
from ftft.sharing.card import card
from ftft.sharing.manifest import CARD_NAME, MANIFEST_NAME
from ftft.sharing.targets import Place, Remote, Repository, landing
from ftft.utils.remote import is_there, store


@dataclass(frozen=True)
class Pushed:
    """What was pushed.

    Attributes:
        place: Where it is: the repository with its type, or the folder.
        commit: The commit, 40 hexadecimal digits; None for a folder.
        bundle: What it was.
    """

    place: Place
    commit: str | None
    bundle: Bundle


def push(
    path: Path,
    target: Place,
    *,
    selection: Path | None = None,
    public: bool = False,
    overwrite: bool = False,
) -> Pushed:
    """Share dynamics, a map, a selection or a model, with a card. Texts are not in any of them.

    Args:
        path: What is shared; see :func:`ftft.sharing.bundle.bundle`.
        target: A repository of the hub, or a folder, here or elsewhere, which must be new.
        selection: A selection to go with a map.
        public: Whether everybody can read a new repository; otherwise it is private.
        overwrite: Add a version to a repository that already exists.

    Returns:
        Where it is.

    Raises:
        FtftError: What lies at the path is damaged, or cannot be pushed.
    """
    found = bundle(path, selection)
    if isinstance(target, Path):
        _into_folder(found, target)
        return Pushed(target, None, found)
    if isinstance(target, Remote):
        # What was written in part has none, and the same command writes it whole.
        if is_there(f"{target.url}/{MANIFEST_NAME}", SharingError):
            raise SharingError(
                f"{target} already exists, and a folder is never replaced; give the name of a "
                "new one."
            )
        contents = _with_card(found, None)
        # Last, so that what was written in part cannot be pulled.
        contents[MANIFEST_NAME] = contents.pop(MANIFEST_NAME)
        store(contents, target.url, SharingError)
        return Pushed(target, None, found)
    repository = Repository(target.id, "model" if found.manifest.kind == "model" else "dataset")
    message = f"Share {found.manifest.kind} with ftft {__version__}"
    contents = _with_card(found, repository)
    commit = hub.upload(repository, contents, public=public, overwrite=overwrite, message=message)
    return Pushed(repository, commit, found)


def _into_folder(found: Bundle, folder: Path) -> None:
    with landing(folder) as temporary:
        for name, content in _with_card(found, None).items():
            if isinstance(content, bytes):
                (temporary / name).write_bytes(content)
            else:
                shutil.copyfile(content, temporary / name)
        # What was copied is what was promised.
        found.manifest.check_files(temporary)


def _with_card(found: Bundle, repository: Repository | None) -> dict[str, Path | bytes]:
    return {
        **found.contents,
        MANIFEST_NAME: found.manifest.to_json(),
        CARD_NAME: card(found.manifest, repository).encode(),
    }
