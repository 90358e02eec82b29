"""A finished stage, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ftft.workspace.stage_record import check_outputs, digest_of

Plain = dict[str, Any]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Stage(Generic[T]):
    """A finished stage.

    Attributes:
        name: Path of the stage below the run folder, such as ``main/seed-0``.
        folder: The stage's folder.
        digest: Digest of everything it was made from, hexadecimal.
        result: What it came to: the plain JSON values of its record, or what they stand for.
        reused: True where it had been finished before.
        environment: Versions and hardware it was run with.
        outputs: File below the folder to ``bytes`` and ``sha256``.
    """

    name: str
    folder: Path
    digest: str
    result: T
    reused: bool
    environment: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def read_as(self, read: Callable[[T], U]) -> Stage[U]:
        """The same stage, with what its result stands for."""
        result = read(self.result)
        about = (self.reused, self.environment, self.outputs)
        return Stage(self.name, self.folder, self.digest, result, *about)

    @property
    def content(self) -> str:
        """Digest of all that it wrote, hexadecimal."""
        return digest_of(self.outputs)

    def check(self) -> None:
        """Check that what it wrote is still what it wrote.

        Raises:
            WorkspaceError: A file is missing or changed.
        """
        check_outputs(self.folder, self.name, {"outputs": self.outputs})
