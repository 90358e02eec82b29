"""What the tests of bad input share: cases by name, and what every one of them must end in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftft.errors import FtftError

Damage = Callable[[Path], Any]


@dataclass(frozen=True)
class Case:
    """One malformed input.

    Attributes:
        name: What is wrong, unique in its file.
        damage: Makes it so, in a folder that is right so far.
        words: What the message must hold: the place first, then what was expected or what
            to do.
        also: Anything else the test needs.
    """

    name: str
    damage: Damage
    words: tuple[str, ...]
    also: Any = None


def parametrised(cases: list[Case]) -> Any:
    """One test a case, called by its name."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), "two cases have one name"
    for case in cases:
        assert len(case.words) >= 2, f"{case.name}: name the place and the expectation"
    return pytest.mark.parametrize("case", cases, ids=names)


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder: the bytes of files, the targets of links."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = path.read_bytes() if path.is_file() else "folder"
    return found


@contextlib.contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Check that nothing below a folder is changed, removed or added meanwhile."""
    before = snapshot(folder)
    yield
    after = snapshot(folder)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name]] == []


def check_message(message: str, words: tuple[str, ...]) -> None:
    """A message names the place and says more; it shows no inside of the program."""
    for word in words:
        assert word in message, message
    assert "Traceback" not in message
    assert "object at 0x" not in message
    assert len(message) < 2_000


def check_refused(read: Callable[[], Any], folder: Path, words: tuple[str, ...]) -> None:
    """Reading ends in an `FtftError` with these words, and leaves the folder as it was."""
    with untouched(folder), pytest.raises(FtftError) as caught:
        read()
    check_message(str(caught.value), words)


def check_command(outcome: Any, words: tuple[str, ...]) -> None:
    """A command ended with status 2 and one message with these words on standard error."""
    assert outcome.code == 2, outcome.err + outcome.out
    assert outcome.out == ""
    check_message(outcome.err, words)


def read_or_refuse(read: Callable[[], Any]) -> bool:
    """Whether reading worked; any exception but an `FtftError` with a message fails."""
    try:
        read()
    except FtftError as error:
        message = str(error)
    else:
        return True
    assert len(message) > 20
    return False


def flipped(content: bytes, position: int, bit: int) -> bytes:
    """The content with one bit changed, at a position taken modulo its length."""
    damaged = bytearray(content)
    if damaged:
        damaged[position % len(damaged)] ^= 1 << bit
    return bytes(damaged)


def check_corpus(kind: str, *lists: Sequence[Case]) -> None:
    """Inputs written by hand, each different from the others, as many as the docs say."""
    names = [case.name for cases in lists for case in cases]
    assert len(set(names)) == len(names)
    docs = (Path(__file__).parents[2] / "docs/reliability.md").read_text(encoding="utf-8")
    claimed = " ".join(docs.partition("Tried in the tests: ")[2].partition(";")[0].split())
    total, *parts = map(int, re.findall(r"\d+", claimed))
    assert total == sum(parts)
    assert f"{len(names)} {kind}" in claimed, f"docs/reliability.md: {len(names)} {kind}"
