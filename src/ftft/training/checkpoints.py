"""Checkpoints that a training resumes from only where they are as they were written.

A checkpoint counts once it holds ``checksums.json``, which is written last, when everything else
is on the disk; only then are older checkpoints removed. So there is always one to resume from,
also after a power cut, and a damaged one is noticed before it is used.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ftft.dynamics.shards import list_flushes
from ftft.dynamics.store import check_dynamics
from ftft.errors import DynamicsError, FtftError, WorkspaceError, first_line
from ftft.utils import signals
from ftft.utils.atomic import checksum_of, sha256_of, sync_file, sync_folder, write_text, xxh3_of
from ftft.utils.distributed import lost_connection

SEAL_NAME = "checksums.json"


class SealedCheckpoints:
    """Mixin for a ``Trainer`` whose ``save_total_limit`` is None; put it before the Trainer.

    Attributes:
        dynamics: Folder of the dynamics that are recorded; None where none are.
    """

    dynamics: Path | None = None

    # The Trainer's. A mixin's super() is the Trainer, which the type checker cannot know: hence
    # these, and the ignored lines below.
    args: Any
    state: Any
    accelerator: Any

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        state = self.state
        folder = self._checkpoint(state.global_step)
        with writing(folder):
            super()._save_checkpoint(model, trial)  # type: ignore[misc]  # a mixin
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                seal(folder, self.dynamics)
                _keep_only({state.global_step, state.best_global_step}, folder.parent)

    def _load_callback_state(self) -> None:
        super()._load_callback_state()  # type: ignore[misc]  # a mixin
        # The Trainer forgets the best checkpoint where the folder has been moved since.
        state = self.state
        if state.best_global_step:
            best = self._checkpoint(state.best_global_step)
            state.best_model_checkpoint = str(best) if best.is_dir() else None

    def _load_best_model(self) -> None:
        problem = damage(self._checkpoint(self.state.best_global_step))
        if problem:
            raise WorkspaceError(
                f"{problem}, and it holds the best weights of this training; give the same command "
                "again to train from an earlier point."
            )
        super()._load_best_model()  # type: ignore[misc]  # a mixin

    def _checkpoint(self, step: int) -> Path:
        return checkpoint(Path(self.args.output_dir), step)


class StopAtStepEnd(TrainerCallback):
    """Where the process was asked to stop: save a checkpoint after this step, and stop."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint."""
        if signals.requested():
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop, now that the checkpoint is there."""
        signals.check(f"is saved at step {state.global_step:,} of at most {state.max_steps:,}")


def checkpoint(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder / f"{PREFIX_CHECKPOINT_DIR}-{step}"


def step_of(folder: Path) -> int:
    """The step of a checkpoint."""
    return int(folder.name.rpartition("-")[2])


def seal(folder: Path, dynamics: Path | None) -> None:
    """Bring a checkpoint to the disk and write its checksums.

    Args:
        folder: The checkpoint.
        dynamics: Where what the checkpoint says was recorded must be when a training resumes.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SEAL_NAME:
            sync_file(path)
            files[path.relative_to(folder).as_posix()] = xxh3_of(path)
    flushes = [] if dynamics is None else [flush.path.name for flush in list_flushes(dynamics)]
    sync_folder(folder.parent)
    content = {"files": files, "dynamics": flushes}
    text = json.dumps({**content, "sha256": checksum_of(content)}, indent=2)
    write_text(folder / SEAL_NAME, text + "\n", WorkspaceError)


def damage(folder: Path) -> str:
    """What is wrong with a checkpoint, in words; empty where nothing is."""
    try:
        files = _sealed(folder)["files"]
    except FileNotFoundError:
        return f"{folder} was not written to its end"
    except (OSError, ValueError) as error:
        return f"{folder / SEAL_NAME} is damaged ({error})"
    for name, expected in files.items():
        try:
            # Version 0.1 sealed with SHA-256, whose digests are twice as long.
            found = (xxh3_of if len(expected) == 32 else sha256_of)(folder / name)
        except OSError as error:
            return f"{folder / name} cannot be read ({error.strerror or error})"
        if found != expected:
            return f"{folder / name} is damaged: it does not match its checksum"
    return ""


def resume_point(
    folder: Path, dynamics: Path | None, *, best: bool, say: Callable[[str], None]
) -> Path | None:
    """The last checkpoint that a training can resume from; what cannot be used is removed.

    Args:
        folder: The checkpoints.
        dynamics: Where the dynamics are recorded; None where they are not.
        best: Whether the best weights will be wanted at the end.
        say: Receives a line on what cannot be used, and one on where the training continues.

    Returns:
        The checkpoint; None where the training starts anew, of which nothing is then left.
    """
    steps = sorted(steps_of(folder), reverse=True)
    for step in steps:
        problem = _problem(folder, step, dynamics, best=best)
        if not problem:
            kept = _best_step(checkpoint(folder, step)) if best else None
            _keep_only({step, kept}, folder)
            say(f"  resumes from step {step:,}")
            return checkpoint(folder, step)
        say(f"  not used: {problem}")
    if steps:
        say("  no checkpoint can be used: this training starts anew")
    for left in (folder, dynamics):
        if left is not None:
            shutil.rmtree(left, ignore_errors=True)
    return None


def _problem(folder: Path, step: int, dynamics: Path | None, *, best: bool) -> str:
    path = checkpoint(folder, step)
    problem = damage(path)
    if problem:
        return problem
    best_step = _best_step(path) if best else None
    if best_step not in (None, step):
        problem = damage(checkpoint(folder, best_step))
        if problem:
            return f"{path}, since the best weights are lost: {problem}"
    if dynamics is not None:
        try:
            check_dynamics(dynamics, _sealed(path)["dynamics"])
        except DynamicsError as error:
            return f"{path}, since recorded dynamics are lost: {str(error).partition('. ')[0]}"
    return ""


def _best_step(folder: Path) -> Any:
    # Its checksum was right.
    return json.loads((folder / TRAINER_STATE_NAME).read_text(encoding="utf-8"))["best_global_step"]


def _sealed(folder: Path) -> dict[str, Any]:
    values = json.loads((folder / SEAL_NAME).read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.pop("sha256", None) != checksum_of(values):
        raise ValueError("its content does not match its own checksum")
    return values


def steps_of(folder: Path) -> list[int]:
    """The steps of which there are checkpoints in a folder, in no order."""
    found = folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*")
    return [int(number) for path in found if (number := path.name.rpartition("-")[2]).isdecimal()]


def _keep_only(steps: Collection[int | None], folder: Path) -> None:
    for step in steps_of(folder):
        if step not in steps:
            shutil.rmtree(checkpoint(folder, step), ignore_errors=True)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what to do where a folder of a checkpoint or a model cannot be written.

    Raises:
        WorkspaceError: It cannot; what was written of it is removed, since the disk may be full.
    """
    try:
        yield
    except FtftError:
        raise
    except Exception as error:
        if lost_connection(error):  # the processes wait for each other here
            raise
        # Of the libraries that write here, tokenizers raises an Exception of no class.
        if type(error) is not Exception and not isinstance(
            error, OSError | RuntimeError | SafetensorError
        ):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkspaceError(
            f"{folder}: cannot be written: {first_line(error)}. Check that the disk has space "
            "left and the folder is writable, then give the same command again: it resumes from "
            "the last checkpoint."
        ) from error
