"""Trainings followed in TensorBoard, Weights & Biases, MLflow or trackio, through ``report_to``.

The Trainer's own integrations do the logging. Here each training gets a name and a place, the
runs of services are ended with it, and our own figures are added to what is logged.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import ConfigError, WorkspaceError, first_line
from ftft.training.eval_recording import look_at_recorded, points_reached
from ftft.training.flops import FlopCounter
from ftft.training.trainer import FineTuner
from ftft.utils import distributed


@dataclass(frozen=True)
class Tracked:
    """How one training is followed.

    Attributes:
        name: Its name, such as ``main/seed-0``.
        project: What it belongs to: the name of the experiment.
        logs: Folder of logs on this machine; each training has a folder by its name in it.
        known: Figures known before it starts.
        spent_flops: What was spent before it, such as on the reference.
        erm_flops: What ERM costs; None where nobody knows.
        of_dynamics: Figures of what was recorded so far, at every recording point; None for
            none.
    """

    name: str
    project: str
    logs: Path
    known: Mapping[str, float] = field(default_factory=dict)
    spent_flops: float = 0.0
    erm_flops: float | None = None
    of_dynamics: Callable[[TrainingDynamics], Mapping[str, float]] | None = None

    @property
    def folder(self) -> Path:
        """Where its own logs go."""
        return self.logs / self.name


def name_run(arguments: Any, tracked: Tracked) -> None:
    """Give a training its name in all services; a ``run_name`` of the user's comes before it."""
    own = arguments.run_name
    arguments.run_name = tracked.name if own is None else f"{own}/{tracked.name}"
    if arguments.project == type(arguments).project:
        arguments.project = tracked.project


@contextlib.contextmanager
def tracking(tracked: Tracked | None) -> Iterator[None]:
    """Make services take a training for a run of its own, however it ends.

    Raises:
        ConfigError: A service refuses the run, for want of an account perhaps.
        WorkspaceError: The folder of logs cannot be made.
    """
    if tracked is None or not distributed.is_first():
        yield
        return
    try:
        tracked.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{tracked.folder}: the folder of logs cannot be made ({error.strerror or error}); "
            "check its permissions, or set report_to to none."
        ) from error
    given = {
        "WANDB_PROJECT": tracked.project,
        # W&B looks at this once in a process, so all trainings share one.
        "WANDB_DIR": str(tracked.logs),
        "MLFLOW_EXPERIMENT_NAME": tracked.project,
    }
    ours = {name: value for name, value in given.items() if name not in os.environ}
    # A run that was begun before, by a notebook perhaps, is not ours to end.
    begun = {name for name in _RUNNING if _is_running(name)}
    os.environ.update(ours)
    try:
        yield
    except Exception as error:
        service = type(error).__module__.partition(".")[0]
        if service not in _RUNNING:
            raise
        raise ConfigError(
            f"report_to: {service} failed while {tracked.name} was logged to it: "
            f"{first_line(error)}. Check its settings, or leave it out; the same command resumes "
            "from the last checkpoint."
        ) from error
    finally:
        for name in ours:
            os.environ.pop(name, None)
        for name in _RUNNING:
            if name not in begun and _is_running(name):
                _RUNNING[name][1](sys.modules[name])


def _trackio_run(trackio: Any) -> Any:
    return trackio.context_vars.current_run.get()


# The Trainer leaves the run of W&B open, and all of them where a training is interrupted; the next
# training would continue in it.
_RUNNING: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "wandb": (lambda wandb: wandb.run, lambda wandb: wandb.finish()),
    "mlflow": (lambda mlflow: mlflow.active_run(), lambda mlflow: mlflow.end_run()),
    "trackio": (_trackio_run, lambda trackio: trackio.finish()),
}


def _is_running(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and _RUNNING[name][0](module) is not None


def open_tensorboard(trainer: FineTuner, tracked: Tracked, step: int) -> None:
    """Have TensorBoard's events written to the training's folder, from a step on.

    Args:
        trainer: The trainer, its integrations made.
        tracked: Names the folder; the environment variable TENSORBOARD_LOGGING_DIR names
            another one, in which every training has a folder by its name.
        step: Steps done before. Later events that an interrupted training left are taken back:
            TensorBoard shows the ones that follow in their place.
    """
    if not trainer.is_world_process_zero():
        return
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback):
            given = callback.logging_dir
            folder = tracked.folder if given is None else Path(given) / tracked.name
            callback.logging_dir = str(folder)
            purge = step + 1 if step else 0
            callback.tb_writer = callback._SummaryWriter(log_dir=str(folder), purge_step=purge)


class OwnFigures(TrainerCallback):
    """Adds our own figures to what the Trainer logs, so that every integration gets them.

    ``cost/…`` at every scoring of the development sets, ``dynamics/…`` and what else
    ``tracked.of_dynamics`` says at every recording point, and what is known before at the start.

    Args:
        trainer: The trainer in which this callback runs.
        tracked: What is known, and what is looked at.
        flops: Counts the operations of the model.
        recorder: What records; None where nothing is recorded.
        points: Size of the training set and recording points in an epoch.
    """

    def __init__(
        self,
        trainer: FineTuner,
        tracked: Tracked,
        flops: FlopCounter,
        recorder: DynamicsRecorder | None,
        points: tuple[int, int],
    ) -> None:
        self._trainer = trainer
        self._tracked = tracked
        self._flops = flops
        self._recorder = recorder
        self._points = points

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log what is known before, once: not where the training continues."""
        if state.global_step == 0 and self._tracked.known:
            self._log(self._tracked.known, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log figures of the dynamics where a recording point has just been reached."""
        look = self._tracked.of_dynamics
        if look is None or self._recorder is None:
            return
        if not points_reached(args, state.global_step, *self._points):
            return
        self._log(look_at_recorded(self._trainer, self._recorder, look), control)
        self._trainer.meter.add_time("overhead")

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the cost so far, padding, development scoring and all."""
        total = self._trainer.meter.cost(self._flops).total
        figures = {
            "cost/flops": total.flops,
            "cost/tokens": total.tokens,
            "cost/seconds": total.seconds,
        }
        if self._tracked.erm_flops:
            spent = self._tracked.spent_flops + total.flops
            figures["cost/flops_over_erm"] = spent / self._tracked.erm_flops
        self._log(figures, control)
        self._trainer.meter.add_time("overhead")

    def _log(self, figures: Mapping[str, float], control: Any) -> None:
        # To log takes back the wish to log, which at the end of a step is still to be fulfilled.
        wanted = control.should_log
        self._trainer.log(dict(figures))
        control.should_log = wanted
