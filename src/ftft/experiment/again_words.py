"""Why a stage is run again, in the words of the experiment file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ftft.config.methods import COST, DM_BUDGET, TRAINED_BY
from ftft.config.schema import Experiment
from ftft.workspace.changes import Again

AGAIN = ": again: "
"""Stands in a line between the name of a stage that is run again and the reason."""

_FINGERPRINT = re.compile(r"[0-9a-f]{32,}")

# A plan's steps follow from these, and the rest of it may follow from its steps.
_LENGTH = {"settings.epochs", "settings.batch_size", "train"}
_PLANNED = ("plan.steps", "plan.horizon", "plan.evaluate_every")


def again_in_words(why: Again, experiment: Experiment, kind: str, selection: str = "") -> str:
    """The settings, data and stages that are no longer the same.

    Args:
        why: What is not the same.
        experiment: With the names of the data.
        kind: The kind of stage, such as ``main``.
        selection: Name of the selection that it trains on, if it does.
    """
    if why.forced:
        return "forced"
    names = {**_names(experiment, kind), "selection": selection}
    changes = dict(why.changes)
    # What is said of the first of these says enough.
    planned = [key for key in _PLANNED if key in changes]
    for key in planned[0 if _LENGTH & changes.keys() else 1 :]:
        del changes[key]
    said = [f"{name} changed" for name in why.upstream]
    return "; ".join(said + [_in_words(key, pair, names) for key, pair in changes.items()])


def _in_words(key: str, pair: tuple[Any, Any], names: Mapping[str, str]) -> str:
    parts = [one for one in names if key == one or (one[-1] == "." and key.startswith(one))]
    part = max(parts, key=len, default="")
    name = names.get(part, "") + key.removeprefix(part)
    if any(isinstance(one, dict | list) or _FINGERPRINT.fullmatch(str(one)) for one in pair):
        return f"{name} changed"
    return was_and_is(name, pair)


def was_and_is(key: str, pair: tuple[Any, Any]) -> str:
    """What a setting was before and what it is now."""
    before, now = map(_value, pair)
    return f"{key} was {before}, is {now}"


def _value(value: object) -> object:
    """A setting as people write it: 3 epochs, not 3.0."""
    if value is None:
        return "not set"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "not set"
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _names(experiment: Experiment, kind: str) -> dict[str, str]:
    """What a key of a stage's inputs is called, or the part of a key that ends with a dot."""
    data = experiment.data
    sets = {**data.dev, **data.dev_ood, **data.test, **data.test_ood}.items()
    train = f"the training data ({', '.join(source.place for source in data.train)})"
    section = "reference" if kind == "reference" else "main"
    length = TRAINED_BY[kind].trained_for if kind in TRAINED_BY else None
    second = "dm" if length == DM_BUDGET else section
    budget = "the cost of FTFT" if length == COST else f"{second}.budget"
    return {
        **{f"dev.{name}": f"the data set {name} ({one.place})" for name, one in sets},
        **{f"sets.{name}": f"the data set {name} ({one.place})" for name, one in sets},
        "dev.": "the data set ",
        "train": train,
        "data": train,
        "settings.": f"{section}.",
        "model.": f"{section}.model: ",
        "plan.": f"{section}.",
        "plan.steps": f"{budget} in steps",
        "plan.horizon": f"{section}.horizon in steps",
        "plan.patience": f"{second}.patience",
        "watched": f"{section}.watch",
        "recording.": f"{section}.recording.",
        "until": f"{section}.stop",
        "until.share": f"{section}.stable_share",
        "until.": "map.",
        "until.fraction": "map.region_fraction",
    }
