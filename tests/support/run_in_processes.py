"""What each process runs in ``test_distributed.py``.

Usage: run_in_processes.py MODEL FOLDER COUNT [COUNT ...]

Runs as many as each COUNT says, which write below FOLDER/COUNT.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from ftft.config.schema import FineTuning, Recording
from ftft.data.encode import encode
from ftft.training.finetune import DevSets, FineTuned, finetune
from ftft.utils import distributed
from ranks import run_ranks
from tiny_task import plan, reviews

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
    distributed.start()
    tuned = {examples: train(model, folder / f"{examples}", examples) for examples in SIZES}
    result = {examples: one.to_dict() for examples, one in tuned.items()}
    (folder / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(result))
    distributed.wait()


if __name__ == "__main__":
    for counted in sys.argv[3:]:
        below = Path(sys.argv[2]) / counted
        below.mkdir()
        failed = run_ranks(int(counted), partial(run, sys.argv[1], below))
        if failed:
            raise SystemExit(failed)
