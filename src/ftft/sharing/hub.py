"""The Hugging Face hub, as far as sharing needs it, and what its errors mean.

The token is the one that ``hf auth login`` or the variable HF_TOKEN gave to ``huggingface_hub``; it
is neither read, kept nor shown here.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ftft.errors import FtftError, SharingError
from ftft.sharing.manifest import CARD_NAME, MANIFEST_NAME, Manifest, read_manifest
from ftft.sharing.targets import Repository, RepositoryType

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LOG_IN = "log in with `hf auth login`, or set the variable HF_TOKEN"


def upload(
    repository: Repository,
    contents: Mapping[str, Path | bytes],
    *,
    public: bool,
    overwrite: bool,
    message: str,
) -> str:
    """Write files to a repository, all in one commit.

    Args:
        repository: Where; its type must be known.
        contents: File name to a file, or to its content.
        public: Whether a new repository is one that everybody can read.
        overwrite: Add a commit to a repository that already exists; otherwise it is refused.
            Files that were shared before and are not now are removed by it; others stay.
        message: Of the commit.

    Returns:
        The commit, 40 hexadecimal digits.

    Raises:
        SharingError: No token, no permission, no connection, or the repository exists.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token

    if get_token() is None:
        raise SharingError(
            f"{repository}: pushing to the hub needs a token with write access, and there is none: "
            f"{_LOG_IN}. A folder (./NAME) needs none."
        )
    api = _api()
    with _explained(repository, "written"):
        made = _made(api, repository, public=public, overwrite=overwrite)
        before = set() if made else _shared_before(api, repository)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in contents.items()
    ]
    # Or a model would be loaded with weights of the one before.
    operations += [CommitOperationDelete(name) for name in sorted(before - contents.keys())]
    try:
        with _explained(repository, "written"):
            commit = api.create_commit(
                repository.id, operations, commit_message=message, repo_type=repository.type
            )
    except SharingError as error:
        if not made:
            raise
        raise SharingError(
            f"{error} The repository was made and is empty; to continue, give the same command "
            "with --overwrite."
        ) from error
    return str(commit.oid)


def _made(api: HfApi, repository: Repository, *, public: bool, overwrite: bool) -> bool:
    """Make a repository; return whether it is new.

    Raises:
        SharingError: It is there and may not be written to, or everybody could read it.
    """
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_repo(repository.id, repo_type=repository.type, private=not public)
        return True
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
    if not overwrite:
        raise SharingError(
            f"{repository}: this repository already exists; give another name, or add "
            "--overwrite to write a new version into it. What it holds now stays in its history."
        )
    about = api.repo_info(repository.id, repo_type=repository.type)
    if not about.private and not public:
        raise SharingError(
            f"{repository}: everybody can read this repository; add --public if that is meant, or "
            "give another name."
        )
    return False


def _shared_before(api: HfApi, repository: Repository) -> set[str]:
    """The files that the last push wrote and that are still there; none where that is not known."""
    info = api.model_info if repository.type == "model" else api.dataset_info
    about = info(repository.id)
    there = {sibling.rfilename for sibling in about.siblings or ()}
    if MANIFEST_NAME not in there:
        return set()
    with tempfile.TemporaryDirectory() as folder:
        path = api.hf_hub_download(
            repository.id,
            MANIFEST_NAME,
            repo_type=repository.type,
            revision=about.sha,
            local_dir=folder,
        )
        try:
            return there & read_manifest(Path(path), repository).files.keys()
        except SharingError:
            return set()  # nobody knows whose the files are


def find(repository: Repository, revision: str | None) -> tuple[Repository, str]:
    """Find a repository, of whichever type, and the commit that a revision stands for.

    Returns:
        The repository with its type, and the commit.

    Raises:
        SharingError: There is none, there are two, it may not be read, or it has no such revision.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    api = _api()
    types: tuple[RepositoryType, ...] = ("dataset", "model")
    found: list[tuple[Repository, str]] = []
    missing: Exception | None = None
    with _explained(repository, "read"):
        for kind in types if repository.type is None else (repository.type,):
            try:
                about = api.repo_info(repository.id, repo_type=kind, revision=revision)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError as error:
                missing = error
                continue
            found.append((Repository(repository.id, kind), str(about.sha)))
        if missing is not None and not found:
            raise missing
    if len(found) > 1:
        raise SharingError(
            f"{repository}: is both a data set and a model; say which: datasets/{repository.id} or "
            f"models/{repository.id}."
        )
    return found[0]


def download(repository: Repository, commit: str, folder: Path) -> Manifest:
    """Fetch what was pushed to a repository: what its manifest names, and the card.

    Args:
        repository: From where, with its type.
        commit: Which version.
        folder: An empty folder for the files.

    Returns:
        The manifest; the files still have to be checked against it.

    Raises:
        SharingError: A file cannot be had, or the manifest names what it must not.
    """
    # Not its base class, which a server that does not answer raises too.
    from huggingface_hub.errors import RemoteEntryNotFoundError

    api = _api()

    def fetch(name: str) -> None:
        api.hf_hub_download(
            repository.id, name, repo_type=repository.type, revision=commit, local_dir=folder
        )

    with _explained(repository, "read"):
        # Without one, read_manifest says what is missing.
        with contextlib.suppress(RemoteEntryNotFoundError):
            fetch(MANIFEST_NAME)
        manifest = read_manifest(folder / MANIFEST_NAME, repository)
        for name in manifest.files:
            fetch(name)
        # Its owner may have removed the card: nothing here needs it.
        with contextlib.suppress(RemoteEntryNotFoundError):
            fetch(CARD_NAME)
    # What huggingface_hub notes down to continue a download.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return manifest


def _api() -> HfApi:
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # lazy

    from ftft import __version__

    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(library_name="ftft", library_version=__version__)


@contextlib.contextmanager
def _explained(repository: Repository, done: str) -> Iterator[None]:
    """Turn what the hub, its client and the network raise into one message."""
    try:
        yield
    except FtftError:
        raise
    # Any exception: the client, its transport and the disk share no base class.
    except Exception as error:
        raise SharingError(f"{repository}: cannot be {done}: {_meaning(error)}") from error


def _meaning(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        # The client looked for a copy on this machine first; why it had to is what matters.
        return _meaning(error.__cause__)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return f"its owner decides who may read it: ask for access on its page, then {_LOG_IN}."
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision; give a branch, tag or commit of it with --revision."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return "a file that its ftft.json names is not there; ask whoever shared it to push again."
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            "there is no such repository, or it is private and you may not read it, which the hub "
            f"does not tell apart. Check the name; if it is private, {_LOG_IN}."
        )
    if status == 401:
        return f"the hub does not accept the token: {_LOG_IN} anew."
    if status == 403:
        return (
            "the token may not do that: it needs write access, and the owner in OWNER/NAME must be "
            f"you or an organisation that you can write to. To use another token, {_LOG_IN}."
        )
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the hub is not asked; unset it, or use a folder."
    if _transport(error):
        return (
            "the hub cannot be reached. Check the network and the variable HF_ENDPOINT, then give "
            "the same command again; a folder (./NAME) needs no network."
        )
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}. Give the same command again, or try later."


def _transport(error: Exception) -> bool:
    """Whether the connection failed, whatever the client's transport calls that."""
    names = {kind.__name__ for one in _causes(error) for kind in type(one).__mro__}
    return bool(names & {"TransportError", "ConnectError", "ConnectionError", "TimeoutException"})


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
