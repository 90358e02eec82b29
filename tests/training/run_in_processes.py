"""What each process runs in ``test_distributed.py``, started by torchrun.

Usage: torchrun --nproc-per-node 2 run_in_processes.py MODEL FOLDER
"""

from __future__ import annotations

import json
import sys
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


if __name__ == "__main__":
    processes.start()
    model, folder = sys.argv[1], Path(sys.argv[2])
    tuned = {examples: train(model, folder / f"{examples}", examples) for examples in SIZES}
    result = {examples: one.to_dict() for examples, one in tuned.items()}
    from accelerate import PartialState

    (folder / f"rank-{PartialState().process_index}.json").write_text(json.dumps(result))
    processes.wait()
