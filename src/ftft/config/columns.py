"""Which metric and which keys of a data source go with which task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ftft.config.data import DataConfig, DataSource
from ftft.config.tasks import MEASURES, TASK_METRICS

_PROMPTS = "causal-lm"
# Columns that only one task has.
_OWN = dict.fromkeys(("prompt", "completion", "messages", "group"), _PROMPTS)
_OWN |= {"choices": "multiple-choice"}
_NEEDED = {
    "causal-lm": (
        ("prompt", "completion"),
        "a column each, or 'messages', a column of chats, in place of 'text' and 'label'",
    ),
    "multiple-choice": (("choices",), "the columns with a choice each, or the one with a list"),
}
# What only classes have.
_OF_CLASSES = ("labels", "label_separator", "merge")
# Labels say which choice is right, and may be mapped.
_MAPPED = ("multiple-choice", "labels")


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
    if not isinstance(source, dict) or {"text", "label", "messages"} & source.keys():
        return source
    return {"prompt": "prompt", "completion": "completion", **source}


def check_task(experiment: Any) -> Any:
    """Refuse an experiment whose metric, columns or heads are not those of its task.

    Raises:
        ValueError: Saying what to write.
    """
    problems = list(_problems(experiment))
    if problems:
        raise ValueError("; ".join(problems))
    return experiment


def _problems(experiment: Any) -> Iterator[str]:
    task, data = experiment.task, experiment.data
    metrics = TASK_METRICS[task]
    if experiment.metric not in metrics:
        yield f"metric is {experiment.metric}, but task {task} has {', '.join(metrics)}"
    places: dict[str, list[str]] = {}
    for place, source in _sources(data).items():
        for problem in _of_source(source, task):
            places.setdefault(problem, []).append(place)
    yield from (f"{', '.join(found)}: {problem}" for problem, found in places.items())
    if task != _PROMPTS and experiment.map.measure != MEASURES[0]:
        yield f"map.measure is for task: {_PROMPTS}, and task is {task}; leave it out"
    if task != _PROMPTS and data.without_room != "refuse":
        yield f"data.without_room is for task: {_PROMPTS}, and task is {task}; leave it out"
    if task in _NEEDED:
        if data.classes is not None:
            yield f"data.classes names classes, which task {task} does not have; leave it out"
        if "keep" in (experiment.reference.head, experiment.main.head):
            yield f"head: keep is for classes, which task {task} does not have; leave it out"


def _sources(data: DataConfig) -> Mapping[str, DataSource]:
    sources = {f"data.train[{i}]": source for i, source in enumerate(data.train)}
    for role, sets in data.evaluation_sets.items():
        sources |= {f"data.{role}.{name}": source for name, source in sets.items()}
    return sources


def _of_source(source: DataSource, task: str) -> Iterator[str]:
    needed, what = _NEEDED.get(task, ((), ""))
    if source.messages is None and any(not getattr(source, name) for name in needed):
        yield f"task {task} needs {' and '.join(map(repr, needed))}, {what}"
    for name, owner in _OWN.items():
        if owner != task and getattr(source, name):
            yield f"{name!r} is for task: {owner}, and task is {task}"
    for name in _OF_CLASSES if task in _NEEDED else ():
        if (task, name) != _MAPPED and getattr(source, name, None):
            yield f"{name!r} is for classes, which task {task} does not have; leave it out"
