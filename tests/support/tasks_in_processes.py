"""What each process runs in ``test_task_processes.py``.

Usage: tasks_in_processes.py EXPERIMENTS FOLDER COUNT

EXPERIMENTS has a folder for each task, with its experiment.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path

from ftft import load_experiment
from ftft.config.schema import Recording
from ftft.tasks import TASKS, load_data
from ftft.training.finetune import DevSets, FineTuned, finetune
from ftft.training.models import load_tokenizer
from ftft.utils import distributed
from ranks import run_ranks
from tiny_task import plan

NAMES = ("causal-lm", "multiple-choice", "token-classification")

# In batches of 16 the last one has 13, which two processes cannot share alike.
EXAMPLES, BATCHES = 61, 4
TRAINING, PASSES = Recording(), Recording(mode="evaluation")


def train(experiments: Path, name: str, folder: Path, recording: Recording = TRAINING) -> FineTuned:
    """Two epochs of a task's reference."""
    experiment = load_experiment(experiments / name / "experiment.yaml")
    changes = {"precision": "fp32", "learning_rate": 5e-3, "warmup": 0.0}
    settings = experiment.reference.model_copy(update=changes)
    data, task, tokenizer = load_data(experiment), TASKS[name], load_tokenizer(settings)
    some = data.train.take(data.train.example_ids[:EXAMPLES])
    length = settings.max_length
    encoded = task.tokenize(some, tokenizer, length)
    dev = {"dev": task.tokenize(data.dev["dev"], tokenizer, length)}
    sets = DevSets(dev, ("dev",), experiment.metric)
    given = (settings, plan(2 * BATCHES, BATCHES), encoded, sets, tokenizer, folder)
    return finetune(*given, recording=recording)


def run(experiments: Path, folder: Path) -> None:
    """One of the processes."""
    distributed.start()
    scores = {name: train(experiments, name, folder / name).dev_scores for name in NAMES}
    train(experiments, "token-classification", folder / "passes", PASSES)
    (folder / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(scores))
    distributed.wait()


if __name__ == "__main__":
    raise SystemExit(
        run_ranks(int(sys.argv[3]), partial(run, Path(sys.argv[1]), Path(sys.argv[2])))
    )
