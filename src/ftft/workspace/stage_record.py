"""``stage.json``: what a stage was made from and, once finished, what came out, with checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftft.errors import WorkspaceError
from ftft.utils.atomic import checksum_of, sha256_of, sync_file, sync_folder, write_text

RECORD_NAME = "stage.json"
STAGE_SCHEMA = 2

STAGES = f"*/seed-*/{RECORD_NAME}"
"""The records of a run folder's stages; those below ``scores``, which train nothing, lie deeper."""

SCRATCH = "checkpoints"
"""Folder of a stage for what is needed only until the stage is finished."""


def digest_of(values: Any) -> str:
    """SHA-256 of plain JSON values, independent of the order of keys; hexadecimal."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, values: Any) -> None:
    """Write JSON so that the file is at any moment either the old or the new one.

    Raises:
        WorkspaceError: The file cannot be written; what was there before is untouched.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n"
    write_text(path, text, WorkspaceError)


def as_plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON gives them back: tuples are lists, keys are texts."""
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write a stage's record with its own checksum.

    Raises:
        WorkspaceError: It cannot be written.
    """
    plain = as_plain(record)
    write_json(folder / RECORD_NAME, {**plain, "sha256": checksum_of(plain)})


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """Read a stage's record; None where there is none.

    Args:
        folder: The stage's folder.
        name: The stage's name, for the message.

    Raises:
        WorkspaceError: It is damaged.
    """
    path = folder / RECORD_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, name, f"cannot be read as a stage record ({error})") from error
    if (
        not isinstance(values, dict)
        or not {"digest", "status"} <= values.keys()
        or (values["status"] == "finished" and not isinstance(values.get("result"), dict))
        or not isinstance(values.get("outputs", {}), dict)
    ):
        raise _damaged(path, name, "not a stage record")
    # Records of the first schema had no checksum; what they describe is made anew anyway.
    if values.get("schema") != 1 and values.pop("sha256", None) != checksum_of(values):
        raise _damaged(path, name, "its content does not match its own checksum")
    return values


def finish_outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """Wait until all that a stage wrote is on the disk, and take its checksums.

    Returns:
        File below the folder to ``bytes`` and ``sha256``.

    Raises:
        WorkspaceError: The disk is full, or a file cannot be read back.
    """
    outputs = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] in (SCRATCH, RECORD_NAME):
            continue
        try:
            if path.is_dir():
                sync_folder(path)
                continue
            sync_file(path)
            outputs[name.as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        except OSError as error:
            raise WorkspaceError(
                f"{path}: cannot be brought to the disk ({error.strerror or error}); check that "
                "the disk has space left and is sound, then give the same command again."
            ) from error
    sync_folder(folder)
    return outputs


def check_outputs(folder: Path, name: str, record: Mapping[str, Any]) -> None:
    """Check every file of a finished stage against its checksum.

    Raises:
        WorkspaceError: A file is missing or changed; the message names file and stage.
    """
    for file, expected in record.get("outputs", {}).items():
        path = folder / file
        try:
            size = path.stat().st_size
            # Records of the first schema hold the size alone.
            bytes_, sha256 = (
                (expected, None)
                if isinstance(expected, int)
                else (expected["bytes"], expected["sha256"])
            )
            if size != bytes_:
                problem = f"has {size:,} bytes instead of {bytes_:,}"
            elif sha256 not in (None, sha256_of(path)):
                problem = "does not match its checksum"
            else:
                continue
        except FileNotFoundError:
            problem = "is missing"
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
        raise WorkspaceError(
            f"{path}: this file of the finished stage {name} {problem}; put it back as it was, or "
            f"give --force-stage {name} to build the stage again."
        )


def _damaged(path: Path, name: str, problem: str) -> WorkspaceError:
    return WorkspaceError(
        f"{path}: {problem}; give --force-stage {name} to build the stage again, or remove the "
        f"folder {path.parent}."
    )


def has_checkpoints(folder: Path) -> bool:
    """Whether a stage's folder holds checkpoints, as that of a training that was stopped does."""
    return any((folder / SCRATCH).glob("*"))
