"""What is known of a task before it is loaded: how its answers are scored."""

from __future__ import annotations

TASK_METRICS = {
    "classification": {"accuracy": "accuracy", "macro_f1": "macro-F1"},
    "causal-lm": {
        "exact_match": "exact match",
        "token_accuracy": "token accuracy",
        "inverse_perplexity": "inverse perplexity",
    },
    "multiple-choice": {"accuracy": "accuracy"},
}
"""Task to its metrics, each with its name for people; the first is the default."""

METRIC_NAMES = {key: name for metrics in TASK_METRICS.values() for key, name in metrics.items()}
