"""The command line. Each command is one thin file; heavy imports happen inside it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftft.cli.loading import Library
    from ftft.utils.signals import Stopped

# Commands that load libraries first; those of an experiment do so once its file is read.
_LOADED: dict[str, Library] = {"predict": "torch", "report": "matplotlib"}

# Seconds that the first of several processes has to report what is wrong.
_TELLING = 10.0

# How many trainings that were under way a line names.
_MOST_NAMED = 20


def main() -> None:
    """Run the command line and exit.

    0 on success, 2 on bad input, 130 when interrupted by Ctrl-C and 143 by SIGTERM.
    """
    from ftft.cli.app import command_line
    from ftft.cli.voice import take_voice, write_line
    from ftft.errors import FtftError
    from ftft.utils.atomic import no_room
    from ftft.utils.distributed import lost_connection, rank
    from ftft.utils.signals import Stopped, stoppable

    debug = "--debug" in sys.argv or bool(os.environ.get("FTFT_DEBUG"))
    # Taken at any place: people add it to the end of the command that failed.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        arguments = take_voice(arguments)
        with stoppable(), _one_voice(), _shown_by_processes(debug):
            _say_loading(arguments)
            command_line()(arguments, prog_name="ftft")
    except FtftError as error:
        if debug:
            traceback.print_exc()
        if _repeats():
            # A launcher ends all as soon as one has ended: the first is to have said it by then.
            time.sleep(_TELLING)
            raise SystemExit(2) from None
        write_line("error", str(error))
        raise SystemExit(2) from None
    except Stopped as stop:
        if not _repeats(connected=True):
            print(f"\n{_stopped_in_words(stop, arguments)}", file=sys.stderr)
        raise SystemExit(128 + stop.signum) from None
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer turns an interrupt into this exit status silently.
        if isinstance(end, SystemExit) and end.code != 130:
            raise
        print(f"\n{_stopped_in_words(Stopped(signal.SIGINT), arguments)}", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            raise
        if _of_many() and lost_connection(error):
            # Whichever was lost, one of the first two is there to say so.
            if rank() <= 1:
                write_line("error", _lost_in_words(error))
            raise SystemExit(1) from None
        write_line("error", _unforeseen(error))
        raise SystemExit(2 if no_room(error) else 1) from None


@contextlib.contextmanager
def _shown_by_processes(debug: bool) -> Iterator[None]:
    """Within, processes that are started show tracebacks too, where that is asked for."""
    if not debug or os.environ.get("FTFT_DEBUG"):
        yield
        return
    os.environ["FTFT_DEBUG"] = "1"
    try:
        yield
    finally:
        del os.environ["FTFT_DEBUG"]


def _say_loading(arguments: Sequence[str]) -> None:
    """Say so where a command begins by loading a library."""
    from ftft.cli.loading import say_loading

    library = _LOADED.get(arguments[0] if arguments else "")
    if library is not None and not {"-h", "--help"} & {*arguments}:
        say_loading(library)


@contextlib.contextmanager
def _one_voice() -> Iterator[None]:
    """Of several processes, let the first alone print results."""
    from ftft.utils.distributed import is_first

    if is_first():
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _of_many() -> bool:
    """Whether this is one of several processes."""
    from ftft.errors import FtftError
    from ftft.utils.distributed import count

    try:
        return count() > 1
    except FtftError:
        return False


def _lost_in_words(error: Exception) -> str:
    from ftft.errors import first_line

    return (
        "another process of this run has ended or cannot be reached any more, so this one ends "
        f"too ({first_line(error)}). Why, that process or the launcher (torchrun, accelerate, "
        "Slurm) says. Nothing that was finished is lost; resume from the last checkpoint with the "
        "same command of the launcher."
    )


def _repeats(*, connected: bool = False) -> bool:
    """Whether the first process reports this too: errors only until they are connected."""
    from ftft.errors import FtftError
    from ftft.utils.distributed import is_first

    try:
        first = is_first()
    except FtftError:
        return False
    distributed = sys.modules.get("torch.distributed")
    alone = not (distributed is not None and distributed.is_initialized())
    return not first and (connected or alone)


def _unforeseen(error: Exception) -> str:
    from ftft.errors import first_line
    from ftft.utils.atomic import no_room

    return no_room(error) or (
        f"unexpected {type(error).__name__}: {first_line(error)}\nThis is a defect in ftft or in a "
        "library it uses; run the command again with --debug to see where."
    )


def _stopped_in_words(stop: Stopped, arguments: Sequence[str]) -> str:
    """One line: what was finished, what is saved, and how to continue."""
    from ftft.data.remarks import named
    from ftft.utils.signals import OVER

    parts = ["interrupted: nothing that was finished is lost"]
    if stop.finished:
        parts.append(f"finished are {named(stop.finished, longest=None)}")
    if stop.stage:
        parts.append(f"{stop.stage} {stop.saved or OVER}")
    parts.extend(stop.others[:_MOST_NAMED])
    if (more := len(stop.others) - _MOST_NAMED) > 0:
        parts.append(f"{more:,} more were under way")
    how = "give the command again"  # where nobody knows whether there is something to go on with
    if stop.finished or stop.saved or stop.resumes:
        how = "resume"
    elif stop.stage or stop.others:
        how = "start again"
    if _of_many():
        how = how.replace("give the command again", "start it again")
        return f"{'; '.join(parts)}; {how} with the same command of torchrun or accelerate"
    if not how.startswith("give"):
        # What was forced is marked in the run folder; forced again, it would start anew.
        arguments = _without_force(arguments)
    with_ = "" if how.startswith("give") else " with"
    return f"{'; '.join(parts)}; {how}{with_}: {shlex.join(['ftft', *arguments])}"


def _without_force(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for before, one in zip(["", *arguments], arguments, strict=False):
        if not one.startswith("--force-stage") and before != "--force-stage":
            kept.append(one)
    return kept
