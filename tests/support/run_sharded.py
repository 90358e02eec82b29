"""What each process runs in ``test_sharding.py``: `ftft run` with models that are sharded.

Usage: run_sharded.py COUNT STEP ARGUMENT...

COUNT processes give ``ftft run`` these arguments. They are killed before the training step after
STEP, if that is not 0.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType

from ftft.cli import main
from ftft.training.trainer import FineTuner
from ranks import run_ranks


def shard_on_a_cpu() -> None:
    """Let Accelerate shard without a GPU, which PyTorch can and Accelerate passes over."""
    given = PartialState.__init__

    def start(self: Any, *args: Any, **kwargs: Any) -> None:
        given(self, *args, **kwargs)
        if self.distributed_type == DistributedType.MULTI_CPU:
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU

    PartialState.__init__ = start


def kill_after(step: int) -> None:
    """End this process, as if killed, when so many steps of a training are taken."""
    given = FineTuner.training_step

    def training_step(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == step:
            os._exit(137)
        return given(self, *args, **kwargs)

    FineTuner.training_step = training_step


def run() -> None:
    """One of the processes."""
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise


if __name__ == "__main__":
    count, killed_after, *arguments = sys.argv[1:]
    sys.argv[1:] = ["run", *arguments]
    if int(killed_after):
        kill_after(int(killed_after))
    if not torch.cuda.is_available():
        shard_on_a_cpu()
    sys.exit(run_ranks(int(count), run))
