"""The command line. Each command is one thin file; heavy imports happen inside it."""

from __future__ import annotations

import os
import sys
import traceback


def main() -> None:
    """Run the command line and exit: 0 on success, 2 on bad input, 130 when interrupted."""
    from ftft.cli.app import app
    from ftft.cli.inert import inert
    from ftft.errors import FtftError

    debug = "--debug" in sys.argv or bool(os.environ.get("FTFT_DEBUG"))
    # Taken at any place: people add it to the end of the command that failed.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="ftft")
    except FtftError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {inert(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer turns an interrupt into this exit status without a word.
        if isinstance(end, SystemExit) and end.code != 130:
            raise
        print(
            "\ninterrupted: nothing that was finished is lost; give the same command again to go "
            "on from the last checkpoint.",
            file=sys.stderr,
        )
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            raise
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        print(
            f"error: unexpected {type(error).__name__}: {inert(first)}\nThis is a defect in ftft "
            "or in a library it uses; run the command again with --debug to see where.",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
