"""Several processes as torchrun starts them, but forked: they share one import of the libraries."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable


def run_ranks(count: int, run: Callable[[], None], *, stopping: bool = True) -> int:
    """Run a function in so many processes, with the environment that torchrun gives.

    Args:
        count: How many.
        run: The function.
        stopping: Whether the others are asked to stop once one has failed, as a launcher does; else
            they are to find out themselves.

    Returns:
        The exit status of the last that fails, as a shell gives it; 0 where none fails.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    ranks = [_fork(rank, meeting | {"WORLD_SIZE": str(count)}, run) for rank in range(count)]
    failed = 0
    while ranks:
        ended, status = os.wait()
        ranks.remove(ended)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            continue
        failed = code if code > 0 else 128 - code
        if stopping:
            for other in ranks:
                os.kill(other, signal.SIGTERM)
            return failed
    return failed


def _fork(rank: int, environment: dict[str, str], run: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        os.environ |= environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        status = 1
        try:
            run()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child
