"""A run folder that is only looked at: which stages would be reused, and why others would run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ftft.workspace.changes import Tell, is_same, why_again
from ftft.workspace.stage import Plain, Stage
from ftft.workspace.stage_record import read_record
from ftft.workspace.workspace import NotFinishedError, Workspace, aside, previous_record


class Preview(Workspace):
    """A run folder in which nothing is run or written.

    Its stages are those that a run would reuse. Of one that would be run ``again`` gets the
    reason, as when it is run, and then :class:`~ftft.workspace.workspace.NotFinishedError` is
    raised.

    Args:
        folder: It need not be there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder, builds=())

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """Look at the folder of a run that is under way.

        What one of the two has compared with its checksums the other does not read once more.
        """
        preview = cls(workspace.folder)
        preview._checked = workspace._checked
        return preview

    def _only_read(
        self,
        folder: Path,
        name: str,
        wanted: Mapping[str, Any],
        upstream: Sequence[Stage[Any]],
        again: Tell,
    ) -> Stage[Plain]:
        before, previous = read_record(folder, name), previous_record(folder, name)
        is_there = before is not None and is_same(before, wanted)
        if not is_there and previous is not None and is_same(previous, wanted):
            return self._finished(aside(folder), name, previous)  # a run puts it back
        try:
            return super()._only_read(folder, name, wanted, upstream, again)
        except NotFinishedError:
            names = {stage.digest: stage.name for stage in upstream}
            old = before or previous
            if old is not None and (why := why_again(old, wanted, names)):
                again(why)
            raise
