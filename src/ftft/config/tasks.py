"""What is known of a task before it is loaded: its name, and how its answers are scored."""

from __future__ import annotations

from typing import Literal, get_args

TaskName = Literal["classification", "causal-lm", "multiple-choice", "token-classification"]
Metric = Literal[
    "accuracy",
    "macro_f1",
    "entity_f1",
    "exact_match",
    "token_accuracy",
    "inverse_perplexity",
]

TASK_METRICS = {
    "classification": {"accuracy": "accuracy", "macro_f1": "macro-F1"},
    "causal-lm": {
        "exact_match": "exact match",
        "token_accuracy": "token accuracy",
        "inverse_perplexity": "inverse perplexity",
    },
    "multiple-choice": {"accuracy": "accuracy"},
    "token-classification": {"entity_f1": "entity F1", "token_accuracy": "token accuracy"},
}
"""Task to its metrics, each with its name for people; the first is the default."""

GROUP_TITLES = {
    "classification": "label",
    "causal-lm": "group",
    "multiple-choice": "answer",
    "token-classification": "entities",
}
"""Task to what people call the groups that its examples are counted by."""

Measure = Literal["inverse-perplexity", "mean-token-probability"]
MEASURES = get_args(Measure)
"""What may count as the probability of a right completion; the first is the default."""

METRIC_NAMES = {key: name for metrics in TASK_METRICS.values() for key, name in metrics.items()}
