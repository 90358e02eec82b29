"""Commands and the actions they ask for, after SCAN (Lake and Baroni 2018).

The grammar: a command is a phrase, or two joined by "and" or "after". A phrase is a verb, with a
direction or without one, "twice", "thrice" or once. A direction is a side, "opposite" a side or
"around" a side. ``actions`` gives a command's meaning, ``all_commands`` lists the language.
"""

from itertools import product

from ftft.errors import DataError

VERBS = ("walk", "look", "run", "jump")
TURN = "turn"
MANNERS = ("", "opposite", "around")
TIMES = {"": 1, "twice": 2, "thrice": 3}
JOINTS = ("and", "after")

_ACTION = {verb: f"I_{verb.upper()}" for verb in VERBS}
_SIDE = {"left": "I_TURN_LEFT", "right": "I_TURN_RIGHT"}
SIDES = tuple(_SIDE)
ACTIONS = (*_ACTION.values(), *_SIDE.values())
WORDS = (*VERBS, TURN, *MANNERS[1:], *SIDES, *list(TIMES)[1:], *JOINTS)


def all_phrases() -> list[str]:
    """The 102 phrases, of which commands are made."""
    bare = [(verb,) for verb in VERBS]
    directed = list(product((*VERBS, TURN), MANNERS, SIDES))
    wholes = product([*bare, *directed], TIMES)
    return [" ".join(filter(None, (*phrase, times))) for phrase, times in wholes]


def all_commands() -> list[str]:
    """The 20,910 commands of the language, each once, in a fixed order."""
    phrases = all_phrases()
    joined = product(phrases, JOINTS, phrases)
    return [*phrases, *(" ".join(parts) for parts in joined)]


def actions(command: str) -> list[str]:
    """What a command asks for, action by action.

    Raises:
        DataError: The language has no such command.
    """
    for joint in JOINTS:
        first, found, second = command.partition(f" {joint} ")
        if found:
            done_first, done_last = (first, second) if joint == "and" else (second, first)
            return _phrase(done_first) + _phrase(done_last)
    return _phrase(command)


def _phrase(phrase: str) -> list[str]:
    """The actions of one phrase."""
    verb, *rest = phrase.split() or [""]
    times = TIMES[rest.pop()] if rest and rest[-1] in TIMES else 1
    side = rest.pop() if rest else ""
    manner = rest.pop() if rest else ""
    is_known = verb in _ACTION or (verb == TURN and side)
    if rest or not is_known or side not in ("", *SIDES) or manner not in MANNERS:
        raise DataError(
            f"{phrase!r} is no phrase of the demo's language, such as 'walk left twice'"
        )
    turn = [_SIDE[side]] if side else []
    act = [_ACTION[verb]] if verb in _ACTION else []
    if manner == "around":
        return 4 * (turn + act) * times
    return (turn * (2 if manner == "opposite" else 1) + act) * times
