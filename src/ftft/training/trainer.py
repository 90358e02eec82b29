"""The Trainer that fine-tunes reference, main model and baselines alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import SequentialSampler
from transformers import Trainer

from ftft.config.schema import Batching
from ftft.data.encode import EncodedDataset
from ftft.dynamics.checks import DIVERGED
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import DynamicsError
from ftft.evaluation.metrics import SetScores
from ftft.tasks.base import Task
from ftft.training.batching import EpochSampler, epoch_order
from ftft.training.checkpoints import SealedCheckpoints
from ftft.training.cost import CostMeter
from ftft.training.quick_dropout import quick_dropout
from ftft.training.recording import RecordDynamics

# From what a model gave for a batch and the batch's labels to tensors.
Wanted: TypeAlias = Callable[[Any, Any], tuple[Any, ...]]


class FineTuner(SealedCheckpoints, RecordDynamics, Trainer):
    """A Trainer with a learning-rate horizon, named development sets and a cost meter.

    Args:
        task: What the model is for.
        place: The folder of the training or the model, for messages.
        horizon: Step at which the learning rate reaches zero, whatever ``max_steps`` is.
        batching: ``like-length`` or ``shuffled``.
        dev: Development sets by name; all are scored at every evaluation.
        watched: Names of the sets whose mean score stopping looks at.
        metric: The metric that stopping looks at.
        meter: Counts what the training costs.
        **kwargs: As for ``transformers.Trainer``.
    """

    control: Any

    def __init__(
        self,
        *,
        task: Task,
        place: Path,
        horizon: int,
        batching: Batching = "like-length",
        dev: Mapping[str, EncodedDataset],
        watched: tuple[str, ...],
        metric: str,
        meter: CostMeter,
        tokenizer: Any,
        train: EncodedDataset | None = None,
        **kwargs: Any,
    ) -> None:
        multiple = 8 if torch.cuda.is_available() else None
        rows = None if train is None else train.rows
        if train is not None and kwargs["args"].world_size > 1:
            rows = train.rows_with_filler()
        super().__init__(
            train_dataset=rows,
            eval_dataset={name: one.inputs(task.needs_gold) for name, one in dev.items()},
            processing_class=tokenizer,
            data_collator=task.collator(tokenizer, multiple),
            compute_loss_func=self._summed_loss,
            **kwargs,
        )
        self.task = task
        self.place = place
        self.horizon = horizon
        self.train_lengths = None if train is None else train.lengths
        self.batching: Batching = batching
        self.dev = dict(dev)
        self.watched = watched
        self.metric = metric
        self._had_ended = False
        self._words: tuple[torch.Tensor, ...] = ()
        self.add_callback(meter)

    @property
    def meter(self) -> CostMeter:
        """The cost meter; after a resume it is a new one with the old counts."""
        return next(item for item in self.callback_handler.callbacks if isinstance(item, CostMeter))

    def _summed_loss(
        self,
        outputs: Any,
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        # Models that claim to take num_items_in_batch still return a mean over the
        # micro-batch; summing and dividing by the whole step's examples is right under
        # gradient accumulation and several processes alike.
        smoothing = self.args.label_smoothing_factor
        loss: torch.Tensor = self.task.loss(outputs, labels, num_items_in_batch, smoothing)
        return loss

    def recorded(self, outputs: Any, labels: Any) -> torch.Tensor:
        """What the task records of a batch."""
        recorded: torch.Tensor = self.task.recorded(outputs, labels)
        self._words = self._of_words(outputs, labels)
        return recorded

    def _of_words(self, outputs: Any, labels: Any) -> tuple[torch.Tensor, ...]:
        """What tasks with an answer a word record of each; nothing of others."""
        of_words = getattr(self.task, "recorded_words", None)
        return () if of_words is None else tuple(of_words(outputs, labels))

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Schedule the learning rate over the horizon, not over the steps to be taken."""
        return super().create_scheduler(self.horizon, optimizer)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Train on one batch, its shape counted."""
        self.meter.count_training(_shape(inputs))
        with quick_dropout(model, compiled=self.args.torch_compile):
            return super().training_step(model, inputs, num_items_in_batch)

    def floating_point_ops(self, inputs: Any) -> int:
        """The Trainer's own estimate, with the weights counted once instead of in every step."""
        return 6 * math.prod(_shape(inputs)) * self._counted_weights

    @cached_property
    def _counted_weights(self) -> int:
        return int(self.model.num_parameters(exclude_embeddings=True))

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Score one batch, its shape counted; of all outputs what was asked for only."""
        self.meter.count_evaluation(_shape(inputs))
        inputs = self._prepare_inputs(inputs)
        labels = inputs.pop("labels", None)
        with torch.no_grad(), self.compute_loss_context_manager():
            return None, self._wanted(model(**inputs), labels), None

    def _record(self, recorder: DynamicsRecorder, indices: Any, recorded: torch.Tensor) -> None:
        # Rows that only fill up a batch, so that every process has one, are no examples.
        real = indices >= 0 if self.args.world_size > 1 else slice(None)
        super()._record(recorder, indices[real], recorded[real])
        if self._words:
            words = (one[real] for one in self._words)
            recorder.record_words(self._epoch(), indices[real], *words)

    def get_train_dataloader(self) -> Any:
        """The Trainer's; reading it takes no random numbers that a resumed training would not."""
        loader = super().get_train_dataloader()
        if loader.persistent_workers:
            # Lasting workers are given a seed once in a training, and once more after a resume.
            # Drawn from the generator of dropout, it would change the masks.
            # Accelerate's loader hands on what it does not have itself, but takes what is set.
            getattr(loader, "base_dataloader", loader).generator = torch.Generator()
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        lengths = self.train_lengths
        assert lengths is not None, "a trainer that only scores has no order of training"
        arguments = self.args
        at_once = arguments.train_batch_size * arguments.world_size
        batch_size = at_once * arguments.gradient_accumulation_steps

        def order(epoch: int) -> npt.NDArray[np.int64]:
            return epoch_order(self.batching, lengths, batch_size, seed=arguments.seed, epoch=epoch)

        # Every process needs a batch at a time, or it would wait without end, or be given examples
        # of the epoch's first batch again.
        fillers = -len(lengths) % at_once if arguments.world_size > 1 else 0
        return EpochSampler(order, len(lengths), self._epoch, fillers=fillers)

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        # The order is ours (by length) and is undone by position, so no sampler may change it.
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None

    def predict_all(self, dataset: EncodedDataset) -> npt.NDArray[Any]:
        """What the task predicts of N examples, (N, …), in evaluation mode."""
        (found,) = self._run_over(dataset, lambda *given: (self.task.predictions(*given),))
        return found

    def record_all(
        self, dataset: EncodedDataset
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...]]:
        """What the task records of N examples, (N, W), and of their words, in evaluation mode.

        Of words there is nothing but in tasks with an answer a word; else given tag, negative where
        there is no word, preferred tag and probability, each (N, L).
        """

        def wanted(outputs: Any, labels: Any) -> tuple[Any, ...]:
            # Processes exchange no integers of two bytes.
            words = (
                one if one.is_floating_point() else one.int()
                for one in self._of_words(outputs, labels)
            )
            return self.task.recorded(outputs, labels), *words

        recorded, *words = self._run_over(dataset, wanted)
        return recorded, tuple(words)

    def _run_over(self, dataset: EncodedDataset, wanted: Wanted) -> list[npt.NDArray[Any]]:
        self._wanted = wanted
        order = np.argsort(-dataset.lengths, kind="stable")
        loader = self.get_test_dataloader(dataset.inputs(self.task.needs_gold).select(order))
        output = self.evaluation_loop(loader, description="scoring", prediction_loss_only=False)
        found = output.predictions
        return [_put_back(one, order) for one in (found if isinstance(found, tuple) else (found,))]

    def score(self, dataset: EncodedDataset) -> SetScores:
        """Metrics on one data set, by slice too.

        Raises:
            DynamicsError: A logit is NaN or infinite, so the model predicts nothing.
        """
        at = f"{self.place}, scored on {dataset.labelled.name}"
        return self.task.score(dataset.labelled, self.predict_all(dataset), at)

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Score every development set; the watched mean is ``eval_watched``."""
        self.meter.add_time("training")
        scores = {name: self.score(dataset).metrics for name, dataset in self.dev.items()}
        metrics = {
            f"{metric_key_prefix}_{name}_{metric}": value
            for name, values in scores.items()
            for metric, value in values.items()
            if metric != "examples"
        }
        metrics[f"{metric_key_prefix}_watched"] = float(
            np.mean([scores[name][self.metric] for name in self.watched])
        )
        self.meter.add_time("evaluation")
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Keep the later of weights that score alike: they have seen more of the examples.

        A score that is level is still no improvement, so that patience runs out as it did.
        """
        before = self.state.best_metric
        found: bool = super()._determine_best_metric(metrics, trial)
        if not found and before is not None and metrics["eval_watched"] == before:
            self.state.best_global_step = self.state.global_step
        return found

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log as the Trainer does, and stop where the loss says that there is nothing to gain."""
        super().log(logs, *args, **kwargs)
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise DynamicsError(
                f"{self.place}: the training loss is {loss} at step {self.state.global_step}. "
                f"{DIVERGED}"
            )

    def _load_callback_state(self) -> None:
        super()._load_callback_state()
        # Killed after its last checkpoint, a training has no step left to take, but the
        # Trainer forgets that and takes one.
        self._had_ended = self.control.should_training_stop

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self._had_ended:
            self.control.should_training_stop = True
        else:
            super()._run_epoch(*args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.meter.add_time("training")
        self.meter.gather()
        super()._save_checkpoint(model, trial)
        self.meter.add_time("overhead")


def _shape(inputs: Mapping[str, Any]) -> tuple[int, int]:
    """Texts in a batch, and tokens of each; an example may have several texts."""
    ids = inputs["input_ids"]
    return ids.numel() // ids.shape[-1], ids.shape[-1]


def _put_back(found: npt.NDArray[Any], order: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Undo an order; half precision is kept exactly."""
    result = np.empty_like(found, dtype=np.float32 if found.dtype.kind == "f" else None)
    result[order] = found
    return result
