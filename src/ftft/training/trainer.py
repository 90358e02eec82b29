"""The Trainer that fine-tunes reference, main model and baselines alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import SequentialSampler
from transformers import DataCollatorWithPadding, Trainer

from ftft.config.schema import Batching
from ftft.data.encode import EncodedDataset
from ftft.dynamics.container import DIVERGED, check_finite
from ftft.dynamics.recorder import DynamicsRecorder
from ftft.errors import DynamicsError
from ftft.evaluation.metrics import SetScores, predict_classes, score
from ftft.training.batching import EpochSampler, epoch_order
from ftft.training.checkpoints import SealedCheckpoints
from ftft.training.cost import CostMeter
from ftft.training.recording import RecordDynamics, logits_of


class FineTuner(SealedCheckpoints, RecordDynamics, Trainer):
    """A Trainer with a learning-rate horizon, named development sets and a cost meter.

    Args:
        place: The folder of the training or the model, for messages.
        horizon: Step at which the learning rate reaches zero, whatever ``max_steps`` is.
        batching: ``like-length`` or ``shuffled``.
        dev: Development sets by name; all are scored at every evaluation.
        watched: Names of the sets whose mean score stopping looks at.
        metric: ``accuracy`` or ``macro_f1``.
        meter: Counts what the training costs.
        **kwargs: As for ``transformers.Trainer``.
    """

    control: Any

    def __init__(
        self,
        *,
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
            eval_dataset={name: dataset.inputs() for name, dataset in dev.items()},
            processing_class=tokenizer,
            data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=multiple),
            compute_loss_func=self._summed_loss,
            **kwargs,
        )
        self.place = place
        self.horizon = horizon
        self.train_lengths = None if train is None else train.lengths
        self.batching: Batching = batching
        self.dev = dict(dev)
        self.watched = watched
        self.metric = metric
        self._had_ended = False
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
        logits = logits_of(outputs).float()
        total = torch.nn.functional.cross_entropy(
            logits, labels, reduction="sum", label_smoothing=self.args.label_smoothing_factor
        )
        return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Schedule the learning rate over the horizon, not over the steps to be taken."""
        return super().create_scheduler(self.horizon, optimizer)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Train on one batch, its shape counted."""
        self.meter.count_training(tuple(inputs["input_ids"].shape))
        return super().training_step(model, inputs, num_items_in_batch)

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Score one batch, its shape counted; of all outputs the logits only."""
        self.meter.count_evaluation(tuple(inputs["input_ids"].shape))
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = model(**self._prepare_inputs(inputs))
        return None, logits_of(outputs), None

    def _record(self, recorder: DynamicsRecorder, indices: Any, logits: torch.Tensor) -> None:
        # Rows that only fill up a batch, so that every process has one, are no examples.
        real = indices >= 0 if self.args.world_size > 1 else slice(None)
        super()._record(recorder, indices[real], logits[real])

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        lengths = self.train_lengths
        assert lengths is not None, "a trainer that only scores has no order of training"
        arguments = self.args
        at_once = arguments.train_batch_size * arguments.world_size
        batch_size = at_once * arguments.gradient_accumulation_steps

        def order(epoch: int) -> npt.NDArray[np.int64]:
            return epoch_order(self.batching, lengths, batch_size, seed=arguments.seed, epoch=epoch)

        # Every process needs a batch at a time, or it would wait for ever, or be given examples
        # of the epoch's first batch again.
        fillers = -len(lengths) % at_once if arguments.world_size > 1 else 0
        return EpochSampler(order, len(lengths), self._epoch, fillers=fillers)

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        # The order is ours (by length) and is undone by position, so no sampler may change it.
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None

    def logits(self, dataset: EncodedDataset) -> npt.NDArray[np.float32]:
        """Score a data set in evaluation mode, in batches of like length.

        Args:
            dataset: N examples.

        Returns:
            Logits, float32 of shape (N, C), in the order of the data set, all finite.

        Raises:
            DynamicsError: A logit is NaN or infinite.
        """
        order = np.argsort(-dataset.lengths, kind="stable")
        loader = self.get_test_dataloader(dataset.inputs().select(order))
        output = self.evaluation_loop(loader, description="scoring", prediction_loss_only=False)
        logits = np.empty(output.predictions.shape, dtype=np.float32)
        logits[order] = output.predictions
        return logits

    def score(self, dataset: EncodedDataset) -> SetScores:
        """Metrics on one data set, by slice too.

        Raises:
            DynamicsError: A logit is NaN or infinite, so the model predicts nothing.
        """
        labelled, logits = dataset.labelled, self.logits(dataset)
        check_finite(logits, labelled.example_ids, f"{self.place}, scored on {labelled.name}")
        predicted = predict_classes(logits, labelled.class_of_model_class)
        slices = {
            name: np.asarray(labelled.rows.with_format("numpy")[f"slice:{name}"][:])
            for name in labelled.slices
        }
        return score(predicted, labelled.labels, slices)

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

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log as the Trainer does, and stop where the loss says that there is nothing to gain."""
        super().log(logs, *args, **kwargs)
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise DynamicsError(
                f"{self.place}: the training loss is {loss} at step {self.state.global_step}. "
                f"{DIVERGED}"
            )

    def check_weights(self) -> None:
        """Raise a ``DynamicsError`` where a weight of the model is NaN or infinite."""
        for name, weight in self.model.named_parameters():
            if not torch.isfinite(weight).all():
                raise DynamicsError(
                    f"{self.place}: the trained weights {name} hold NaN or infinite values. "
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
