"""What to try where a reference has not learnt its data."""

from __future__ import annotations

from collections.abc import Sequence

_LONGER = "train it longer"
_OR = ", or with a higher learning rate, or take a larger or better pretrained reference"
MORE = f"{_LONGER}{_OR}"
EPOCHS = "train it for "
# docs/transfer.md has what this gave.
LEAVE_OUT = (
    "leave out what it never learns: selection.strategy=late-learnt, selection.random_share=0.3"
)
LEFT_OUT = f"take a reference that learns more, or {LEAVE_OUT}"


def advice_once(given: Sequence[str]) -> tuple[str, ...]:
    """What several signals advise, without what is said more exactly beside it.

    Args:
        given: Their advice.
    """
    epochs = sorted({one for one in given if one.startswith(EPOCHS)})
    learn_more = epochs[0] if epochs else _LONGER if MORE in given else ""
    if learn_more and MORE in given:
        learn_more += _OR
    others = [one for one in given if one != MORE and not one.startswith(EPOCHS)]
    if learn_more:
        # That it is to learn more has been said.
        others = [LEAVE_OUT if one == LEFT_OUT else one for one in others]
    return tuple(dict.fromkeys([*([learn_more] if learn_more else []), *others]))
