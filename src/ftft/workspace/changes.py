"""Why a stage is run again: what it was made from before, and what it is made from now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ftft.workspace.stage_record import as_plain


@dataclass(frozen=True)
class Change:
    """One thing that a stage is made from, and that is no longer what it was.

    Attributes:
        key: Where it stands in what the stage is made from, with dots between the levels.
        before: What it was; None also where it was not there.
        after: What it is, likewise.
    """

    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Again:
    """Why a stage is run again.

    Attributes:
        forced: Whether somebody asked for it.
        upstream: Names of the stages that it reads and that are not what they were.
        changes: What else is not what it was.
    """

    forced: bool = False
    upstream: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


Tell = Callable[[Again], None]
"""Receives why a stage is run again, before it is."""


def why_again(
    before: Mapping[str, Any], wanted: Mapping[str, Any], names: Mapping[str, str]
) -> Again | None:
    """Compare two records of a stage.

    Args:
        before: The record that is there.
        wanted: The one that there is to be.
        names: Digest of each stage that is read to its name.

    Returns:
        Why the stage is run again; None where it was made from the same things.
    """
    if before.get("forced"):
        return Again(forced=True)
    was, now = (
        {"schema": record.get("schema"), **as_plain(record.get("made_from", {}))}
        for record in (before, wanted)
    )
    found = list(_changes(was, now, ""))
    read, others = wanted["read"], before.get("read", {})
    # A stage is named by its digest where only what it was made from counts.
    upstream = [names[change.after] for change in found if _is_named(change, names)]
    upstream += [name for name, content in read.items() if others.get(name) != content]
    changes = tuple(change for change in found if not _is_named(change, names))
    return Again(False, tuple(dict.fromkeys(upstream)), changes) if upstream or changes else None


def _changes(before: Any, after: Any, key: str) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before | after:
            place = f"{key}.{name}" if key else name
            yield from _changes(before.get(name), after.get(name), place)
    elif before != after:
        yield Change(key, before, after)


def _is_named(change: Change, names: Mapping[str, str]) -> bool:
    return isinstance(change.after, str) and change.after in names
