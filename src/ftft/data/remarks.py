"""What is not wrong with the labels but looks like it: unlabelled rows, spellings of one class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow.compute as pc

from ftft.config.yaml_core import flow
from ftft.data.messages import LONGEST, can_be_shown, short
from ftft.data.normalize import Prepared
from ftft.data.slips import slips
from ftft.data.spelling import is_plain_number, one_spelling
from ftft.utils.plural import counted

# Words that stand in the place of a label more often than they are one.
_DOUBTFUL = frozenset({"na", "n/a", "#n/a", "?", "unlabeled", "unlabelled", "missing", "no label"})

_MOST = 20


def label_remarks(parts: Sequence[Prepared], classes: Sequence[str]) -> tuple[str, ...]:
    """Look at the classes that were found in the training data.

    Args:
        parts: The sources of the training data.
        classes: The classes found in them; those that an experiment lists are its own affair.

    Returns:
        One sentence or two for each thing that looks odd, with the YAML that mends it.
    """
    remarks = [
        remark for part in parts if not part.source.labels for remark in _unlabelled(part, classes)
    ]
    return (*remarks, *_spellings(parts, classes))


_LEFT_OUT = {
    "where": "not meeting 'where'",
    "drop_empty": "empty (drop_empty)",
    "limit": "beyond the 'limit'",
    "without_room": "without room for a completion (without_room)",
}


def left_out_in_words(counts: Mapping[str, int]) -> str:
    """How many rows were left out of a data set, and why.

    Args:
        counts: Key of the experiment to how many rows it leaves out.
    """
    why = [(_LEFT_OUT.get(key, key), count) for key, count in counts.items()]
    # Of one reason the number has been said.
    each = [reason if len(why) == 1 else f"{count:,} {reason}" for reason, count in why]
    return f"{counted(sum(counts.values()), 'row')} left out: {', '.join(each)}"


def named(values: Sequence[str], *, longest: int | None = LONGEST) -> str:
    """Name the first values, and say how many more there are.

    Args:
        values: The values.
        longest: How much of a value is shown; None: all of it.
    """
    shown = [
        value if longest is None or len(value) <= longest else value[:longest] + "…"
        for value in values[:_MOST]
    ]
    more = len(values) - _MOST
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _unlabelled(part: Prepared, classes: Sequence[str]) -> Iterator[str]:
    """A value that often says that there is no label, and how to leave its rows out."""
    counts = _counts(part)
    doubtful = [name for name in _no_labels(classes) if name in counts]
    if not doubtful:
        return
    others = [name for name in classes if name in counts and name not in doubtful]
    where = {**part.source.where, part.source.label: others}
    if not others:
        advice = "take the source out of data.train"
    elif can_be_shown(others):
        advice = f"give the source where: {flow(where)}"
    else:
        advice = "name the other labels in the source's 'where'"
    listing = f", as in classes: {flow(list(classes))}" if can_be_shown(classes) else ""
    rows = sum(counts[name] for name in doubtful)
    have = "has" if rows == 1 else "have"
    yield (
        f"{counted(rows, 'row')} of {part.source.place} {have} the label {named(doubtful)}, which "
        f"often says that there is none. To leave them out, {advice}. If it is a class, list it in "
        f"data.classes{listing}, which also ends this note"
    )


def _counts(part: Prepared) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(part.classes).to_pylist()}


def _no_labels(classes: Sequence[str]) -> list[str]:
    """Classes that look like none, where two others are left.

    A single negative number is one: -1 beside 0 and 1, but not -1 beside 1, nor -2 to 2.
    """
    negative = [name for name in classes if is_plain_number(name) and float(name) < 0]
    words = [name for name in classes if name.strip().casefold() in _DOUBTFUL]
    found = words + (negative if len(negative) == 1 else [])
    return found if len(classes) - len(found) >= 2 else []


def _spellings(parts: Sequence[Prepared], classes: Sequence[str]) -> Iterator[str]:
    """Classes that differ in spelling only, and the mapping that joins them."""
    counts = dict.fromkeys(classes, 0)
    for part in parts:
        counts |= {name: counts[name] + count for name, count in _counts(part).items()}
    target = one_spelling(counts)
    several = [
        [name for name in classes if target[name] == one]
        for one in dict.fromkeys(target.values())
        if [*target.values()].count(one) > 1
    ]
    if not several:
        return
    shown = named([" = ".join(map(repr, group)) for group in several])
    slipped = slips(counts)
    target |= {slip: target[name] for slip, name in slipped.items()}
    also = [f"{short(slip)} to {short(target[slip])}" for slip in slipped]
    note = f" (it maps {' and '.join(also)} too, one slip away)" if also else ""
    mapping = _joining(parts, target)
    place = "the source" if len(parts) == 1 else "each source"
    advice = (
        f"give {place} labels: {flow(mapping)}{note}"
        if can_be_shown([*mapping, *mapping.values()])
        else "give them one name with a 'labels' mapping"
    )
    yield (
        f"some of the {len(classes):,} classes of the training data differ in spelling only: "
        f"{shown}. To make them one, {advice}. If they are different classes, list them in "
        "data.classes, which also ends this note"
    )


def _joining(parts: Sequence[Prepared], target: Mapping[str, str]) -> dict[str, str]:
    """The ``labels`` mapping that joins classes: what is mapped already, variants, the others."""
    mapping = {
        value: target.get(name, name)
        for part in parts
        for value, name in part.source.labels.items()
    }
    mapping |= {
        name: other for name, other in target.items() if name != other and name not in mapping
    }
    return mapping | {
        name: name
        for name, other in target.items()
        if name == other and name not in mapping and name not in mapping.values()
    }
