"""Lengths of what a method selected, and a random subset of like lengths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ftft.cartography.datamap import DataMap
from ftft.experiment.collect import StagedRun
from ftft.experiment.stage_words import write_selection
from ftft.selection.lengths import length_matched, selection_lengths
from ftft.selection.selection import Selection
from ftft.workspace.workspace import Stage


def write_like_lengths(datamap: Stage, like: Stage, seed: int, folder: Path) -> dict[str, Any]:
    """Draw a random subset that is as long as a selection, and write it; see `length_matched`."""
    for stage in (datamap, like):
        stage.check()
    return write_selection(length_matched(_map(datamap), _selection(like), seed), folder)


def with_lengths(run: StagedRun, datamap: Stage) -> StagedRun:
    """A run that knows how long its selected examples are, in the tokens of a map's model."""
    if run.selection is None:
        return run
    return replace(run, lengths=selection_lengths(_map(datamap), _selection(run.selection)))


def _map(stage: Stage) -> DataMap:
    return DataMap.read(stage.folder / "map.parquet")


def _selection(stage: Stage) -> Selection:
    return Selection.read(stage.folder / "selection.parquet")
