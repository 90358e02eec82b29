"""The commented experiment file that ``ftft init`` writes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftft.config.data import DataSource
from ftft.config.schema import NAME_PATTERN
from ftft.config.tasks import TASK_METRICS
from ftft.config.yaml_core import flow
from ftft.errors import ConfigError

_MOST_LABELS = 10
_MOST_TEXTS = 3
_LONGEST_LABEL = 30

_OF_LABELS = """\
  # A third of each label. false: of all together, as in the paper, which can all but leave one out.
  keep_label_proportions: true
"""

_TEMPLATE = (
    """\
# An experiment for ftft. Run it with: ftft run THIS_FILE
# Check it first, without training: ftft validate THIS_FILE
# Paths are relative to this file; ~ and ${{VARIABLES}} are expanded.
{remark}name: {name}
{task}
data:
  train:
{train}
    # limit: 2000           # this many rows only, for a first try
  # Found in the file: {labels}
{sets}

{metric}

# The small model, trained on everything; its training dynamics select the examples.
reference:
  model: {reference}
  learning_rate: 2.0e-5
  epochs: 5                 # its own length: the map leaves out the epochs in which everything is
                            # still being learnt, and needs at least two, better three, after them
  max_length: 128           # tokens; the paper takes 300
  batch_size: 32            # examples in a step, over all GPUs
{layers}

# The large model, trained on the selection only.
main:
  model: {main}
  learning_rate: 1.0e-5
  epochs: 3                 # ERM's full length, in epochs over all the data
  max_length: 128
  batch_size: 32
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
"""
    + _OF_LABELS
    + """\

# Run beside FTFT for comparison; each costs its own training of the main model.
# Of erm, erm_es (stops early), erm_budget (ERM for what FTFT cost with its reference), random,
# random_budget (likewise), random_lengths (as long as FTFT's), dm (the main model as reference).
baselines: [erm, erm_budget]
seeds: [0]
"""
)

_OF_COMPLETIONS = {
    "  # Found in the file: {labels}\n": "",
    "max_length: 128           # tokens; the paper takes 300": (
        "max_length: 512           # tokens of prompt and completion together"
    ),
    "  max_length: 128\n": "  max_length: 512\n",
    _OF_LABELS: "",
}
"""What a starting file says otherwise where there are prompts and completions."""

Sets = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Role (``dev``, ``test``, ``test_ood``) to name to keys of the development and test sets."""


def starter_file(
    source: DataSource,
    label_values: Mapping[str, int],
    reference: str,
    main: str,
    name: str | None = None,
    task: str = "classification",
    sets: Sets | None = None,
    *,
    layers: int | None = None,
    remark: str = "",
) -> str:
    """Write a commented experiment file for a training file.

    Args:
        source: The training data as detected.
        label_values: Label value to its number of rows.
        reference: The reference model.
        main: The main model.
        name: The experiment's name; from the file where None.
        task: What an example's answer is.
        sets: Development and test sets.
        layers: What the reference is cut to; None leaves it whole.
        remark: A sentence or more that the file begins with, as a comment.

    Returns:
        YAML, valid as it stands.

    Raises:
        ConfigError: The name is not one for an experiment.
    """
    name = name or experiment_name(source.place)
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigError(
            f"{name!r} cannot name an experiment: use at most 100 letters, digits, '_', '-' and "
            "'.', the first a letter or digit."
        )
    template = _TEMPLATE
    written = source.model_dump(exclude_defaults=True)
    if source.completion or source.messages:
        task = "causal-lm"
        written = {name: written[name] for name in written if name not in ("text", "label")}
        for old, new in _OF_COMPLETIONS.items():
            assert old in template, old
            template = template.replace(old, new)
    elif source.choices:
        task = "multiple-choice"
        template = template.replace(_OF_LABELS, "")
    return template.format(
        name=flow(name),
        task="" if task == next(iter(TASK_METRICS)) else f"task: {task}\n",
        metric=_metric_line(task),
        train=_indented(written),
        labels=_labels(label_values),
        sets="\n".join(_set_lines(source, task, sets or {})),
        reference=flow(reference),
        main=flow(main),
        layers=_layers_line(layers),
        remark="".join(f"# {line}\n" for line in textwrap.wrap(remark, 98)),
    )


