"""A class of one example whose name is a slip of the pen away from that of a frequent one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pyarrow.compute as pc

from ftft.config.yaml_core import flow
from ftft.data.labels import in_order
from ftft.data.lines import rows_in
from ftft.data.messages import can_be_shown, short
from ftft.data.normalize import Prepared
from ftft.data.spelling import one_spelling, spelling_key
from ftft.utils.plural import counted

# Of the class that is probably meant; below, each may be as rare as the other.
_FREQUENT = 10
# Names of two letters are all close to each other: no and on, A1 and A2.
_SHORTEST = 3


def slips(counts: Mapping[str, int], meant: Collection[str] = ()) -> dict[str, str]:
    """Classes of one example, and the frequent class whose name is one slip away.

    A slip is a letter too many, too few, wrong or out of place. Names that differ in a digit are
    codes, and names that differ in case or blanks are noted elsewhere.

    Args:
        counts: Class to its number of examples.
        meant: Classes that are as they are meant.
    """
    frequent = [name for name, count in counts.items() if count >= _FREQUENT]
    found = {}
    for name, count in counts.items():
        near = [one for one in frequent if _is_slip(name, one)] if count == 1 else []
        if near and name not in meant:
            found[name] = max(near, key=lambda one: counts[one])
    return found


def slips_in(parts: Sequence[Prepared]) -> dict[str, str]:
    """Classes of some training data that are probably typing errors, and the one that is meant.

    Args:
        parts: The sources; what their ``labels`` name is meant.
    """
    return slips(_counts(parts), {name for part in parts for name in part.source.labels.values()})


def slips_beside(parts: Sequence[Prepared]) -> dict[str, str]:
    """Label values of no class that are probably typing errors, and the class that is meant.

    Args:
        parts: The sources of some training data, of which some have values of no class.
    """
    counts = Counter(_counts(parts))
    unknown = [part.unknown for part in parts if part.unknown is not None]
    bad = {value for one in unknown for value in one.bad}
    for one in unknown:
        counts.update({value: one.counts[value] for value in one.bad})
    return {value: name for value, name in slips(counts).items() if value in bad}


def refusal(parts: Sequence[Prepared], found: Mapping[str, str], *, advised: bool = False) -> str:
    """What to say of such classes.

    Args:
        parts: The sources of the training data.
        found: From :func:`slips_in`.
        advised: Whether a mapping that corrects them has been shown.
    """
    counts = _counts(parts)
    said = [
        f"{_place(parts, slip)} has the label {short(slip)}, the only one, which is one slip away "
        f"from {short(name)} ({counted(counts[name], 'row')})"
        for slip, name in list(found.items())[:3]
    ]
    more = f", and {len(found) - 3:,} more such labels" if len(found) > 3 else ""
    one = one_spelling(counts)
    mapping = {name: one[found.get(name, name)] for name in counts}
    spelt = " (which also joins what differs in spelling only)"
    spelt = spelt if any(mapping[name] != found.get(name, name) for name in counts) else ""
    for part in parts:
        mapping = {**part.source.labels, **mapping}
    can_paste = can_be_shown([*mapping, *mapping.values()])
    joined = f": {flow(mapping)}{spelt}" if can_paste and not advised else " as above" * advised
    listed = f": {flow(list(counts))}" if can_paste else ""
    return (
        f"{'; '.join(said)}{more}. Correct the file, or give the source labels{joined}. If it is "
        f"a class of its own, list all classes under data.classes{listed}."
    )


def _counts(parts: Sequence[Prepared]) -> dict[str, int]:
    """Class to its number of rows, in the order of the classes."""
    counts: Counter[str] = Counter()
    for part in parts:
        for entry in pc.value_counts(part.classes).to_pylist():
            counts[entry["values"]] += entry["counts"]
    return {name: counts[name] for name in in_order(counts)}


def _place(parts: Sequence[Prepared], name: str) -> str:
    for part in parts:
        at = pc.index(part.classes, name).as_py()
        if at >= 0:
            return f"{rows_in(part.source, [part.rows[at].as_py()])} of {part.source.place}"
    raise AssertionError(name)


def _is_slip(one: str, other: str) -> bool:
    if min(len(one), len(other)) < _SHORTEST or spelling_key(one) == spelling_key(other):
        return False
    pairs = enumerate(zip(one, other, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
    one, other = one[same:], other[same:]
    if any(letter.isdigit() for letter in (one[:1] + other[:1])):
        return False
    return one[1:] == other or one == other[1:] or one[1:] == other[1:] or _swapped(one, other)


def _swapped(one: str, other: str) -> bool:
    return one[:2] == other[1::-1] and one[2:] == other[2:]
