"""Which trainings a run will find finished, as far as it can be known before it gets there."""

from __future__ import annotations

from collections.abc import Callable

from ftft.errors import WorkspaceError
from ftft.evaluation.training import Training
from ftft.experiment.selections import select_at_random
from ftft.experiment.stages import Stages
from ftft.experiment.trainings import train_erm, train_main, train_reference
from ftft.utils import distributed
from ftft.workspace.preview import Preview
from ftft.workspace.stage import Stage


def finished_before(stages: Stages) -> frozenset[str]:
    """Names of finished trainings that read nothing that other trainings of the run make.

    What the others read is known only when it is there. Nothing is run or written.
    """
    if not distributed.is_first():
        return frozenset()  # it says nothing of the time that is left
    ways = (Preview(stages.workspace.folder), lambda line: None)
    seen = Stages(stages.experiment, stages.data, *ways)
    looks = [look for seed in stages.experiment.seeds for look in _looks(seen, seed)]
    return frozenset(stage.name for look in looks if (stage := _found(look)) is not None)


def _looks(stages: Stages, seed: int) -> list[Callable[[], Stage[Training]]]:
    main = stages.experiment.main

    def random() -> Stage[Training]:
        chosen = select_at_random(stages, "random-selection", seed)
        return train_main(stages, "random", chosen, seed, main.budget, main.patience)

    return [
        lambda: train_reference(stages, seed),
        lambda: train_erm(stages, seed),
        lambda: train_erm(stages, seed, stop_early=True),
        random,
    ]


def _found(look: Callable[[], Stage[Training]]) -> Stage[Training] | None:
    try:
        return look()
    except WorkspaceError:
        return None  # to be run, or damaged, which the run says when it gets there
