"""The header of a dynamics folder: what was recorded, in JSON that a person can read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftft.dynamics.container import point_positions
from ftft.dynamics.values import COLUMNS, Encoding
from ftft.errors import DynamicsError, reason
from ftft.utils.atomic import write_text
from ftft.utils.nearest import nearest_beside

HEADER_NAME = "header.json"
FORMAT = "ftft-dynamics"
# 2 added `encoding` and `chance`, 3 `measures`; without any, 2 is written.
SCHEMA = 3


@dataclass(frozen=True)
class Header:
    """What every file of a dynamics folder belongs to.

    Attributes:
        num_examples: N, at least 1.
        num_classes: C; of logits at least 2.
        class_names: The C names; none where the labels are no group of examples.
        points_per_epoch: Recording points in one epoch of training.
        examples_sha256: Fingerprint of ids and labels in their order.
        positions: Epochs of training done by the end of each recording point, where they
            are not multiples of 1 / points_per_epoch.
        encoding: "logits" or "values": what was recorded of each example.
        chance: Mean probability of the right answer of a model that knows nothing.
        measures: Names of other probabilities of the right answer, which follow the values.
        meta: Free notes (anything JSON can hold); not compared when a folder is resumed.
    """

    num_examples: int
    num_classes: int
    class_names: tuple[str, ...]
    points_per_epoch: int
    examples_sha256: str
    positions: tuple[float, ...] | None = None
    encoding: Encoding = "logits"
    chance: float = 0.0
    measures: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def width(self) -> int:
        """Numbers recorded of an example at each point."""
        if self.encoding == "logits":
            return self.num_classes
        return len(COLUMNS) + len(self.measures)

    def write(self, folder: Path) -> None:
        """Write ``header.json`` into ``folder``.

        Raises:
            DynamicsError: ``meta`` cannot be written as JSON, or the folder not be written.
        """
        try:
            text = self.to_text()
        except (TypeError, ValueError) as error:
            raise DynamicsError(
                f"{folder / HEADER_NAME}: the notes in `meta` cannot be written as JSON: "
                f"{reason(error)}. Use only text, finite numbers, true, false, null, lists and "
                "dictionaries."
            ) from error
        write_text(folder / HEADER_NAME, text)

    def to_text(self) -> str:
        """The content of ``header.json``.

        Raises:
            TypeError, ValueError: ``meta`` cannot be written as JSON.
        """
        content = {"format": FORMAT, "schema": SCHEMA if self.measures else 2, **self._content()}
        content["sha256"] = _digest(content)
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def points(self, epochs: Sequence[int]) -> tuple[float, ...]:
        """Epochs of training done by the end of each of some recording points."""
        if self.positions is not None and max(epochs, default=-1) < len(self.positions):
            return tuple(self.positions[epoch] for epoch in epochs)
        return point_positions(epochs, self.points_per_epoch)

    def _content(self) -> dict[str, Any]:
        measures = {"measures": list(self.measures)} if self.measures else {}
        return measures | {
            "num_examples": self.num_examples,
            "num_classes": self.num_classes,
            "class_names": list(self.class_names),
            "encoding": self.encoding,
            "chance": self.chance,
            "points_per_epoch": self.points_per_epoch,
            "examples_sha256": self.examples_sha256,
            "positions": None if self.positions is None else list(self.positions),
            "meta": dict(self.meta),
        }


def read_header(folder: Path) -> Header:
    """Read and check ``header.json``.

    Raises:
        DynamicsError: The file is missing, damaged, or of a newer schema.
    """
    path = folder / HEADER_NAME
    content = _load(path)
    if content.get("format") != FORMAT:
        raise _damaged(path, f"it does not say `format: {FORMAT}`")
    schema = content.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise DynamicsError(
            f"{path} has schema version {schema}; this version of ftft reads up to {SCHEMA}. "
            "The dynamics were recorded with a newer ftft: update with `pip install -U ftft`."
        )
    if schema not in range(1, SCHEMA + 1):
        raise _damaged(path, f"its schema version is {schema!r}")
    expected = content.pop("sha256", None)
    try:
        if expected != _digest(content):
            raise ValueError("its content does not match its own checksum")
        positions = content["positions"]
        if schema == 1:
            content |= {"encoding": "logits", "chance": 1 / int(content["num_classes"])}
        header = Header(
            num_examples=int(content["num_examples"]),
            num_classes=int(content["num_classes"]),
            class_names=tuple(map(str, content["class_names"])),
            points_per_epoch=int(content["points_per_epoch"]),
            examples_sha256=str(content["examples_sha256"]),
            positions=None if positions is None else tuple(map(float, positions)),
            encoding=content["encoding"],
            chance=float(content["chance"]),
            measures=tuple(map(str, content.get("measures", ()))),
            meta=dict(content["meta"]),
        )
        _check_sizes(header)
    except KeyError as error:
        raise _damaged(path, f"the field {error} is missing") from error
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    return header


def _check_sizes(header: Header) -> None:
    # Whoever changes the header by hand can put the checksum right as well.
    if header.encoding not in ("logits", "values") or not 0 <= header.chance < 1:
        raise ValueError(f"encoding {header.encoding!r} and chance {header.chance!r} are unknown")
    if header.measures and header.encoding == "logits":
        raise ValueError("logits have no other measures")
    least = 2 if header.encoding == "logits" else 1
    if header.num_examples < 1 or header.num_classes < least or header.points_per_epoch < 1:
        raise ValueError(
            f"it needs at least 1 example, {least} classes and 1 recording point an epoch"
        )
    if len(header.class_names) not in (0, header.num_classes):
        raise ValueError(f"it names {len(header.class_names)} of {header.num_classes} classes")


_COMPARED = (
    "num_examples",
    "encoding",
    "num_classes",
    "class_names",
    "chance",
    "measures",
    "points_per_epoch",
)


def check_same(folder: Path, found: Header, wanted: Header) -> None:
    """Raise a ``DynamicsError`` where a folder was started with other examples or classes."""
    if found == wanted:
        return
    differences = [
        f"{name} ({getattr(found, name)!r} there, {getattr(wanted, name)!r} now)"
        for name in _COMPARED
        if getattr(found, name) != getattr(wanted, name)
    ] or ["other example ids or labels, or the same in another order"]
    raise DynamicsError(
        f"{folder} holds dynamics of something else: {'; '.join(differences)}. Record into a new "
        "folder, or give exactly the examples that it was started with."
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = path.parent
        what = (
            f"{folder} is not a dynamics folder, since there is no {HEADER_NAME} in it."
            if os.path.exists(folder)
            else f"{folder} does not exist.{nearest_beside(folder)}"
        )
        raise DynamicsError(
            f"{what} Give the folder that a recorder wrote to, or that of a training, such as "
            "reference/seed-0 of a run, or import dynamics of another format first."
        ) from error
    except OSError as error:
        raise DynamicsError(
            f"{path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise _damaged(path, "it does not hold a JSON object")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, problem: str) -> DynamicsError:
    return DynamicsError(
        f"{path} is damaged: {reason(problem)}. Copy the folder again from where it was recorded, "
        "or record again."
    )
