"""Prompts and completions that test composition: SCAN, with decoders of random weights.

``python benchmarks/scan.py FOLDER --data DATA`` reads DATA/scan and writes into FOLDER a decoder of
random weights with a whole-word tokenizer (a Llama, whose rotary positions are relative: longer
completions than those of training are not at positions that were never trained), and an experiment
file for each split (``around_right``: "around right" is never seen in training; ``length``: the
test commands ask for longer sequences).
The reference is its first layers. Then ``ftft run FOLDER/around_right.yaml``, or
``ftft study FOLDER/around_right.study.yaml`` for several selections and seeds. The test files are
out of distribution by construction; a
tenth of the training rows is held out as the development set.

The data: Lake and Baroni (2018), "Generalization without Systematicity"; BSD license.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ftft.demo.decoder import POSITIONS, write_decoder

SPLITS = ("around_right", "length")

EXPERIMENT = """\
# SCAN, split {split}: a main model of {layers} layers, its reference the first {reference} of them.
name: scan-{split}
task: causal-lm
data:
  train: {{path: "{data}/{split}_train.jsonl", prompt: prompt, completion: completion{limit}}}
  holdout: 0.1
  test_ood:
    {split}: {{path: "{data}/{split}_test.jsonl"}}
reference:
  model: decoder
  layers: {reference}
  learning_rate: 1.0e-3
  epochs: {epochs}
  batch_size: 64
  max_length: {positions}
main:
  model: decoder
  learning_rate: 1.0e-3
  epochs: {epochs}
  batch_size: 64
  eval_batch_size: 256
  max_length: {positions}
  evaluations: 4
  patience: null
  keep: last
selection: {{strategy: hard-to-learn, fraction: 0.33}}
baselines: [erm, erm_budget, random]
seeds: [0]
"""

STUDY = """\
name: scan-{split}
base: {split}.yaml
grid:
  references:
    first-layers: {{epochs: {reference_epochs}}}
  strategies: [hard-to-learn, ambiguous, loss-clusters]
  seeds: [0, 1, 2, 3]
baselines: [erm, erm_budget, random]
"""


def words_of(files: Sequence[Path]) -> list[str]:
    """All words of prompts and completions, sorted."""
    found: set[str] = set()
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.update(row["prompt"].split(), row["completion"].split())
    return sorted(found)


def prepare(
    folder: Path,
    data: Path,
    *,
    layers: int = 4,
    reference: int = 2,
    hidden: int = 128,
    epochs: int = 8,
    reference_epochs: int = 5,
    limit: int | None = None,
) -> list[Path]:
    """Write the decoder, an experiment and a study for each split; returns the experiment files."""
    scan = data / "scan"
    files = [scan / f"{split}_{part}.jsonl" for split in SPLITS for part in ("train", "test")]
    folder.mkdir(parents=True, exist_ok=True)
    write_decoder(folder / "decoder", words_of(files), layers=layers, width=hidden, seed=0)
    written = []
    for split in SPLITS:
        text = EXPERIMENT.format(
            split=split,
            data=scan.absolute(),
            layers=layers,
            reference=reference,
            epochs=epochs,
            positions=POSITIONS,
            limit="" if limit is None else f", limit: {limit}",
        )
        written.append(folder / f"{split}.yaml")
        written[-1].write_text(text, encoding="utf-8")
        study = STUDY.format(split=split, reference_epochs=reference_epochs)
        (folder / f"{split}.study.yaml").write_text(study, encoding="utf-8")
    return written


def main() -> None:
    """Write the experiments and say how to run them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=os.environ.get("FTFT_DATA"))
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--reference", type=int, default=2, help="layers of the reference")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--reference-epochs", type=int, default=5, help="of the studies")
    parser.add_argument("--limit", type=int, help="training rows, to try it out")
    given = vars(parser.parse_args())
    if given["data"] is None:
        parser.error("give --data, or set FTFT_DATA: the folder that holds scan/")
    for file in prepare(given.pop("folder"), Path(given.pop("data")), **given):
        print(f"ftft run {file}\nftft study {file.with_suffix('.study.yaml')}")


if __name__ == "__main__":
    main()
