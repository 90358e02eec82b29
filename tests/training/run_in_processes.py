"""What each process runs in ``test_distributed.py``.

Usage: run_in_processes.py MODEL FOLDER COUNT [COUNT ...]

Forks as many as each COUNT says, with the environment that torchrun gives, below FOLDER/COUNT.
Forked, they share one import of the libraries, which takes longer than these trainings.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from tiny_task import plan, reviews
from transformers import AutoTokenizer

from ftft import processes
from ftft.config.schema import FineTuning, Recording
from ftft.data.encode import encode
from ftft.training.finetune import DevSets, FineTuned, finetune

# In batches of 16: all full; or the last one of 5 or of 1, which do not go round.
SIZES = (48, 37, 33)


def train(model: str, folder: Path, examples: int, **changes: Any) -> FineTuned:
    """Two epochs without dropout."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    given = {"precision": "fp32"} | changes
    settings = FineTuning(
        model=model, batch_size=16, learning_rate=1e-3, max_length=16, warmup=0.0, **given
    )
    data = encode(reviews("train", examples), tokenizer, max_length=16)
    dev = {"dev": encode(reviews("dev", 13, seed=1), tokenizer, max_length=16)}
    schedule = plan(2 * -(-examples // 16), 2, keep="best", patience=9)
    sets = DevSets(dev, ("dev",), "accuracy")
    return finetune(settings, schedule, data, sets, tokenizer, folder, recording=Recording())


def run(model: str, folder: Path) -> None:
    """One of the processes."""
    processes.start()
    tuned = {examples: train(model, folder / f"{examples}", examples) for examples in SIZES}
    result = {examples: one.to_dict() for examples, one in tuned.items()}
    (folder / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(result))
    processes.wait()


def fork(model: str, folder: Path, count: int) -> None:
    """Run all of them, and fail where one fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    children = []
    for rank in range(count):
        children.append(os.fork())
        if children[-1] == 0:
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count}
            os.environ.update(meeting | {key: str(value) for key, value in place.items()})
            status = 1
            try:
                run(model, folder)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
    while children:
        child, status = os.wait()
        children.remove(child)
        if status != 0:
            for other in children:  # they may wait for it for ever
                os.kill(other, signal.SIGKILL)
            raise SystemExit(f"one of {count} processes failed: {status}")


if __name__ == "__main__":
    for counted in sys.argv[3:]:
        below = Path(sys.argv[2]) / counted
        below.mkdir()
        fork(sys.argv[1], below, int(counted))
