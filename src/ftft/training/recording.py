"""Recording training dynamics from a ``transformers.Trainer``'s own forward pass."""

from __future__ import annotations

from typing import Any

import torch

from ftft.data.encode import INDEX_COLUMN
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import DynamicsError


class RecordDynamics:
    """Mixin that records the logits of every training example, for any ``Trainer`` subclass.

    Put it first among the bases and give the trainer a recorder; the training set needs an
    integer column ``example_index``, the position of each example in the recorder's ids::

        class RecordingTrainer(RecordDynamics, Trainer): ...


        trainer = RecordingTrainer(..., recorder=recorder)

    The logits are those of the training forward pass (training mode, weights moving), as in
    Swayamdipta et al. (2020, section 2) and the FTFT paper (section 2): no extra pass and no
    device synchronisation in a step. A ``compute_loss`` of your own is called as before, with
    ``return_outputs=True``. Nothing is recorded while the model is being evaluated.
    """

    # The Trainer's. A mixin's super() is the user's Trainer, which the type checker cannot know:
    # hence these, and the ignored lines below.
    args: Any
    state: Any

    def __init__(self, *args: Any, recorder: DynamicsRecorder | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recorder = recorder

    def _set_signature_columns_if_needed(self) -> None:
        # Without this the Trainer drops the column: no model's forward takes it.
        super()._set_signature_columns_if_needed()  # type: ignore[misc]  # a mixin
        columns: list[str] = self._signature_columns  # type: ignore[has-type]  # a mixin
        if INDEX_COLUMN not in columns:
            self._signature_columns = [*columns, INDEX_COLUMN]

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Compute the loss as the Trainer does, and record the batch's logits."""
        indices = inputs.pop(INDEX_COLUMN, None)
        loss, outputs = super().compute_loss(  # type: ignore[misc]  # a mixin
            model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
        )
        if self.recorder is not None and model.training:
            if indices is None:
                raise DynamicsError(
                    f"the training set has no column {INDEX_COLUMN}, so nothing can be recorded: "
                    "add an integer column of that name, the position of each example in the "
                    "recorder's ids, and let the data collator pass it on."
                )
            self._record(self.recorder, indices, _logits(outputs))
        return (loss, outputs) if return_outputs else loss

    def _record(
        self, recorder: DynamicsRecorder, indices: torch.Tensor, logits: torch.Tensor
    ) -> None:
        if self.args.world_size > 1:
            # Rows that only fill up a batch, so that every process has one, are no examples.
            real = indices >= 0
            indices, logits = indices[real], logits[real]
        recorder.record(self._epoch(), indices, logits)

    def _epoch(self) -> int:
        # state.epoch counts finished steps, so within epoch e it lies in [e, e + 1).
        return int(self.state.epoch or 0)


def _logits(outputs: Any) -> torch.Tensor:
    logits: torch.Tensor = outputs["logits"] if isinstance(outputs, dict) else outputs[1]
    return logits.detach()
