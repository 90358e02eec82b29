"""Why a stage is run again: what it was made from before, and what it is made from now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ftft.workspace.stage_record import as_plain


@dataclass(frozen=True)
class Again:
    """Why a stage is run again.

    Attributes:
        forced: Whether somebody asked for it.
        upstream: Names of the stages that it reads and that are not what they were.
        changes: Of all else that it is made from, key with dots between the levels to what it was
            and what it is; None where it is not there.
    """

    forced: bool = False
    upstream: tuple[str, ...] = ()
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


Tell = Callable[[Again], None]


def is_same(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a stage that is there was made from what is wanted now, idle keys left aside.

    Args:
        before: The record of the one that is there.
        wanted: The record of the one that there is to be.
    """
    if before.get("read", {}) != wanted["read"]:
        return False
    # Older records hold idle keys in their digest, and are to stay what they are.
    return before["digest"] == wanted["digest"] or (
        bool(before["digest"]) and _compared(before, wanted) == _compared(wanted, wanted)
    )


def _compared(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage was made from, without the keys that are idle in what is wanted."""
    values = {"schema": record.get("schema"), **as_plain(record.get("made_from", {}))}
    for key in wanted.get("idle", ()):
        *sections, name = key.split(".")
        place = values
        for section in sections:
            place = place.get(section) or {}
        place.pop(name, None)
    return values


def why_again(
    before: Mapping[str, Any], wanted: Mapping[str, Any], names: Mapping[str, str]
) -> Again | None:
    """Compare the record of a stage that is there with the one that there is to be.

    Args:
        before: The one that is there.
        wanted: The other.
        names: Digest of each stage that is read to its name: some are made from the digest alone.

    Returns:
        Why the stage is run again; None where it was made from the same things.
    """
    if before.get("forced"):
        return Again(forced=True)
    was, now = (_compared(one, wanted) for one in (before, wanted))
    changes = dict(differences(was, now))
    upstream = {key: names[new] for key, (_, new) in changes.items() if str(new) in names}
    others = before.get("read", {})
    read = [name for name, content in wanted["read"].items() if others.get(name) != content]
    found = tuple(dict.fromkeys([*upstream.values(), *read]))
    changes = {key: pair for key, pair in changes.items() if key not in upstream}
    return Again(False, found, changes) if found or changes else None


def differences(before: Any, now: Any, key: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Each key, with dots between the levels, whose values differ, to what it was and what it is.

    Args:
        before: Plain JSON values.
        now: Others.
        key: Where both lie.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before | now:
            yield from differences(before.get(name), now.get(name), f"{key}.{name}".lstrip("."))
    elif before != now:
        yield key, (before, now)
