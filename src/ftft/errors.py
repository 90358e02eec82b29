"""The errors that ftft raises on purpose.

Every message is one paragraph that names the place (file, column, row or key),
says what was expected, and says what to do. The command line prints the message
and exits with status 2; a traceback appears only with ``--debug``.

    FtftError
    ├── ConfigError      the experiment file or a ``--set`` override
    ├── DataError        a data file, a column, a label, an example id
    ├── DynamicsError    a dynamics folder, a data map, a selection
    ├── ModelError       a model or tokenizer that cannot be loaded or does not fit
    ├── SharingError     the hub, a shared folder, what was pushed or pulled
    └── WorkspaceError   the run folder: not writable, changed, in use
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self


class FtftError(Exception):
    """Base class of all errors that ftft raises on purpose.

    Attributes:
        problems: What is wrong, a paragraph each. Where it is one thing, that is the message.
        placed: Whether the message begins with the file or command that people gave.
    """

    placed = False

    def __init__(self, message: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message,)

    @classmethod
    def of(cls, problems: Sequence[str], what: str = "") -> Self:
        """One error of several problems, whose message counts and lists them.

        Args:
            problems: At least one; a single one is the message where nothing names a place.
            what: The file or the like that has them, which the message begins with.
        """
        if len(problems) == 1 and not what:
            return cls(problems[0])
        count = f"{len(problems):,} problem{'s' * (len(problems) > 1)}"
        listed = "".join(f"\n  - {problem}" for problem in problems)
        return cls(f"{what}{': ' * bool(what)}{count}:{listed}", problems)


def reason(error: BaseException | str) -> str:
    """What an error says, as a part of a sentence: on one line, without a stop at its end."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without a stop at its end."""
    return reason((str(error).strip().splitlines() or [type(error).__name__])[0])


class ConfigError(FtftError):
    """The experiment file or an override is not valid; lists every problem found."""


class DataError(FtftError):
    """A data file, a column, a label or an example id is not as expected."""


class DynamicsError(FtftError):
    """Dynamics, a data map or a selection cannot be read or do not fit together."""


class ModelError(FtftError):
    """A model or tokenizer cannot be loaded, or does not fit the task."""


class SharingError(FtftError):
    """Something cannot be pushed or pulled: no access, no such place, or not what it should be."""


class WorkspaceError(FtftError):
    """The run folder cannot be used: not writable, damaged or in use."""
