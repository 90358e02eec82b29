"""One task of a study: the stages it makes, by the functions of an ordinary run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ftft.config.methods import REFERENCE
from ftft.evaluation.metrics import SetScores
from ftft.experiment.collect import StagedRun
from ftft.experiment.like_lengths import with_selected
from ftft.experiment.maps import draw_map, tell_map
from ftft.experiment.methods import BASELINES, ftft
from ftft.experiment.scoring import score_tests
from ftft.experiment.stages import Stages
from ftft.experiment.trainings import train_reference
from ftft.results.run import Cell
from ftft.study.grid import Task


@dataclass(frozen=True)
class Done:
    """What a task came to.

    Attributes:
        run: What its method did; None for a reference, which is part of other runs.
        scores: Test scores by set.
    """

    run: StagedRun | None
    scores: dict[str, SetScores]


def perform(stages: Stages, task: Task, cell: Cell | None = None) -> Done:
    """Run a task's stages, or read those that are finished.

    Args:
        stages: Of the task's experiment, with its places.
        task: The task.
        cell: The names that its run goes by in the study's results.

    Raises:
        FtftError: It cannot be done; :class:`~ftft.workspace.workspace.NotFinishedError` where
            a stage is not finished that may not be run here.
    """
    if task.method == REFERENCE:
        datamap = draw_map(stages, "map", train_reference(stages, task.seed), task.seed)
        tell_map(stages, datamap)
        return Done(None, {})
    run = _ftft(stages, task) if task.method == "ftft" else _baseline(stages, task)
    scores = score_tests(stages, task.method, run.trained, task.seed)
    if cell is not None:
        run = replace(run, cell=cell)
    return Done(run, scores)


def _ftft(stages: Stages, task: Task) -> StagedRun:
    reference = train_reference(stages, task.seed)
    datamap = draw_map(stages, "map", reference, task.seed)
    return ftft(stages, task.seed, reference, datamap)


def _baseline(stages: Stages, task: Task) -> StagedRun:
    """A baseline's run; of one that spends FTFT's cost its lengths in the tokens of that FTFT."""
    used: list[StagedRun] = []

    def paid() -> StagedRun:
        assert task.paid is not None
        used.append(_ftft(stages, task.paid))
        return used[-1]

    run = BASELINES[task.method](stages, task.seed, paid)
    datamap = used[-1].datamap if used else None
    return run if datamap is None else with_selected(run, datamap)
