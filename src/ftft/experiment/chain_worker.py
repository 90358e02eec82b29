"""A chain of trainings in a process of its own: what it is asked, and what it does there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftft.config.schema import Experiment
from ftft.evaluation.training import Training
from ftft.experiment.chains import Chain, train_chain
from ftft.experiment.room import usable_data
from ftft.experiment.stages import Stages
from ftft.training.progress import OfRun
from ftft.utils.process import problem_of, serve
from ftft.workspace.lock import held_part
from ftft.workspace.workspace import Workspace

MODULE = "ftft.experiment.chain_worker"


def request(experiment: Experiment, folder: Path, chain: Chain) -> str:
    """What the process is asked to do, a line."""
    values = {"experiment": experiment.model_dump(mode="json"), "folder": str(folder)}
    return json.dumps(values | {"chain": asdict(chain)})


@dataclass(frozen=True)
class _Told:
    """Tells the process that started this one of each training that has ended."""

    tell: Callable[..., None]

    def opening(self) -> str:
        """What there is to do, the other process says."""
        return ""

    def place(self, name: str) -> OfRun | None:
        """Where a training stands among all, the other process says."""
        return None

    def ended(self, name: str, trained: Training, environment: Mapping[str, Any]) -> None:
        """Tell which training has ended."""
        self.tell(ended=name)


def main() -> int:
    """Train the chain that standard input names."""

    def work(line: str, tell: Callable[..., None]) -> str | None:
        return problem_of(lambda: _train(json.loads(line), tell))

    return serve(work)


def _train(asked: Mapping[str, Any], tell: Callable[..., None]) -> None:
    import datasets

    def say(line: str) -> None:
        tell(say=line)

    datasets.disable_progress_bars()
    chain = Chain(asked["chain"]["seed"], tuple(asked["chain"]["methods"]))
    experiment, folder = Experiment.model_validate(asked["experiment"]), Path(asked["folder"])
    with held_part(folder, chain.name, say):
        workspace = Workspace(folder, builds=chain.stages)
        data = usable_data(experiment)
        train_chain(Stages(experiment, data, workspace, say, overall=_Told(tell)), chain)


if __name__ == "__main__":
    sys.exit(main())
