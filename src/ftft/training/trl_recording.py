"""Recording training dynamics from TRL's trainers, which are the caller's: TRL is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch

from ftft.data.encode import INDEX_COLUMN
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import ConfigError, DynamicsError
from ftft.tasks.token_losses import completion_values, reduce_tokens
from ftft.training.recording import RecordDynamics


class _RecordInTRL(RecordDynamics):
    """Lets the column ``example_index`` through TRL's collators, which drop it."""

    data_collator: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.data_collator = KeepIndices(self.data_collator)


class RecordCompletions(_RecordInTRL):
    """Mixin for TRL's ``SFTTrainer``: records how well each completion is predicted.

    Put it first among the bases, give the trainer a recorder of values, and the training set a
    column ``example_index``, the position of each example in the recorder's ids::

        class RecordingTrainer(RecordCompletions, SFTTrainer): ...


        recorder = DynamicsRecorder(folder, example_ids=ids, encoding="values", chance=0.0)
        trainer = RecordingTrainer(..., train_dataset=train, recorder=recorder)

    The tokens that count are those of the loss: the completion, or the whole text where the data
    have no prompt. Their log-probabilities are those of the training forward pass, whatever
    ``loss_type`` makes of them; there is no second pass and no copy of the logits. Padding-free
    batches are taken apart again.

    Raises:
        ConfigError: With ``packing``, which does not keep which example a token belongs to.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.recorder is not None and getattr(self.args, "packing", False):
            raise ConfigError(
                "packing=True joins examples into rows and does not keep which example a token "
                "belongs to, so nothing can be recorded. Set packing=False; padding_free=True pads "
                "as little and can be recorded."
            )

    def recorded(self, outputs: Any, labels: Any) -> torch.Tensor:
        """Values of a batch's completions, (n, 6): see ``completion_values``."""
        found: Completions = outputs
        return completion_values(found.nll, found.count, found.right, found.probability)

    def _record(self, recorder: DynamicsRecorder, indices: Any, recorded: torch.Tensor) -> None:
        # A padding-free row may end in padding, which looks like examples of one token; and the
        # recorder may not have asked for the other measure.
        super()._record(recorder, indices, recorded[: len(indices), : recorder.width])

    def _loss_and_outputs(
        self, model: Any, inputs: dict[str, Any], num_items: Any
    ) -> tuple[Any, Any]:
        given = dict(inputs)
        # Not by return_outputs: for these TRL runs the model once more.
        with _outputs_of(model) as seen:
            loss = self._plain_loss(model, inputs, num_items, False)
        with torch.no_grad():
            return loss, completions_of(seen, given)


class RecordPreferences(_RecordInTRL):
    """Mixin for TRL's ``RewardTrainer``: records the probability that the chosen answer wins.

    By Bradley and Terry (1952) that is the sigmoid of the difference of the rewards, and so the
    softmax of the two: they are recorded as the logits of the classes chosen and rejected, of
    which the first is always right::

        class RecordingTrainer(RecordPreferences, RewardTrainer): ...


        recorder = DynamicsRecorder(
            folder, example_ids=ids, labels=[0] * len(ids), class_names=("chosen", "rejected")
        )

    A column ``margin`` of the data is part of the loss and not of what is recorded.
    """

    def recorded(self, outputs: Any, labels: Any) -> torch.Tensor:
        """Rewards of the chosen and the rejected answers, (n, 2)."""
        chosen, rejected = torch.chunk(outputs.logits.detach().squeeze(-1), 2)
        return torch.stack([chosen, rejected], dim=1)


@dataclass(frozen=True)
class KeepIndices:
    """A data collator that passes on the examples' indices beside what another makes of them."""

    collate: Callable[[list[Any]], Any]

    def __call__(self, examples: list[Any]) -> Any:
        """Collate what is not the index, and put the indices, int64 (n,), beside it."""
        if not all(INDEX_COLUMN in example for example in examples):
            return self.collate(examples)
        indices = torch.tensor([example[INDEX_COLUMN] for example in examples])
        bare = [
            {name: value for name, value in example.items() if name != INDEX_COLUMN}
            for example in examples
        ]
        return {**self.collate(bare), INDEX_COLUMN: indices}


