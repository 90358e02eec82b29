"""Why a stage is run again, in the words of the experiment file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ftft.config.schema import Experiment
from ftft.workspace.changes import Again, Change
from ftft.workspace.workspace import Stage

_MOST = 4
_FINGERPRINT = re.compile(r"[0-9a-f]{32,}")

# What says how long an epoch is and how many there are, and what of a plan follows from that; the
# others are at most as long as its steps, too.
_LENGTH = {"settings.epochs", "settings.batch_size", "train"}
_PLANNED = {"plan.steps", "plan.horizon", "plan.evaluate_every"}


def again_in_words(
    why: Again, experiment: Experiment, kind: str, selection: Stage | None = None
) -> str:
    """The settings, data and stages that are no longer the same.

    Args:
        why: What is not the same.
        experiment: With the names of the data.
        kind: The kind of stage, such as ``main``.
        selection: What it trains on, if it does.
    """
    if why.forced:
        return "forced"
    names = _names(experiment, kind, "" if selection is None else selection.name)
    by_key = {change.key: change for change in why.changes}
    reasons = [f"{name} changed" for name in why.upstream]
    reasons += [_in_words(change, names) for change in why.changes if not _follows(change, by_key)]
    reasons = list(dict.fromkeys(reasons))
    more = len(reasons) - _MOST
    return "; ".join(reasons[:_MOST]) + (f"; and {more:,} more" if more > 0 else "")


def _follows(change: Change, by_key: Mapping[str, Change]) -> bool:
    """Whether a part of a plan is other only because something else is that is said."""
    if change.key not in _PLANNED:
        return False
    steps = by_key.get("plan.steps", change)
    ends = change.before == steps.before or change.after == steps.after
    return bool(_LENGTH & by_key.keys()) or (steps is not change and ends)


def _in_words(change: Change, names: Mapping[str, str]) -> str:
    start = max((one for one in names if _begins(change.key, one)), key=len, default="")
    name = names.get(start, "") + change.key.removeprefix(start)
    values = change.before, change.after
    if any(isinstance(one, dict | list) or _FINGERPRINT.fullmatch(str(one)) for one in values):
        return f"{name} changed"
    before, after = ("not set" if one is None else one for one in values)
    return f"{name} was {before}, is {after}"


def _begins(key: str, part: str) -> bool:
    return key == part or (part.endswith(".") and key.startswith(part))


def _names(experiment: Experiment, kind: str, selection: str) -> dict[str, str]:
    """What a key of a stage's inputs is called, or the part of a key that ends with a dot."""
    data = experiment.data
    sets = {**data.dev, **data.dev_ood, **data.test, **data.test_ood}
    places = {name: f"the data set {name} ({one.place})" for name, one in sets.items()}
    train = f"the training data ({', '.join(source.place for source in data.train)})"
    section = "reference" if kind == "reference" else "main"
    second = "dm" if kind == "dm" else section
    budget = "the cost of FTFT" if kind.endswith("_budget") else f"{second}.budget"
    return {
        "train": train,
        "data": train,
        **{f"{key}.{name}": place for name, place in places.items() for key in ("dev", "sets")},
        "dev.": "the data set ",
        "selection": selection,
        "settings.": f"{section}.",
        "model.": f"{section}.model: ",
        "plan.": f"{section}.",
        "plan.steps": f"{budget} in steps",
        "plan.horizon": f"{section}.horizon in steps",
        "plan.evaluate_every": f"{section}.evaluate_every",
        "plan.patience": f"{second}.patience",
        "watched": f"{section}.watch",
        "recording": f"{section}.recording",
        "recording.": f"{section}.recording.",
        "until": f"{section}.stop",
        "until.share": f"{section}.stable_share",
        "until.fraction": "map.region_fraction",
        "until.burn_in": "map.burn_in",
        "ids": "the ids of the given selection",
        "says": "what ftft says of a map",
        "schema": "ftft's record of a stage",
    }
