"""One task of a study: the stages it makes, by the functions of an ordinary run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ftft import pipeline
from ftft.evaluation.metrics import SetScores
from ftft.methods import MethodRun
from ftft.stages import Stages
from ftft.study.grid import REFERENCE, Task


@dataclass(frozen=True)
class Done:
    """What a task came to.

    Attributes:
        run: What its method did; None for a reference, which is part of other runs.
        scores: Test scores by set.
    """

    run: MethodRun | None
    scores: dict[str, SetScores]


def perform(stages: Stages, task: Task, variant: str = "") -> Done:
    """Run a task's stages, or read those that are finished.

    Args:
        stages: Of the task's experiment, with its places.
        task: The task.
        variant: What tells its run from others of the same names.

    Raises:
        FtftError: It cannot be done; :class:`~ftft.workspace.NotFinishedError` where a stage
            is not finished that may not be run here.
    """
    if task.method == REFERENCE:
        datamap = stages.datamap("map", stages.reference(task.seed), task.seed)
        pipeline.tell_preflight(stages, datamap)
        return Done(None, {})
    run = _run(stages, task)
    scores = stages.score_tests(task.method, run.trained, task.seed)
    named = replace(
        run,
        main_model=task.main or run.main_model,
        reference_model=task.main if task.method == "dm" else task.reference,
        variant=variant,
    )
    return Done(named, scores)


def _run(stages: Stages, task: Task) -> MethodRun:
    seed = task.seed
    if task.method == "ftft":
        reference = stages.reference(seed)
        return pipeline.ftft(stages, seed, reference, stages.datamap("map", reference, seed))
    if task.method == "random":
        return pipeline.random(stages, seed)
    if task.method == "dm":
        return pipeline.dm(stages, seed)
    trained = stages.erm(seed, stop_early=task.method == "erm_es")
    return pipeline.method_run(stages, task.method, seed, trained)
