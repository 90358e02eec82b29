"""A run folder that is only looked at: which stages would be reused, and why others would run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftft.errors import WorkspaceError
from ftft.workspace.changes import Tell, why_again
from ftft.workspace.stage import Stage
from ftft.workspace.stage_record import STAGE_SCHEMA, digest_of, read_record
from ftft.workspace.workspace import NotFinishedError, Workspace


class Preview(Workspace):
    """A run folder in which nothing is run or written.

    Args:
        folder: It need not be there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder, builds=())

    def stage(
        self,
        name: str,
        inputs: Mapping[str, Any],
        build: Callable[[Path], Mapping[str, Any]],
        environment: Mapping[str, Any] | None = None,
        upstream: Sequence[Stage[Any]] = (),
        *,
        collective: bool = False,
        idle: Collection[str] = (),
        again: Tell = lambda why: None,
    ) -> Stage[Any]:
        """The stage, if it is finished from the same inputs; if not, ``again`` gets the reason.

        Raises:
            NotFinishedError: It would be run.
            WorkspaceError: It is damaged.
        """
        try:
            return super().stage(
                name, inputs, build, environment, upstream, collective=collective, idle=idle
            )
        except NotFinishedError:
            wanted: dict[str, Any] = {
                "schema": STAGE_SCHEMA,
                "digest": digest_of({"schema": STAGE_SCHEMA, "stage": name, "made_from": inputs}),
                "made_from": inputs,
                "idle": list(idle),
                "read": {stage.name: stage.content for stage in upstream},
            }
            names = {stage.digest: stage.name for stage in upstream}
            try:
                before = read_record(self.folder / name, name)
            except WorkspaceError:
                before = None
            if before is not None and (why := why_again(before, wanted, names)):
                again(why)
            raise
