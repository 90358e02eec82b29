"""What is known of a task before it is loaded: how its answers are scored, and its keys."""

from __future__ import annotations

from collections.abc import Collection

from ftft.config.data import DataConfig

TASK_METRICS = {
    "classification": {"accuracy": "accuracy", "macro_f1": "macro-F1"},
    "multiple-choice": {"accuracy": "accuracy"},
}
"""Task to its metrics, each with its name for people; the first is the default."""

METRIC_NAMES = {key: name for metrics in TASK_METRICS.values() for key, name in metrics.items()}


def task_problems(task: str, metric: str, data: DataConfig, heads: Collection[str]) -> list[str]:
    """What an experiment asks for that its task does not have, a sentence each.

    Args:
        task: The experiment's task.
        metric: Its metric.
        data: Its data.
        heads: ``head`` of its models.
    """
    problems = []
    metrics = TASK_METRICS[task]
    if metric not in metrics:
        problems.append(f"metric is {metric}, but task {task} has {', '.join(metrics)}")
    sources = {f"data.train[{i}]": source for i, source in enumerate(data.train)}
    for role, sets in data.evaluation_sets.items():
        sources |= {f"data.{role}.{name}": source for name, source in sets.items()}
    chosen = [place for place, source in sources.items() if source.choices]
    if task == "multiple-choice":
        lost = [place for place in sources if place not in chosen]
        if lost:
            problems.append(
                f"{', '.join(lost)}: task multiple-choice needs 'choices', the columns that hold "
                "the choices or the one with a list of them"
            )
        problems += _without_classes(data, heads)
    elif chosen:
        problems.append(
            f"{', '.join(chosen)}: 'choices' are for task: multiple-choice, and task is {task}"
        )
    return problems


def _without_classes(data: DataConfig, heads: Collection[str]) -> list[str]:
    """What is asked for that needs classes, which choices are not."""
    problems = []
    if data.classes is not None:
        problems.append("data.classes: choices are no classes; leave it out")
    sources = [*data.train, *(s for sets in data.evaluation_sets.values() for s in sets.values())]
    if any(source.label_separator is not None for source in sources):
        problems.append("label_separator: an example has one right choice; leave it out")
    if any(sets.merge for group in data.evaluation_sets.values() for sets in group.values()):
        problems.append("merge: choices are no classes that could be merged; leave it out")
    if "keep" in heads:
        problems.append("head: keep is for classes; the scorer of choices is always a new one")
    return problems
