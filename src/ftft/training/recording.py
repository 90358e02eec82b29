"""Recording training dynamics from a ``transformers.Trainer``'s own forward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers.trainer_utils import has_length

from ftft.data.encode import INDEX_COLUMN
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import DynamicsError
from ftft.tasks.outputs import logits_of

# Under which the state of the Trainer says in which pass a checkpoint was written.
_STATE_KEY = "RecordDynamics"


@dataclass(frozen=True)
class _Pass:
    """One pass over the training set.

    Attributes:
        epoch: Its number, from 0.
        first_step: Optimiser steps taken before it.
    """

    epoch: int
    first_step: int


class RecordDynamics:
    """Mixin that records the logits of every training example, for any ``Trainer`` subclass.

    Put it first among the bases and give the trainer a recorder; the training set needs a
    column ``example_index``, the position of each example in the recorder's ids, or its id
    where those are integers::

        class RecordingTrainer(RecordDynamics, Trainer): ...


        trainer = RecordingTrainer(..., recorder=recorder)

    The logits are those of the training forward pass (training mode, weights moving), as in
    Swayamdipta et al. (2020, section 2) and the FTFT paper (section 2): no extra pass and no
    device synchronisation in a step. A ``compute_loss`` of your own is called as before, with
    ``return_outputs=True``. Nothing is recorded while the model is being evaluated.

    What was recorded is written with every checkpoint and at the end, so that a training that
    died can resume from any of its checkpoints.
    """

    # The Trainer's. A mixin's super() is the user's Trainer, which the type checker cannot know:
    # hence these, and the ignored lines below.
    args: Any
    state: Any

    def __init__(self, *args: Any, recorder: DynamicsRecorder | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recorder = recorder
        self._pass: _Pass | None = None
        self._written_in: _Pass | None = None
        self._recorded = False

    def _set_signature_columns_if_needed(self) -> None:
        # Without this the Trainer drops the column: no model's forward takes it.
        super()._set_signature_columns_if_needed()  # type: ignore[misc]  # a mixin
        columns: list[str] = self._signature_columns  # type: ignore[has-type]  # a mixin
        if INDEX_COLUMN not in columns:
            self._signature_columns = [*columns, INDEX_COLUMN]

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train as the Trainer does, and write what is still held, also after an error."""
        with contextlib.nullcontext() if self.recorder is None else self.recorder:
            return super().train(*args, **kwargs)  # type: ignore[misc]  # a mixin

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Compute the loss as the Trainer does, and record the batch."""
        indices = inputs.pop(INDEX_COLUMN, None)
        if self.recorder is None or not model.training:
            return self._plain_loss(model, inputs, num_items_in_batch, return_outputs)
        labels = inputs.get("labels")  # the Trainer takes them out
        loss, outputs = self._loss_and_outputs(model, inputs, num_items_in_batch)
        if indices is None:
            raise DynamicsError(
                f"the training set has no column {INDEX_COLUMN}, so nothing can be recorded: "
                "add an integer column of that name, the position of each example in the "
                "recorder's ids, and let the data collator pass it on."
            )
        self._recorded = True
        with torch.no_grad():
            self._record(self.recorder, indices, self.recorded(outputs, labels))
        return (loss, outputs) if return_outputs else loss

    def _plain_loss(
        self, model: Any, inputs: dict[str, Any], num_items: Any, return_outputs: bool
    ) -> Any:
        return super().compute_loss(  # type: ignore[misc]  # a mixin
            model, inputs, return_outputs=return_outputs, num_items_in_batch=num_items
        )

    def _loss_and_outputs(
        self, model: Any, inputs: dict[str, Any], num_items: Any
    ) -> tuple[Any, Any]:
        found: tuple[Any, Any] = self._plain_loss(model, inputs, num_items, True)
        return found

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Score a batch as the Trainer does; without labels that does not call compute_loss."""
        if isinstance(inputs, Mapping):
            inputs = {name: value for name, value in inputs.items() if name != INDEX_COLUMN}
        return super().prediction_step(model, inputs, *args, **kwargs)  # type: ignore[misc]  # a mixin

    def recorded(self, outputs: Any, labels: Any) -> torch.Tensor:
        """What is recorded of a batch: its logits, unless a subclass gives values.

        Args:
            outputs: What the model gave.
            labels: The batch's ``labels``.

        Returns:
            (n, W), as the recorder's encoding asks for.
        """
        return logits_of(outputs).detach()

    def _record(self, recorder: DynamicsRecorder, indices: Any, recorded: torch.Tensor) -> None:
        recorder.record(self._epoch(), indices, recorded)

    def _epoch(self) -> int:
        if self._pass is None:
            raise DynamicsError(
                f"{type(self).__name__} computes a loss in training outside of the passes of "
                "transformers.Trainer.train, so that the epoch it belongs to is not known. Call "
                "DynamicsRecorder.record in a training loop of your own instead of the mixin."
            )
        return self._pass.epoch

    # The Trainer says only here which pass begins. Its state.epoch is a share of the steps: it
    # is stale until the first step has ended where a data set has no length, or a wrong one.
    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        state, epoch = self.state, kwargs["epoch"]
        resumed = kwargs["resume_from_checkpoint"] is not None and epoch == kwargs["epochs_trained"]
        before = state.global_step
        done = 0
        if resumed:
            done = kwargs["steps_trained_in_current_epoch"] // self.args.gradient_accumulation_steps
        self._pass = _Pass(epoch, before - done)
        if resumed and self.recorder is not None:
            self._check_resumed(self.recorder, self._pass, kwargs)
        self._recorded = False
        super()._run_epoch(*args, **kwargs)  # type: ignore[misc]  # a mixin
        if self.recorder is not None and state.global_step > before and not self._recorded:
            raise DynamicsError(
                f"nothing was recorded in epoch {epoch}: {type(self).__name__} has a compute_loss "
                "that does not call the one of RecordDynamics. Put it into a class of its own and "
                "RecordDynamics before that among the bases: class Mine(RecordDynamics, MyTrainer)."
            )

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        if self.recorder is not None and self._pass is not None:
            # What a checkpoint says was trained on must be on disk when it is resumed from.
            self.recorder.flush()
            note = {"args": {}, "attributes": asdict(self._pass)}
            self.state.stateful_callbacks[_STATE_KEY] = note
        super()._save_checkpoint(*args, **kwargs)  # type: ignore[misc]  # a mixin

    def _load_callback_state(self) -> None:
        # Taken out, or the Trainer warns of a callback that it does not know.
        note = self.state.stateful_callbacks.pop(_STATE_KEY, None)
        self._written_in = None if note is None else _Pass(**note["attributes"])
        super()._load_callback_state()  # type: ignore[misc]  # a mixin

    def _check_resumed(
        self, recorder: DynamicsRecorder, now: _Pass, given: Mapping[str, Any]
    ) -> None:
        """Raise where the Trainer resumes in another pass than the checkpoint was written in."""
        done = self.state.global_step
        then = self._written_in
        if then is None:
            right = done == 0 or has_length(given["train_dataloader"])
        elif now.epoch == then.epoch:
            right = now.first_step == then.first_step or self.args.ignore_data_skip
        else:
            ended = done - then.first_step == given["num_update_steps_per_epoch"]
            right = ended and now.epoch == then.epoch + 1 and now.first_step == done
        if not right:
            where = "" if then is None else f" in epoch {then.epoch} (from 0)"
            raise DynamicsError(
                f"{given['resume_from_checkpoint']} was written after {done} steps{where}, but "
                f"transformers resumes from it in epoch {now.epoch}, after {now.first_step} steps: "
                "it cannot tell where the training set has no length, or another one than it has "
                "batches, or the batch size was changed. Logits would be recorded for the wrong "
                "epochs: resume with a training set and batches as they were, of a known length, "
                "or train from the start and record into a new folder."
            )
        recorder.check_recorded(now.epoch + (now.first_step < done))
