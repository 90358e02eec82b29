"""Questions with choices, made on the spot: the right choice says liked, the others hated."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

WORDS = ("good", "bad", "dull", "bright")
FILLERS = ("film", "book", "was", "very")


def questions(rows: int, *, seed: int = 0, most: int = 4) -> list[dict[str, Any]]:
    """Rows with ``text``, ``choices`` (2 to ``most``, or exactly 4) and ``gold`` (from 0)."""
    chance = random.Random(seed)
    made = []
    for row in range(rows):
        count = 4 if most == 4 else chance.randint(2, most)
        gold = chance.randrange(count)
        choices = [f"the {FILLERS[place % 4]} {place % 2 * 'it '}is {place}" for place in range(9)]
        texts = [f"{text} i hated" for text in choices[:count]]
        texts[gold] = texts[gold].replace("hated", "liked")
        question = f"a {chance.choice(WORDS)} {chance.choice(FILLERS)} {row}"
        made.append({"text": question, "choices": texts, "gold": gold, "row": row})
    return made


def write_questions(path: Path, rows: int, *, seed: int = 0, prefix: str = "q") -> Path:
    """A CSV with columns id, question, c0 to c3, answer (a number from 0) and parity."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "question", "c0", "c1", "c2", "c3", "answer", "parity"])
        for one in questions(rows, seed=seed):
            number = one["row"]
            values = [f"{prefix}{number}", one["text"], *one["choices"], one["gold"]]
            writer.writerow([*values, ("even", "odd")[number % 2]])
    return path


EXPERIMENT = """\
name: choices
task: multiple-choice
data:
  train: {{path: train.csv, text: question, choices: [c0, c1, c2, c3], label: answer, id: id}}
  dev: {{dev: {{path: dev.csv, id: id}}}}
  test: {{test: {{path: test.csv, id: id}}}}
  test_ood: {{ood: {{path: ood.csv, id: id, slices: [parity]}}}}
reference:
  {{model: {model}, layers: 1, learning_rate: 5.0e-3, epochs: 3, batch_size: 16,
    max_length: 24}}
main:
  {{model: {model}, learning_rate: 5.0e-3, epochs: 3, batch_size: 16, max_length: 24,
    evaluations: 3}}
map: {{burn_in: 0}}
baselines: [erm, random]
"""


def write_experiment(folder: Path, model: Path) -> Path:
    """The experiment and its files."""
    for seed, (name, rows) in enumerate({"train": 64, "dev": 24, "test": 24, "ood": 24}.items()):
        write_questions(folder / f"{name}.csv", rows, seed=seed, prefix=name[0])
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT.format(model=model), encoding="utf-8")
    return path
