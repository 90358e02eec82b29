"""A task in a process of its own: how it is started, and what it does there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ftft.experiment.stages import Say, Stages
from ftft.study.job import Job, Outcome, do
from ftft.utils.environment import JOBS
from ftft.utils.process import Launch, Started, serve


def launch(job: Job, say: Say, threads: int, started: Started = lambda process: None) -> Outcome:
    """Do a task in a new process on this machine, which Ray chose, and wait for it.

    Args:
        job: The task.
        say: Receives what the process says.
        threads: Threads it computes with, where the environment does not say.
        started: Given the process, to stop it.
    """
    begun = time.perf_counter()
    process = Launch("ftft.study.worker", threads, variables={JOBS: ""}, started=started)
    problem = process.do(job.to_json(), lambda _, text: say(text))
    return Outcome(job.task, problem, time.perf_counter() - begun)


def main() -> int:
    """Do the task that standard input names."""

    def work(line: str, tell: Callable[..., None]) -> str | None:
        def say(line: str) -> None:
            tell(say=line)

        job = Job.from_json(line)
        return do(job, lambda: _stages(job, say), say).problem

    return serve(work)


def _stages(job: Job, say: Say) -> Stages:
    import datasets

    from ftft.experiment.room import usable_data
    from ftft.workspace.workspace import Workspace

    datasets.disable_progress_bars()
    workspace = Workspace(job.folder / job.task.data, builds=job.task.makes)
    data = usable_data(job.experiment)
    paths = job.task.stage_paths
    return Stages(job.experiment, data, workspace, say, paths, ends_said=False)


if __name__ == "__main__":
    sys.exit(main())
