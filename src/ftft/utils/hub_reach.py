"""Whether the hub can be reached, found out once, so that nobody waits for it again and again.

Its client tries six times to reach it, 23 seconds in all, for every single file.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftft.utils.packages import PACKAGE_PREFIX

_TRIES, _PAUSE, _TIMEOUT = 2, 1.0, 3.0
"""How often it is tried, with how many seconds in between, and for how many."""

_KEPT = 60.0
"""Seconds for which the answer holds: a network comes and goes in a long run."""

# What the client raises where there is no connection; a slow answer is not among them.
_NO_CONNECTION = {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}

_answers: dict[str, tuple[float, str]] = {}


@contextlib.contextmanager
def asking_the_hub(name: str) -> Iterator[None]:
    """While the hub cannot be reached, have its clients look only at what was fetched before.

    Args:
        name: What is loaded within; nothing is asked for a folder.
    """
    if not unreachable(name):
        yield
        return
    from huggingface_hub import constants

    places: list[Any] = [constants]
    if "datasets" in sys.modules:
        places.append(sys.modules["datasets"].config)
    before = [place.HF_HUB_OFFLINE for place in places]
    try:
        for place in places:
            place.HF_HUB_OFFLINE = True
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = value


def unreachable(name: str) -> str:
    """Say that the hub cannot be reached and why; empty where it can be, or is not to be asked.

    Args:
        name: What is looked for; nothing is asked for a folder.
    """
    from huggingface_hub import constants, is_offline_mode

    if is_offline_mode() or _is_local(name):
        return ""
    place = constants.ENDPOINT
    asked, answer = _answers.get(place, (-_KEPT, ""))
    if time.monotonic() - asked >= _KEPT:
        answer = _ask(place)
        _answers[place] = (time.monotonic(), answer)
    return answer


def _ask(place: str) -> str:
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # lazy

    answer = ""
    for number in range(_TRIES):
        if number:
            time.sleep(_PAUSE)
        try:
            get_session().head(place, timeout=_TIMEOUT)
            return ""
        # Any exception: the client of the hub and its transport were replaced more than once.
        except Exception as error:
            if not _NO_CONNECTION & {kind.__name__ for kind in type(error).__mro__}:
                return ""
            answer = f"the hub {place} cannot be reached: {str(error)[:100]}"
    return answer


def _is_local(name: str) -> bool:
    try:
        return name.startswith(PACKAGE_PREFIX) or Path(name).expanduser().is_dir()
    except (OSError, RuntimeError):
        return True
