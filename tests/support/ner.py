"""Sentences with names, made on the spot, as CoNLL files and as an experiment."""

from __future__ import annotations

import json
import random
from pathlib import Path

# Words of the tiny tokenizer: a film or a book is the entity, "very" begins a longer one.
_OTHER = ["the", "a", "good", "bad", "was", "is", "i", "you", "liked", "hated"]

EXPERIMENT = """\
name: names
task: token-classification
data:
  train: {{path: train.conll, text: 1, label: 2}}
  dev: {{dev: {{path: dev.conll}}}}
  test: {{test: {{path: test.conll}}}}
  test_ood: {{ood: {{path: ood.jsonl, text: tokens, label: tags, slices: [source]}}}}
reference:
  {{model: {model}, layers: 1, learning_rate: 1.0e-2, epochs: 4, batch_size: 16, max_length: 24}}
main:
  {{model: {model}, learning_rate: 1.0e-2, epochs: 12, batch_size: 16, max_length: 24,
    evaluations: 3}}
map: {{burn_in: 0}}
baselines: [erm, random]
"""


def sentences(count: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Words and tags; some entities have two words, a few sentences have none."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        pairs = [(chance.choice(_OTHER), "O") for _ in range(chance.randint(2, 6))]
        for _ in range(chance.randint(0, 2)):
            kind, word = chance.choice([("film", "film"), ("text", "book")])
            entity = [("very", f"B-{kind}"), (word, f"I-{kind}")]
            if chance.random() < 0.5:
                entity = [(word, f"B-{kind}")]
            at = chance.choice([0, len(pairs)])
            pairs[at:at] = entity
        made.append(([word for word, _ in pairs], [tag for _, tag in pairs]))
    return made


def write_conll(path: Path, count: int, seed: int) -> Path:
    """A CoNLL file; sentences end with a line that holds a tab, as some published ones do."""
    blocks = [
        "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
        for words, tags in sentences(count, seed)
    ]
    path.write_text("\t\n".join(blocks), encoding="utf-8")
    return path


def write_experiment(folder: Path, model: Path) -> Path:
    """The experiment and its files."""
    for seed, (name, count) in enumerate({"train": 64, "dev": 24, "test": 24}.items()):
        write_conll(folder / f"{name}.conll", count, seed)
    with (folder / "ood.jsonl").open("w", encoding="utf-8") as file:
        for row, (words, tags) in enumerate(sentences(20, 9)):
            made = {"tokens": words, "tags": tags, "source": f"site {row % 2}"}
            file.write(json.dumps(made) + "\n")
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT.format(model=model), encoding="utf-8")
    return path
