"""The stages that select what the main model is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from ftft.cartography.datamap import DataMap
from ftft.cartography.left_out import left_out_in_words
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.cartography.trajectories import loss_trajectories
from ftft.config.idle import idle_in_selection
from ftft.dynamics.store import read_dynamics
from ftft.experiment.stages import Stages
from ftft.selection.names import CLUSTERS, RANDOM
from ftft.selection.selection import Selection
from ftft.selection.strategies import select
from ftft.selection.words import left_out_by
from ftft.workspace.stage import Stage
from ftft.workspace.stage_record import digest_of


@dataclass(frozen=True)
class Selected:
    """What a selection came to.

    Attributes:
        selected: How many examples it has.
        strategy: How it was made.
        content: Digest of its ids.
    """

    selected: int
    strategy: str
    content: str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        return cls(**values)


def select_examples(
    stages: Stages, name: str, datamap: Stage[Any], trained: Stage[Any], seed: int
) -> Stage[Selected]:
    """Select the examples that the main model is trained on.

    Args:
        stages: The experiment.
        name: Name of the stage.
        datamap: The map to select from.
        trained: The training that the map was drawn from, for what a map does not hold.
        seed: The seed.
    """
    settings, train = stages.experiment.selection.model_dump(), stages.data.train
    if settings["strategy"] == RANDOM and not settings["exclude_label_errors"]:
        return _at_random(stages, name, settings, seed)

    def build(folder: Path) -> dict[str, Any]:
        datamap.check()
        drawn = DataMap.read(datamap.folder / MAP_NAME)
        losses = None
        if settings["strategy"] == CLUSTERS:
            recorded = read_dynamics(trained.folder / "dynamics").take(drawn.example_ids)
            losses = loss_trajectories(recorded, drawn.epochs)
        groups = train.slice_values(settings["balance_by"], drawn.example_ids)
        return write_selected(
            select(drawn, **settings, groups=groups, trajectories=losses, seed=seed), folder
        )

    inputs = _selected_from(stages, settings, seed) | {"map": datamap.digest}
    upstream = (datamap, trained) if settings["strategy"] == CLUSTERS else (datamap,)
    ways: dict[str, Any] = {"upstream": upstream, "idle": idle_in_selection(settings["strategy"])}
    stage = stages.run(f"{name}/seed-{seed}", inputs, build, Selected.from_dict, **ways)
    if not stage.reused:
        drawn = DataMap.read(datamap.folder / MAP_NAME)
        chosen = Selection.read(stage.folder / SELECTION_NAME)
        if left_out := left_out_by(drawn, chosen):
            balanced = [key for key in ("balance_by", "balance_labels") if settings.get(key)]
            instead = f" instead of {balanced[0]}" if balanced else ""
            stages.say(
                f"  note: the selection all but leaves out {left_out_in_words(left_out)}; keep "
                f"each label's share with selection.keep_label_proportions=true{instead}"
            )
    return stage


def select_at_random(stages: Stages, name: str, seed: int) -> Stage[Selected]:
    """Draw the baseline's random subset, of the size of a selection."""
    # Nothing of a map may enter it, since it is not charged for one.
    shares = dict.fromkeys(("exclude_label_errors", "other_end", "random_share"), 0.0)
    settings = stages.experiment.selection.model_dump() | {"strategy": RANDOM, **shares}
    return _at_random(stages, name, settings, seed)


def take_selection(stages: Stages, selection: Selection, seed: int) -> Stage[Selected]:
    """Take a selection from elsewhere."""
    stages.data.train.take(selection.example_ids)  # refuses the ids of other data
    inputs = {"ids": selection.example_ids.to_pylist()}
    build, read = partial(write_selected, selection), Selected.from_dict
    return stages.run(f"given-selection/seed-{seed}", inputs, build, read)


def _at_random(stages: Stages, name: str, settings: dict[str, Any], seed: int) -> Stage[Selected]:
    train = stages.data.train

    def build(folder: Path) -> dict[str, Any]:
        ids = train.example_ids
        unmeasured = DataMap.unmeasured(ids, train.labels, train.class_names)
        groups = train.slice_values(settings["balance_by"], ids)
        return write_selected(select(unmeasured, **settings, groups=groups, seed=seed), folder)

    inputs, idle = _selected_from(stages, settings, seed), idle_in_selection(RANDOM)
    return stages.run(f"{name}/seed-{seed}", inputs, build, Selected.from_dict, idle=idle)


def _selected_from(stages: Stages, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    return {"selection": settings, "seed": seed, "data": stages.data.train.fingerprint}


def write_selected(selection: Selection, folder: Path) -> dict[str, Any]:
    """Write a selection into its stage's folder and give the stage's result."""
    selection.write(folder / SELECTION_NAME)
    content = digest_of(selection.example_ids.to_pylist())
    return asdict(Selected(len(selection), selection.strategy, content))