def _layers_line(layers: int | None) -> str:
    given = "  # layers: 6" if layers is None else f"  layers: {layers}"
    return f"{given.ljust(28)}# keep only the first layers of the network: a smaller reference"


def _set_lines(source: DataSource, task: str, sets: Sets) -> Iterator[str]:
    """Development and test sets: those that are given, and how to add others."""
    suffix = "".join(Path(source.place).suffixes[-2:]) or ".csv"
    suffix = suffix if re.fullmatch(r"[.\w]{1,20}", suffix) else ".csv"
    if "dev" in sets:
        yield "  # Development sets: stopping and the choice of weights look at these."
        yield from _role("dev", sets["dev"])
    else:
        yield "  # Without a development set, this share of the training rows becomes one."
        yield "  holdout: 0.1"
        yield from ("  # dev:", f"  #   dev: {{path: dev{suffix}}}")
    yield "  # In-distribution test sets, scored once, at the end:"
    if "test" in sets:
        yield from _role("test", sets["test"])
    else:
        yield from ("  # test:", f"  #   test: {{path: test{suffix}}}")
    yield "  # Out-of-distribution test sets: what robustness is measured on. Columns may differ."
    if "test_ood" in sets:
        yield from _role("test_ood", sets["test_ood"])
    else:
        yield from ("  # test_ood:", "  #   other:", f"  #     path: other{suffix}")
        yield from (f"  #     {line}" for line in _columns(source, task))
    yield "  # Out-of-distribution development sets; the paper stops on these (main.watch: ood)."
    yield "  # dev_ood: {}"


def _role(role: str, sets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f"  {role}:"
    for name, keys in sets.items():
        yield f"    {flow(name)}: {flow(dict(keys))}"


def _columns(source: DataSource, task: str) -> Iterator[str]:
    """The keys that say which columns of a set hold what, as examples."""
    if source.messages:
        yield f"messages: {flow(source.messages)}"
        return
    names = ("text", "label") if source.prompt is None else ("prompt", "completion")
    texts: Any = source.prompt or list(source.text)
    yield f"{names[0]}: {flow(texts)}"
    if source.choices:
        yield f"choices: {flow(list(source.choices))}"
    yield f"{names[1]}: {flow(source.label)}"
    if task == "classification":
        yield 'labels: {"their name": "our name"}'
    if task != "token-classification" or not source.label.lstrip("-").isdecimal():
        yield "slices: [column]          # scores by the values of a column, too"


def _metric_line(task: str) -> str:
    first, *others = TASK_METRICS[task]
    line = f"metric: {first}"
    return f"{line.ljust(28)}# or {', '.join(others)}" if others else line


def experiment_name(place: str) -> str:
    """A name for an experiment: its training file's, after that of the folder it is in."""
    path = Path(place)
    stem = _clean(path.name.split(".")[0])[:100]
    folder = _clean(path.parent.name)[: max(0, 99 - len(stem))].strip("-._")
    return "-".join(dict.fromkeys(part for part in (folder, stem) if part)) or "experiment"


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._")


def _indented(values: dict[str, Any]) -> str:
    return "\n".join(f"    {key}: {flow(value)}" for key, value in values.items())


def _labels(counts: Mapping[str, int]) -> str:
    """The first label values and how often each is there; a column of texts is cut short."""
    found = [f"{_short(value) or repr(value)} ({count:,})" for value, count in counts.items()]
    most = _MOST_TEXTS if any(len(value) > _LONGEST_LABEL for value in counts) else _MOST_LABELS
    more = len(found) - most
    return _one_line(", ".join(found[:most]) + (f" and {more:,} more" if more > 0 else ""))


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_LABEL else value[:_LONGEST_LABEL] + "…"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
