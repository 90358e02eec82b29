"""``ftft.json``: what is shared, file by file with checksums, and where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.dynamics.header import HEADER_NAME
from ftft.dynamics.store import EXAMPLES_NAME
from ftft.errors import SharingError, reason
from ftft.utils.atomic import sha256_of
from ftft.workspace.stage_record import digest_of

Kind: TypeAlias = Literal["dynamics", "map", "selection", "model"]

MANIFEST_NAME = "ftft.json"
CARD_NAME = "README.md"
_FORMAT, _SCHEMA = "ftft-share", 1
_MAX_BYTES = 10_000_000

# Everything lies in one folder: a name with a slash is no name here. Nothing that can run code.
_NAMES: dict[str, re.Pattern[str]] = {
    "dynamics": re.compile(
        r"header\.json|examples\.parquet|(epoch|words)-\d{3,}\.rank-\d{2,}\.\d{6,}\.parquet"
    ),
    "map": re.compile(r"(map|selection)\.parquet"),
    "selection": re.compile(r"selection\.parquet"),
    # By name: what else lies beside a model (predictions, a trainer's state) may hold anything.
    "model": re.compile(
        r"(config|generation_config|model\.safetensors\.index)\.json"
        r"|model[A-Za-z0-9_.-]*\.safetensors"
        # Of an adapter, which is built anew from a few checked values.
        r"|adapter_(config|base)\.json|adapter_model\.safetensors"
        r"|(tokenizer[A-Za-z0-9_.-]*|special_tokens_map|added_tokens|vocab)\.json"
        r"|(vocab|merges)\.txt|(spm|spiece|sentencepiece\.bpe|tokenizer)\.model"
    ),
}
_NEEDED: dict[str, frozenset[str]] = {
    "dynamics": frozenset({HEADER_NAME, EXAMPLES_NAME}),
    "map": frozenset({MAP_NAME}),
    "selection": frozenset({SELECTION_NAME}),
    "model": frozenset({"config.json"}),
}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileEntry:
    """One shared file: its size and SHA-256, hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is shared.

    Attributes:
        kind: ``dynamics``, ``map`` (with or without a selection), ``selection`` or ``model``.
        files: File name, without folder, to what the file must be. The card is not among them:
            people edit it.
        about: Where it comes from, plain JSON values; see :mod:`ftft.sharing.provenance`.
    """

    kind: Kind
    files: Mapping[str, FileEntry]
    about: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.bytes for entry in self.files.values())

    def to_json(self) -> bytes:
        """The content of ``ftft.json``."""
        values: dict[str, Any] = {
            "format": _FORMAT,
            "schema": _SCHEMA,
            "kind": self.kind,
            "files": {name: vars(entry) for name, entry in self.files.items()},
            "about": dict(self.about),
        }
        values["sha256"] = digest_of(values)
        return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()

    def check_files(self, folder: Path) -> None:
        """Check every file in a folder against its checksum.

        Raises:
            SharingError: A file is missing or another one.
        """
        for name, entry in self.files.items():
            try:
                found = FileEntry((folder / name).stat().st_size, sha256_of(folder / name))
            except OSError as error:
                raise SharingError(
                    f"{name}: {MANIFEST_NAME} names this file, but it cannot be read "
                    f"({error.strerror or error}); ask whoever shared it to push it again."
                ) from error
            if found != entry:
                raise SharingError(
                    f"{name}: has {found.bytes:,} bytes with sha256 {found.sha256[:12]}…, but "
                    f"{MANIFEST_NAME} names {entry.bytes:,} bytes with {entry.sha256[:12]}…: it "
                    "was changed or damaged since it was pushed. Pull again; if it stays so, ask "
                    "whoever shared it to push it again."
                )


def is_shared(name: str, kind: Kind) -> bool:
    """Whether a file of this name may be among the shared files of this kind."""
    return name != MANIFEST_NAME and _NAMES[kind].fullmatch(name) is not None


def read_manifest(path: Path, place: object) -> Manifest:
    """Read and check ``ftft.json``.

    Args:
        path: The file.
        place: Where it comes from, for messages.

    Raises:
        SharingError: It is missing, damaged, of a newer schema, or names a file that must not be
            shared.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
        values = json.loads(path.read_text(encoding="utf-8"))
        return _manifest(values)
    except FileNotFoundError as error:
        raise SharingError(
            f"{place}: there is no {MANIFEST_NAME}, so this was not shared by ftft push; only that "
            "can be pulled."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SharingError(
            f"{place}: its {MANIFEST_NAME} cannot be used: {reason(error)}. Ask whoever shared it "
            "to push it again."
        ) from error


def _manifest(values: Any) -> Manifest:
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise ValueError(f"it does not say format: {_FORMAT}")
    schema = values.get("schema")
    if isinstance(schema, int) and schema > _SCHEMA:
        raise ValueError(
            f"it has schema {schema}, and this version of ftft reads up to {_SCHEMA}: update with "
            "`pip install -U ftft`"
        )
    if values.pop("sha256", None) != digest_of(values):
        raise ValueError("its content does not match its own checksum")
    kind = values["kind"]
    if schema != _SCHEMA or kind not in get_args(Kind):
        raise ValueError(f"schema {schema!r} and kind {kind!r} are not known")
    files = {name: _entry(name, kind, entry) for name, entry in values["files"].items()}
    missing = _NEEDED[kind] - files.keys()
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if len({name.casefold() for name in files}) < len(files):
        raise ValueError("two of its files differ only in upper and lower case")
    return Manifest(kind, files, dict(values["about"]))


def _entry(name: str, kind: Kind, values: Mapping[str, Any]) -> FileEntry:
    if not is_shared(name, kind):
        raise ValueError(f"it names the file {name[:100]!r}, which {kind} may not hold")
    size, digest = values["bytes"], values["sha256"]
    if type(size) is not int or size < 0 or not _DIGEST.fullmatch(digest):
        raise ValueError(f"its entry of {name!r} is no size and checksum")
    return FileEntry(size, digest)
