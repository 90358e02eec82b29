"""Keys that an experiment gives a value and that nothing reads, or that hardly fit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ftft.config.schema import Experiment, FineTuning
from ftft.utils.packages import PACKAGE_PREFIX

# Of the section of a model: what scoring a finished model reads.
_SCORING = ("max_length", "eval_batch_size", "precision", "trust_remote_code", "training_arguments")

# Keys of a selection, each with the one strategy that reads it.
_READ = (("easy_share", "ambiguous+easy"), ("num_clusters", "loss-clusters"))

_LOW_FOR_AN_ADAPTER = 5e-5
_FROZEN = "the adapter leaves the network frozen"
_OWN_HEAD = "a causal-lm keeps the vocabulary that it comes with"


def idle_notes(experiments: Iterable[Experiment]) -> list[str]:
    """A note for each key whose value differs from the default and changes nothing.

    And one for a learning rate that is low for an adapter.

    Args:
        experiments: At least one; of several, a key is idle that is idle in all of them.
    """
    given = list(experiments)
    first, *others = [dict(_idle(one)) for one in given]
    noted = [
        f"note: {key} has no effect: {why}"
        for key, why in first.items()
        if all(key in other for other in others)
    ]
    return [*noted, *dict.fromkeys(note for one in given for note in _low_rates(one))]


def _low_rates(experiment: Experiment) -> Iterator[str]:
    for section in ("reference", "main"):
        settings: FineTuning = getattr(experiment, section)
        if settings.adapter is not None and settings.learning_rate < _LOW_FOR_AN_ADAPTER:
            yield (
                f"note: {section}.learning_rate is {settings.learning_rate:g}; adapters need a "
                "higher one than whole models, about ten times (Hu et al. 2021 take 2e-4 to 5e-4 "
                "for RoBERTa)"
            )


def all_but_scoring(section: str, settings: FineTuning) -> list[str]:
    """The keys of a model's section that scoring a finished model does not read."""
    return [f"{section}.{name}" for name in type(settings).model_fields if name not in _SCORING]


def idle_in_selection(strategy: str) -> list[str]:
    """The keys of the selection that a strategy does not read."""
    idle = [name for name, reader in _READ if reader != strategy]
    return [f"selection.{name}" for name in [*idle, *["random_share"] * (strategy == "random")]]


def idle_in_training(settings: FineTuning, task: str) -> list[str]:
    """The keys of a model's section that change nothing, as ``settings.KEY``."""
    unread = {"revision": _is_folder(settings), "head": task == "causal-lm"}
    return [f"settings.{name}" for name, is_idle in unread.items() if is_idle]


def _idle(experiment: Experiment) -> Iterator[tuple[str, str]]:
    selection, reference, main = experiment.selection, experiment.reference, experiment.main
    strategy = f"selection.strategy is {selection.strategy}"
    unread = {
        **{("selection", key): reader != selection.strategy and strategy for key, reader in _READ},
        ("selection", "random_share"): selection.strategy == "random" and strategy,
        ("reference", "stable_share"): reference.stop != "stable" and "reference.stop is full",
        ("reference", "revision"): _is_folder(reference) and "reference.model is a folder",
        ("main", "revision"): _is_folder(main) and "main.model is a folder",
        ("main", "evaluations"): main.evaluate_every and "main.evaluate_every says how often",
        ("reference", "freeze_embeddings"): reference.adapter and _FROZEN,
        ("main", "freeze_embeddings"): main.adapter and _FROZEN,
        ("data", "holdout"): experiment.data.dev and "data.dev names a development set",
        ("reference", "head"): experiment.task == "causal-lm" and _OWN_HEAD,
        ("main", "head"): experiment.task == "causal-lm" and _OWN_HEAD,
        ("dm", "budget"): "dm" not in experiment.baselines and "dm is not one of the baselines",
        ("dm", "patience"): "dm" not in experiment.baselines and "dm is not one of the baselines",
    }
    for (section, name), why in unread.items():
        given = getattr(experiment, section)
        if why and getattr(given, name) != type(given).model_fields[name].default:
            yield f"{section}.{name}", str(why)


def _is_folder(settings: FineTuning) -> bool:
    # The other kind of name, package:NAME/PATH, is a folder, too.
    return settings.model.startswith(PACKAGE_PREFIX) or os.path.isdir(settings.model)
