"""Lengths and labels of what a method selected, and a random subset of like lengths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.experiment.collect import StagedRun
from ftft.experiment.maps import DrawnMap
from ftft.experiment.selections import Selected, write_selected
from ftft.experiment.stages import Stages
from ftft.selection.lengths import length_matched, selection_lengths
from ftft.selection.selection import Selection
from ftft.selection.words import left_out_by
from ftft.workspace.stage import Stage


def select_like(
    stages: Stages, name: str, datamap: Stage[DrawnMap], like: Stage[Selected], seed: int
) -> Stage[Selected]:
    """Draw a random subset of a map that is as long as a selection from it."""

    def build(folder: Path) -> dict[str, Any]:
        for stage in (datamap, like):
            stage.check()
        return write_selected(length_matched(_map(datamap), _selection(like), seed), folder)

    inputs = {"like": like.result.content, "map": datamap.digest, "seed": seed}
    ways: dict[str, Any] = {"upstream": (datamap, like)}
    return stages.run(f"{name}/seed-{seed}", inputs, build, Selected.from_dict, **ways)


def with_selected(run: StagedRun, datamap: Stage[DrawnMap]) -> StagedRun:
    """A run that knows of its selected examples how long they are and which labels they lack.

    Args:
        run: The run; one without a selection stays as it is.
        datamap: A map of the same data; lengths are in the tokens of its model.
    """
    if run.selection is None:
        return run
    drawn, selection = _map(datamap), _selection(run.selection)
    left_out, lengths = left_out_by(drawn, selection), selection_lengths(drawn, selection)
    return replace(run, lengths=lengths, left_out=left_out)


def _map(stage: Stage[Any]) -> DataMap:
    return DataMap.read(stage.folder / MAP_NAME)


def _selection(stage: Stage[Any]) -> Selection:
    return Selection.read(stage.folder / SELECTION_NAME)