@dataclass(frozen=True)
class Completions:
    """Sums over the tokens of each of n completions, float32 (n,).

    Attributes:
        nll: Negative log-probability.
        count: Tokens.
        right: Tokens that are the most probable ones.
        probability: Probability.
    """

    nll: torch.Tensor
    count: torch.Tensor
    right: torch.Tensor
    probability: torch.Tensor


_SUMS = fields(Completions)


def completions_of(seen: Sequence[Any], inputs: Mapping[str, Any]) -> Completions:
    """Reduce what the model gave for a batch to a row for each completion.

    Args:
        seen: The model's outputs for it; of several that with the tokens' log-probabilities.
        inputs: The batch, with ``labels`` (n, T), and of a padding-free one ``position_ids``.

    Raises:
        DynamicsError: There are neither log-probabilities nor logits.
    """
    rows = _rows_of(inputs)
    for outputs in reversed(seen):
        if getattr(outputs, "log_probs", None) is not None and outputs.is_top1 is not None:
            # TRL 1.16 and later: of the token that comes next, zero where none is learnt.
            return _summed(-outputs.log_probs, outputs.label_mask, outputs.is_top1, rows)
    for outputs in reversed(seen):
        if getattr(outputs, "logits", None) is not None:
            return _of_logits(outputs, inputs["labels"], rows)
    raise DynamicsError(
        "this trainer's model gives neither logits nor the log-probabilities of tokens in "
        "training, so nothing can be recorded: set loss_type='nll', and use_liger_kernel=False."
    )


def _rows_of(inputs: Mapping[str, Any]) -> torch.Tensor | None:
    """Which example each position of a padding-free batch is of, (1, T); None of a padded one."""
    positions: torch.Tensor | None = inputs.get("position_ids")
    if positions is None or "attention_mask" in inputs:
        return None
    begun: torch.Tensor = (positions == 0).cumsum(dim=1)
    return begun - 1


def _of_logits(outputs: Any, labels: torch.Tensor, rows: torch.Tensor | None) -> Completions:
    if rows is None:
        reduced = reduce_tokens(outputs, labels)
        return Completions(reduced.nll, reduced.count, reduced.right, reduced.probability)
    # Each example in a row of its own, so that the same reduction serves.
    starts = (rows[0].diff(prepend=rows.new_full((1,), -1)) > 0).nonzero()[:, 0].tolist()
    ends = [*starts[1:], rows.shape[1]]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        logits = {"logits": outputs.logits[:, start:end]}
        parts.append(reduce_tokens(logits, labels[:, start:end]))
    return Completions(
        **{one.name: torch.cat([getattr(part, one.name) for part in parts]) for one in _SUMS}
    )


def _summed(
    nll: torch.Tensor, known: torch.Tensor, right: torch.Tensor, rows: torch.Tensor | None
) -> Completions:
    parts = (nll, known, right, (-nll).exp())
    values = [torch.where(known, part.float(), 0.0) for part in parts]
    if rows is None:
        return Completions(*(part.sum(dim=1) for part in values))
    # Position t says what comes at t + 1.
    at, examples = rows[0, 1:], int(rows.max()) + 1
    sums = (part.new_zeros(examples).index_add(0, at, part[0]) for part in values)
    return Completions(*sums)


@contextmanager
def _outputs_of(model: torch.nn.Module) -> Iterator[list[Any]]:
    """Collect what a model gives while the block runs."""
    seen: list[Any] = []
    handle = model.register_forward_hook(lambda module, given, outputs: seen.append(outputs))
    try:
        yield seen
    finally:
        handle.remove()
