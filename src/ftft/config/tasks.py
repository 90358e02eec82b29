"""What is known of a task before it is loaded: its name, and how its answers are scored."""

from __future__ import annotations

from typing import Literal

TaskName = Literal["classification", "token-classification"]
Metric = Literal["accuracy", "macro_f1", "entity_f1", "token_accuracy"]

TASK_METRICS = {
    "classification": {"accuracy": "accuracy", "macro_f1": "macro-F1"},
    "token-classification": {"entity_f1": "entity F1", "token_accuracy": "accuracy of words"},
}
"""Task to its metrics, each with its name for people; the first is the default."""

METRIC_NAMES = {key: name for metrics in TASK_METRICS.values() for key, name in metrics.items()}


def with_metric(values: object) -> object:
    """The raw keys of an experiment with its task's first metric, where they name none.

    Raises:
        ValueError: The metric is another task's.
    """
    if not isinstance(values, dict):
        return values
    task = values.get("task", "classification")
    known = TASK_METRICS.get(task) if isinstance(task, str) else None
    if known is None:
        return values  # refused with the tasks that there are
    metric = values.get("metric", next(iter(known)))
    if metric in METRIC_NAMES and metric not in known:
        raise ValueError(f"metric: {metric} is not one of {task}, which has {', '.join(known)}")
    return {**values, "metric": metric}
