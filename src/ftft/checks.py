"""What can be checked before anything is trained or written."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from ftft.config.schema import Experiment, FineTuning
from ftft.data.load import load_data
from ftft.data.remarks import named
from ftft.data.task import TaskData
from ftft.errors import ConfigError, FtftError, ModelError
from ftft.folders import check_foreign, check_writable
from ftft.training.arguments import (
    Plan,
    check_training_arguments,
    full_steps,
    training_arguments,
)
from ftft.training.models import load_config, load_tokenizer, model_fingerprint

T = TypeVar("T")

# A class with fewer examples than both is worth a word.
_FEW, _FEW_SHARE = 10, 0.02

# Tokenizers without a stated limit give a number like 1e30.
_NO_LIMIT = 10**6


def check(experiment: Experiment, folder: str) -> TaskData:
    """Check everything that can be checked without training, and write nothing.

    Args:
        experiment: What to do.
        folder: The run folder.

    Returns:
        The labelled data.

    Raises:
        FtftError: The folder cannot be written, or a model, a setting or the data are not as
            they should be; all problems together.
    """
    attempt = Attempts()
    attempt(partial(check_writable, folder))
    attempt(partial(check_foreign, folder))
    attempt(partial(check_arguments, experiment))
    for settings in (experiment.reference, experiment.main):
        try_model(attempt, settings, folder)
    data = attempt(partial(load_data, experiment.data))
    if data is not None:
        attempt(partial(check_selection, experiment, len(data.train)))
    attempt.raise_problems(f"experiment {experiment.name}")
    assert data is not None
    return data


class Attempts:
    """Calls that may each find a problem, so that all problems can be told together."""

    def __init__(self) -> None:
        self.problems: list[FtftError] = []

    def __call__(self, step: Callable[[], T]) -> T | None:
        """What ``step`` returns; None where it raises, which is noted."""
        try:
            return step()
        except FtftError as error:
            # Reference and main may name the same missing model; once is enough.
            if str(error) not in map(str, self.problems):
                self.problems.append(error)
            return None

    def raise_problems(self, what: str) -> None:
        """Raise what was noted, if anything.

        Raises:
            FtftError: The one problem, or a :class:`ConfigError` that lists them.
        """
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ConfigError(f"{what}: {len(self.problems)} problems:\n{listed}")


def try_model(attempt: Attempts, settings: FineTuning, folder: str) -> None:
    """Check a model and the Trainer's arguments for it."""
    trial = Plan(steps=1, horizon=1, evaluate_every=1, patience=None, keep="last", seed=0)
    attempt(partial(model_fingerprint, settings))
    attempt(partial(check_model, settings))
    attempt(partial(training_arguments, settings, trial, Path(folder)))


def notes(data: TaskData) -> list[str]:
    """What is not wrong with the data but should be known, a line each."""
    lines = [
        f"note: {count:,} texts of the set {name} are also in the training data"
        for name, count in data.overlaps.items()
        if count
    ]
    lines += [f"note: {remark}" for remark in data.remarks]
    counts = np.bincount(data.train.labels, minlength=len(data.class_names))
    rare = [
        f"{name} ({count})"
        for name, count in zip(data.class_names, counts, strict=True)
        # A single example is told of in the smallest data, too.
        if count < max(2, min(_FEW, _FEW_SHARE * len(data.train)))
    ]
    if rare:
        lines.append(
            f"note: of some classes there are few training examples: {named(rare)}; if these "
            "are slips of the pen, give data.classes or a labels mapping"
        )
    return lines


def check_arguments(experiment: Experiment) -> None:
    """Refuse Trainer arguments that ftft governs, also where no file was read."""
    problems = check_training_arguments(experiment.model_dump(include={"reference", "main"}))
    if problems:
        raise ConfigError("; ".join(problems))


def check_model(settings: FineTuning) -> None:
    """Check that a model can be fed with batches of as many tokens as it may be given.

    Raises:
        ModelError: It cannot, or cannot be loaded.
    """
    config, tokenizer = load_config(settings), load_tokenizer(settings)
    if tokenizer.pad_token is None:
        raise ModelError(
            f"model {settings.model}: its tokenizer has no padding token, so texts cannot be put "
            "into batches; save the tokenizer with one, or name another model."
        )
    limit = _longest(config, tokenizer)
    if settings.max_length > limit:
        raise ModelError(
            f"model {settings.model}: max_length is {settings.max_length}, but the model takes "
            f"{limit} tokens at most; lower max_length, or name another model."
        )


def _longest(config: object, tokenizer: object) -> float:
    positions = getattr(config, "max_position_embeddings", None) or math.inf
    relative = getattr(config, "relative_attention", False)
    if relative and not getattr(config, "position_biased_input", True):
        # DeBERTa-v3: no absolute positions, hence no limit.
        positions = math.inf
    stated = getattr(tokenizer, "model_max_length", math.inf)
    # RoBERTa's table of positions has two rows more than texts may have tokens.
    return float(positions) if stated > _NO_LIMIT else max(min(positions, stated), 1)


def check_selection(experiment: Experiment, examples: int) -> None:
    """Check that the map gets enough recording points, and the selection enough examples."""
    reference = experiment.reference
    per_epoch = -(-examples // reference.batch_size)
    epochs = full_steps(reference, examples) // per_epoch
    points = epochs * reference.recording.points_per_epoch - experiment.map.burn_in
    if points < 2:
        raise ConfigError(
            f"map.burn_in is {experiment.map.burn_in} and reference.epochs is {reference.epochs}: "
            f"that leaves {max(points, 0)} complete recording points, and variability needs at "
            "least 2; raise reference.epochs or lower map.burn_in."
        )
    if round(experiment.selection.fraction * examples) < 1:
        raise ConfigError(
            f"selection.fraction {experiment.selection.fraction} of {examples:,} training examples "
            "selects none; raise it."
        )
