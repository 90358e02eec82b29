"""Several processes on one run: the first writes what is shared and tells the others.

Started by ``torchrun`` or ``accelerate launch``, every process runs the same command. Trainings and
scorings are done by all of them together; everything else by the first alone, while the others
wait for what it says. Where a process fails, the launcher ends the others.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from ftft.errors import ConfigError

T = TypeVar("T")

_OF_A_LAUNCHER = ("RANK", "MASTER_ADDR", "MASTER_PORT")

# How the backends of PyTorch say that another process is gone: gloo, gloo after its timeout, NCCL.
_LOST = (
    *("Connection closed by peer", "Connection reset by peer", "Timed out waiting"),
    *("ncclRemoteError", "remote process exited", "Watchdog caught collective operation timeout"),
)


def count() -> int:
    """How many processes there are, as the launcher says.

    Raises:
        ConfigError: The environment variable WORLD_SIZE is no whole number from 1.
    """
    return _whole("WORLD_SIZE", 1)


def rank() -> int:
    """The place of this process among all, from 0.

    Raises:
        ConfigError: An environment variable of the launcher is no whole number.
    """
    return 0 if count() == 1 else _whole("RANK", 0)


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


def lost_connection(error: BaseException) -> bool:
    """Whether another process ended first, or can no longer be reached."""
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _LOST)


def start() -> None:
    """Connect the processes; does nothing where there is only one.

    Raises:
        ConfigError: The environment names a number of processes, but not how to find them.
    """
    if count() > 1:
        missing = [name for name in _OF_A_LAUNCHER if name not in os.environ]
        if missing:
            raise ConfigError(
                f"the environment variable WORLD_SIZE is {count()}, but {' and '.join(missing)} "
                "is not set; start several processes with torchrun or accelerate launch, or unset "
                "WORLD_SIZE to run ftft by itself."
            )
        import torch
        from accelerate import PartialState

        PartialState(cpu=not torch.accelerator.is_available())
        # Left to the end of the interpreter, the threads of a connection may abort it.
        atexit.register(_disconnect)


def wait() -> None:
    """Wait until all processes have come here."""
    if count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def _disconnect() -> None:
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def from_first(make: Callable[[], T]) -> T:
    """Make something in the first process alone, and give it to all.

    All processes must call this together.

    Args:
        make: Called in the first process; what it raises is raised there, and the others end.

    Returns:
        What ``make`` returned.
    """
    if count() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    values: list[T | None] = [make() if is_first() else None]
    made: list[T] = broadcast_object_list(values)
    return made[0]


@contextlib.contextmanager
def first_goes_ahead() -> Iterator[None]:
    """Let the others wait until the first process is through; all must come here."""
    if count() == 1:
        yield
        return
    from accelerate import PartialState

    with PartialState().main_process_first():
        yield


def _whole(name: str, least: int) -> int:
    value = os.environ.get(name, str(least))
    if not value.isdecimal() or int(value) < least:
        raise ConfigError(
            f"the environment variable {name} is {value or 'empty'}, but must be a whole number "
            f"from {least}; torchrun and accelerate launch set it: unset it to run ftft by itself."
        )
    return int(value)
