"""A small study on the review task, run once for many tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ftft.experiment.trainings
import ftft.training.erm_cost
import ftft.training.finetune
from ftft.config.load_study import load_study
from ftft.study.executors import ThisProcess
from ftft.study.run import Finished, run_study
from ftft.study.summary import read_summary, write_summary

STUDY = """\
name: grid
base: {experiment: experiment.yaml, reference: {epochs: 2}, main: {epochs: 2, evaluations: 1}}
grid:
  references: {one: {}, two: {layers: 2}}
  strategies: [ambiguous, hard-to-learn]
  fractions: [0.25, 0.5]
  seeds: [0, 1]
"""


class Runner:
    """Runs a study file in this process and keeps what was trained and said."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.file, self.folder = file, folder
        self.trained: list[str] = []
        self.said: list[str] = []
        self.progress: list[Any] = []

    def run(
        self,
        *overrides: str,
        engine: Callable[..., Any] = ThisProcess,
        force: tuple[str, ...] = (),
    ) -> Finished:
        self.trained, self.said, self.progress = [], [], []
        study = load_study(self.file, overrides)
        real = ftft.experiment.trainings.finetune

        def counted(settings: Any, plan: Any, *rest: Any, **more: Any) -> Any:
            _, kind, *_ = rest[-1].relative_to(self.folder).parts  # of its folder
            self.trained.append(f"{kind}, seed {plan.seed}")
            return real(settings, plan, *rest, **more)

        ftft.experiment.trainings.finetune = counted
        try:
            finished = run_study(
                study, self.folder, engine, self.said.append, self.progress.append, force
            )
        finally:
            ftft.experiment.trainings.finetune = real
        summary = read_summary(self.folder, study)
        failed = {task.id: problem for task, problem in finished.failures.items()}
        write_summary(summary, study.name, finished.total, failed)
        return finished


@pytest.fixture(scope="session")
def grid(
    tmp_path_factory: pytest.TempPathFactory, make_experiment: Callable[[Path], Path]
) -> tuple[Runner, Finished]:
    """The whole study, done once."""
    folder = tmp_path_factory.mktemp("study")
    make_experiment(folder)
    (folder / "study.yaml").write_text(STUDY)
    runner = Runner(folder / "study.yaml", folder / "done")
    return runner, runner.run()


@pytest.fixture
def again(grid: tuple[Runner, Finished], tmp_path: Path) -> Runner:
    """The finished study in another folder, to resume."""
    return Runner(grid[0].file, shutil.copytree(grid[0].folder, tmp_path / "copied"))
