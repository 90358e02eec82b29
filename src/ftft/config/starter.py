"""The commented experiment file that ``ftft init`` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftft.config.data import DataSource
from ftft.config.schema import NAME_PATTERN
from ftft.config.tasks import TASK_METRICS
from ftft.config.yaml_core import flow
from ftft.errors import ConfigError

MAX_LABELS = 20

_TEMPLATE = """\
# An experiment for ftft. Run it with: ftft run THIS_FILE
# Check it first, without training: ftft validate THIS_FILE
# Paths are relative to this file; ~ and ${{VARIABLES}} are expanded.
name: {name}
{task}
data:
  train:
{train}
  # Found in the file: {labels}
  # Without a development set of your own, this share of the training rows becomes one.
  holdout: 0.1
  # dev:
  #   dev: {{path: dev.csv}}
  # In-distribution test set, scored once, at the end:
  # test:
  #   test: {{path: test.csv}}
  # Out-of-distribution test sets: what robustness is measured on. Columns and labels may differ.
  # test_ood:
  #   other:
  #     path: other.csv
  #     text: {text}
  #     label: {label}
  #     labels: {{"their name": "our name"}}
  # Out-of-distribution development sets; the paper stops on these (main.watch: ood).
  # dev_ood: {{}}

{metric}

# The small model, trained on everything; its training dynamics select the examples.
reference:
  model: {reference}
  learning_rate: 2.0e-5
  epochs: 5                 # its own length: the map leaves out the epochs in which everything is
                            # still being learnt, and needs at least two, better three, after them
  max_length: 128           # tokens; the paper takes 300

# The large model, trained on the selection only.
main:
  model: {main}
  learning_rate: 1.0e-5
  epochs: 3                 # ERM's full length, in epochs over all the data
  max_length: 128
  budget: 0.333             # steps FTFT takes at most, as a share of ERM's
  horizon: erm              # the learning rate falls to zero at ERM's full length, as in the paper
  patience: 2               # scorings without improvement before it stops; null: never
  evaluations: 12           # development scorings over ERM's full length
  # Train an adapter (LoRA) and the head only, at about ten times the learning rate:
  # adapter: {{r: 16, lora_alpha: 32, target_modules: all-linear, lora_dropout: 0.05}}
  # Any transformers.TrainingArguments field:
  # training_arguments: {{gradient_accumulation_steps: 1, report_to: none}}

map:
  burn_in: auto             # first epochs left out, in which everything was still being learnt

selection:
  strategy: ambiguous       # or hard-to-learn, easy-to-learn, random
  fraction: 0.33

# Run beside FTFT for comparison; each costs its own training of the main model.
# Of erm, erm_es (stops early), erm_budget (ERM for what FTFT cost with its reference), random,
# random_budget (likewise), random_lengths (as long as FTFT's), dm (the main model as reference).
baselines: [erm, erm_budget]
seeds: [0]
"""

_OF_COMPLETIONS = {
    "  # Found in the file: {labels}\n": "",
    "Columns and labels may differ": "Columns may differ",
    "  #     text: {text}\n": "  #     prompt: {text}\n",
    "  #     label: {label}\n": "  #     completion: {label}\n",
    '  #     labels: {{"their name": "our name"}}\n': "",
    "max_length: 128           # tokens; the paper takes 300": (
        "max_length: 512           # tokens of prompt and completion together"
    ),
    "  max_length: 128\n": "  max_length: 512\n",
}
_OF_CHATS = ("prompt: {text}\n  #     completion: {label}\n", "messages: {label}\n")
"""What a starting file says otherwise where there are prompts and completions."""


def starter_file(
    source: DataSource,
    label_values: Mapping[str, int],
    reference: str,
    main: str,
    name: str | None = None,
    task: str = "classification",
) -> str:
    """Write a commented experiment file for a training file.

    Args:
        source: The training data as detected.
        label_values: Label value to its number of rows.
        reference: The reference model.
        main: The main model.
        name: The experiment's name; from the file where None.
        task: What an example's answer is.

    Returns:
        YAML, valid as it stands.

    Raises:
        ConfigError: The name is not one for an experiment.
    """
    name = name or _name_from(source.place)
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigError(
            f"{name!r} cannot name an experiment: use at most 100 letters, digits, '_', '-' and "
            "'.', the first a letter or digit."
        )
    found = [f"{value or repr(value)} ({count:,})" for value, count in label_values.items()]
    more = len(found) - MAX_LABELS
    values = ", ".join(found[:MAX_LABELS]) + (f" and {more:,} more" if more > 0 else "")
    template = _TEMPLATE
    written = source.model_dump(exclude_defaults=True)
    if source.completion or source.messages:
        task = "causal-lm"
        written = {name: written[name] for name in written if name not in ("text", "label")}
        for old, new in _OF_COMPLETIONS.items():
            assert old in template, old
            template = template.replace(old, new)
        if source.messages:
            template = template.replace(*_OF_CHATS)
    elif source.choices:
        task = "multiple-choice"
    return template.format(
        name=flow(name),
        task="" if task == next(iter(TASK_METRICS)) else f"task: {task}\n",
        metric=_metric_line(task),
        train=_indented(written),
        labels=_one_line(values),
        text=flow(source.prompt or list(source.text)),
        label=flow(source.label),
        reference=flow(reference),
        main=flow(main),
    )


def _metric_line(task: str) -> str:
    first, *others = TASK_METRICS[task]
    line = f"metric: {first}"
    return f"{line.ljust(28)}# or {', '.join(others)}" if others else line


def _name_from(place: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(place).name.split(".")[0]).strip("-._")
    return stem[:100] or "experiment"


def _indented(values: dict[str, Any]) -> str:
    return "\n".join(f"    {key}: {flow(value)}" for key, value in values.items())


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
