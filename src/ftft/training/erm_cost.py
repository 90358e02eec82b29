"""What a training costs that is not run, such as ERM's where ERM is no baseline."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ftft.config.schema import FineTuning
from ftft.data.lengths import Measured
from ftft.evaluation.training import Amount, TrainingCost
from ftft.tasks import TASKS
from ftft.tasks.base import Task
from ftft.tasks.classification import CLASSIFICATION
from ftft.tasks.outputs import auto_model
from ftft.training.adapters import add_adapter
from ftft.training.arguments import Plan, per_device_batch, recomputes
from ftft.training.cost import planned_cost
from ftft.training.flops import FlopCounter, batch_shapes, flop_counter, planned_shapes
from ftft.training.models import load_config
from ftft.training.sparse_embedding_grad import freeze_embeddings


def planned_counter(settings: FineTuning, outputs: int, task: Task = CLASSIFICATION) -> FlopCounter:
    """Counts the operations of a model that is not trained, with a head of so many outputs."""
    config = load_config(settings)
    task.configure(config, [str(output) for output in range(outputs)])
    with torch.device("meta"):
        model = auto_model(task).from_config(config, trust_remote_code=settings.trust_remote_code)
    if settings.freeze_embeddings:
        freeze_embeddings(model)
    if settings.adapter is not None:
        model = add_adapter(model, settings.adapter, task, settings.model)
    return flop_counter(model, recomputing=recomputes(settings), as_inputs=task.as_inputs)


def plan_cost(
    settings: FineTuning,
    plan: Plan,
    train: Measured,
    dev: Iterable[Measured],
    *,
    measured: TrainingCost | None = None,
    counter: FlopCounter | None = None,
) -> TrainingCost:
    """Work out what a training would cost, without running it.

    Args:
        settings: The model's settings.
        plan: Its steps and how often development sets are scored.
        train: The full training set.
        dev: The development sets.
        measured: A training of the same model that was run, for its speed; None where only
            operations and tokens are wanted.
        counter: Counts the model's operations; made anew where None.

    Returns:
        Operations and tokens of the batches that a run would have; seconds estimated from
        ``measured``.
    """
    if counter is None:
        task = TASKS[train.labelled.task]
        counter = planned_counter(settings, len(train.labelled.model_classes), task)
    multiple = 8 if torch.cuda.is_available() else 1
    training = planned_shapes(
        train.lengths,
        batching=settings.batching,
        batch_size=settings.batch_size,
        micro_batch=per_device_batch(settings),
        steps=plan.steps,
        seed=plan.seed,
        multiple=multiple,
        widths=train.widths,
    )
    evaluation: dict[tuple[int, int], int] = {}
    scorings = -(-plan.steps // plan.evaluate_every)
    for dataset in dev:
        order = np.argsort(-dataset.lengths, kind="stable")
        shapes = batch_shapes(
            dataset.lengths, dataset.widths, order, settings.eval_batch_size, multiple
        )
        for shape, count in shapes.items():
            evaluation[shape] = evaluation.get(shape, 0) + count * scorings
    speed = measured or TrainingCost(Amount(), Amount())
    return planned_cost(counter, training, evaluation, measured=speed)
