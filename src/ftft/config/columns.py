"""Which metric and which keys of a data source go with which task."""

from __future__ import annotations

from typing import Any

from ftft.config.data import DataConfig, DataSource
from ftft.config.tasks import TASK_METRICS

_PROMPTS = "causal-lm"
# What only classes have.
_OF_CLASSES = ("labels", "label_separator", "merge")


def with_defaults(values: Any) -> Any:
    """An experiment as it was written, with the metric and the columns that its task has anyway."""
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(task, str) or task not in TASK_METRICS:
        return values
    filled = {"metric": next(iter(TASK_METRICS[task])), **values}
    data = values.get("data")
    if task == _PROMPTS and isinstance(data, dict) and "train" in data:
        train = data["train"]
        sources = [_with_columns(one) for one in (train if isinstance(train, list) else [train])]
        filled["data"] = {**data, "train": sources if isinstance(train, list) else sources[0]}
    return filled


def _with_columns(source: Any) -> Any:
    """TRL's names of the columns, where none are given."""
    if not isinstance(source, dict) or {"text", "label"} & source.keys():
        return source
    return {"prompt": "prompt", "completion": "completion", **source}


def check_task(experiment: Any) -> Any:
    """Refuse an experiment whose metric or columns are not those of its task.

    Raises:
        ValueError: Saying what to write.
    """
    metrics = TASK_METRICS[experiment.task]
    if experiment.metric not in metrics:
        raise ValueError(
            f"metric is {experiment.metric}, which task {experiment.task} does not have; give "
            f"{' or '.join(metrics)}"
        )
    problem = _column_problem(experiment.data, experiment.task)
    if problem:
        raise ValueError(problem)
    return experiment


def _column_problem(data: DataConfig, task: str) -> str | None:
    """What is wrong with the columns that an experiment's sources name; None where nothing is."""
    sources = {f"data.train[{i}]": one for i, one in enumerate(data.train)}
    for role, sets in data.evaluation_sets.items():
        sources |= {f"data.{role}.{name}": one for name, one in sets.items()}
    problems = {place: _problem(source, task) for place, source in sources.items()}
    if task == _PROMPTS and data.classes is not None:
        return "data.classes names classes, which task causal-lm does not have; leave it out"
    return next((f"{place}: {found}" for place, found in problems.items() if found), None)


def _problem(source: DataSource, task: str) -> str | None:
    given = [name for name in ("prompt", "completion", "group") if getattr(source, name)]
    if task != _PROMPTS:
        if given:
            return f"{' and '.join(given)} goes with task: causal-lm; the task is {task}"
        return None
    if "prompt" not in given or "completion" not in given:
        return (
            "task causal-lm reads 'prompt' and 'completion', a column each; name them in place of "
            "'text' and 'label'"
        )
    needless = [name for name in _OF_CLASSES if getattr(source, name, None)]
    return f"{needless[0]} is for classes, which task causal-lm does not have" if needless else None
