"""What tests share: a tiny model and a small labelled data set, made on the spot, no network."""

from __future__ import annotations

import csv
import gc
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from preloaded import skip_syncs, start

# The same examples in every ordinary run, so that what fails, fails again; others by FTFT_FUZZ=1.
settings.register_profile("repeatable", derandomize=True)
if "FTFT_FUZZ" not in os.environ:
    settings.load_profile("repeatable")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Threads of torch only wait for each other on matrices this small.
os.environ.setdefault("OMP_NUM_THREADS", "1")
skip_syncs()


def pytest_configure(config: pytest.Config) -> None:
    """Start what :func:`preloaded` gives: one for all processes of xdist."""
    if not hasattr(config, "workerinput") and hasattr(os, "pidfd_open"):
        program, end = start()
        os.environ["FTFT_PRELOADED"] = str(program)
        config.add_cleanup(end)


@pytest.fixture(scope="session")
def preloaded() -> str:
    """A Python that starts with the libraries imported; for what tests no import of them."""
    return os.environ.get("FTFT_PRELOADED", sys.executable)


def pytest_collection_finish() -> None:
    """Leave what was imported out of later garbage collections, of which each training asks one."""
    gc.collect()
    gc.freeze()


WORDS = [
    *("the", "a", "good", "bad", "very", "not", "film", "book", "was", "is"),
    *("i", "you", "liked", "hated", "it", "and", "or", "but", "dull", "bright"),
]


def make_model(
    folder: Path, *, kind: str = "bert", layers: int = 2, hidden: int = 32, positions: int = 64
) -> Path:
    """Write a tiny network of a kind with random weights and a whole-word tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast, set_seed

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=positions,
    )
    set_seed(0)
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        # RoBERTa counts from the padding token's id on.
        max_position_embeddings=positions + (2 if kind == "roberta" else 0),
        pad_token_id=0,
    )
    AutoModel.from_config(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def write_reviews(path: Path, rows: int, *, seed: int = 0, prefix: str = "r") -> Path:
    """Write a CSV whose label follows from one word, with columns id, text, label, source."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "source"])
        for row in range(rows):
            label = chance.choice(["neg", "pos"])
            words = [chance.choice(WORDS[:4:3] + WORDS[4:8]) for _ in range(chance.randint(2, 8))]
            words.insert(chance.randint(0, len(words)), "liked" if label == "pos" else "hated")
            source = chance.choice(["web", "print"])
            writer.writerow([f"{prefix}{row}", " ".join(words), label, source])
    return path


@pytest.fixture(scope="session")
def model_maker() -> Callable[..., Path]:
    """:func:`make_model`, for fixtures of other folders."""
    return make_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer BERT and its tokenizer."""
    return make_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def make_experiment(tiny_model: Path) -> Callable[[Path], Path]:
    """Write the review task and its experiment into a folder; for fixtures of wider scope."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for seed, (name, rows) in enumerate(SIZES.items()):
            write_reviews(folder / f"{name}.csv", rows, seed=seed, prefix=name[0])
        path = folder / "experiment.yaml"
        path.write_text(EXPERIMENT.format(model=tiny_model), encoding="utf-8")
        return path

    return make


@pytest.fixture
def review_files(tmp_path: Path) -> dict[str, Path]:
    """Training, development and test files of the review task."""
    return {
        "train": write_reviews(tmp_path / "train.csv", 64, seed=0, prefix="t"),
        "dev": write_reviews(tmp_path / "dev.csv", 24, seed=1, prefix="d"),
        "test": write_reviews(tmp_path / "test.csv", 24, seed=2, prefix="e"),
        "ood": write_reviews(tmp_path / "ood.csv", 24, seed=3, prefix="o"),
    }


SIZES = {"train": 64, "dev": 24, "test": 24, "ood": 24}

EXPERIMENT = """\
name: tiny
data:
  train: {{path: train.csv, text: text, label: label, id: id}}
  dev: {{dev: {{path: dev.csv, id: id}}}}
  test: {{test: {{path: test.csv, id: id}}}}
  test_ood: {{ood: {{path: ood.csv, id: id, slices: [source]}}}}
reference:
  {{model: {model}, layers: 1, learning_rate: 5.0e-3, epochs: 3, batch_size: 16,
    max_length: 16}}
main:
  {{model: {model}, learning_rate: 5.0e-3, epochs: 3, batch_size: 16, max_length: 16,
    evaluations: 3}}
map: {{burn_in: 0}}
baselines: [erm]
"""


@pytest.fixture
def experiment_file(tmp_path: Path, tiny_model: Path, review_files: dict[str, Path]) -> Path:
    """A valid experiment on the review files with the tiny model as reference and main."""
    path = tmp_path / "experiment.yaml"
    path.write_text(EXPERIMENT.format(model=tiny_model), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Outcome:
    """The command line, called in this process: exit status and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def ftft(monkeypatch, capsys, tmp_path):
    """Call ``ftft ARGUMENTS`` in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FTFT_DEBUG", raising=False)

    from ftft.cli import main

    # Whether they are loaded depends on the tests before.
    monkeypatch.setattr("ftft.cli.loading._is_loaded", lambda library: True)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["ftft", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
