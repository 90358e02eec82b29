"""The stage that draws a data map, and what preflight makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME
from ftft.data.dataset import LabelledDataset
from ftft.dynamics.store import read_dynamics
from ftft.errors import ConfigError
from ftft.evaluation.training import Training
from ftft.experiment.stages import Stages
from ftft.selection.names import LATE
from ftft.tasks import TASKS
from ftft.transfer.advice import LEAVE_OUT, LEFT_OUT, advice_once
from ftft.transfer.preflight import BAD, DevScore, preflight, signals_of
from ftft.transfer.stability import FollowedMap
from ftft.workspace.stage import Stage


@dataclass(frozen=True)
class DrawnMap:
    """What a map came to.

    Attributes:
        examples: Its examples.
        points: Recording points of its dynamics.
        drawn: Which of them it used, as ``results.json`` holds it.
        preflight: The verdict on the training, with reasons, advice and signals; likewise.
    """

    examples: int
    points: int
    drawn: dict[str, Any]
    preflight: dict[str, Any]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        return cls(**values)

    @property
    def verdict(self) -> str:
        """``good``, ``doubtful`` or ``bad``."""
        return str(self.preflight["verdict"])

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the training is not good, a sentence each."""
        return tuple(self.preflight["reasons"])


def draw_map(stages: Stages, name: str, trained: Stage[Training], seed: int) -> Stage[DrawnMap]:
    """Draw the data map from a training's dynamics."""
    settings = stages.experiment.map

    def build(folder: Path) -> dict[str, Any]:
        dynamics = read_dynamics(trained.folder / "dynamics").measured_by(settings.measure)
        built = FollowedMap(settings.burn_in).update(dynamics)
        datamap = DataMap.from_builder(built, **settings.drawing())
        datamap.write(folder / MAP_NAME)
        score = dev_score(trained.result, stages.data.dev)
        found = preflight(signals_of(built, settings.region_fraction), score)
        judged = asdict(found) | {"reasons": found.reasons, "advice": found.advice}
        points, used = len(dynamics.epochs), points_used(datamap, dynamics.epochs)
        return asdict(DrawnMap(len(datamap), points, used, judged))

    # Older maps do not say which points they used, or what was learnt: they are drawn again.
    inputs = {"map": settings.inputs(), "dynamics": trained.digest, "says": 3}
    read, upstream = DrawnMap.from_dict, (trained,)
    return stages.run(f"{name}/seed-{seed}", inputs, build, read, upstream=upstream)


def points_used(datamap: DataMap, recorded: Sequence[int]) -> dict[str, Any]:
    """Which recording points a map was drawn from, as ``results.json`` holds it.

    Args:
        datamap: The map.
        recorded: The complete recording points of the dynamics it was drawn from.
    """
    return {
        "points": list(datamap.epochs),
        "left_out": [epoch for epoch in recorded if epoch not in datamap.epochs],
        "burn_in": datamap.burn_in,
        "in_words": datamap.drawn_from,
    }


def dev_score(trained: Training, dev: Mapping[str, LabelledDataset]) -> DevScore | None:
    """The accuracy of a training on in-distribution development data, all sets together.

    None where the task has no accuracy that needs no learning to compare it with.

    Args:
        trained: What the training came to.
        dev: The development sets.
    """
    sets = list(dev.values())
    floor = TASKS[sets[0].task].floor(sets)
    if floor is None:
        return None
    right = sum(len(one) * trained.dev_scores[name]["accuracy"] for name, one in dev.items())
    return DevScore(float(right / sum(map(len, sets))), floor)


def tell_map(stages: Stages, datamap: Stage[DrawnMap]) -> None:
    """Say which recording points the map was drawn from, and what preflight makes of them.

    Raises:
        ConfigError: The reference looks bad, and the experiment says to stop then.
    """
    stages.say(f"  {datamap.result.drawn['in_words']}")
    found = datamap.result
    stages.say(f"  preflight: {'; '.join([found.verdict, *found.reasons])}")
    done = (LEFT_OUT, LEAVE_OUT) if stages.experiment.selection.strategy == LATE else ()
    for line in advice_once(found.preflight["advice"]):
        if line not in done:
            stages.say(f"  try: {line}")
    if found.verdict == BAD and stages.experiment.reference.if_bad != "stop":
        stages.say("  note: with reference.if_bad=stop a run would end here")
    elif found.verdict == BAD:
        raise ConfigError(
            f"{datamap.name}: the preflight check finds this reference bad: "
            f"{'; '.join(found.reasons)}. The main model was not trained, as reference.if_bad "
            "is stop. Change the reference, or set reference.if_bad=continue."
        )
