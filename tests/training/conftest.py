"""A tiny training: 40 reviews and a two-layer BERT, about half a second a run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftft.config.schema import FineTuning, Recording
from ftft.data.encode import EncodedDataset, encode
from ftft.training.arguments import Plan
from ftft.training.finetune import DevSets, FineTuned, _callbacks, finetune
from tiny_task import reviews


@pytest.fixture(scope="session", autouse=True)
def quick_collection() -> Iterator[None]:
    """Keep what torch and transformers import out of garbage collection.

    Every training collects garbage, which takes longer than the tiny training itself.
    """
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="session")
def train(tokenizer: Any) -> EncodedDataset:
    """40 examples: with a batch of 16, two full batches and one of 8."""
    return encode(reviews("train", 40), tokenizer, max_length=16)


@pytest.fixture(scope="session")
def dev_set(tokenizer: Any) -> EncodedDataset:
    return encode(reviews("dev", 12, seed=1), tokenizer, max_length=16)


@pytest.fixture(scope="session")
def dev(dev_set: EncodedDataset) -> DevSets:
    return DevSets({"dev": dev_set}, ("dev",), "accuracy")


@pytest.fixture
def settings(tiny_model: Path) -> Any:
    """Make settings of a training of the tiny model."""

    def make(**changes: Any) -> FineTuning:
        values = {"model": str(tiny_model), "learning_rate": 3e-3, "batch_size": 16}
        values |= {"precision": "fp32"}
        return FineTuning(**(values | {"epochs": 2, "max_length": 16} | changes))

    return make


@pytest.fixture
def tune(
    settings: Any,
    train: EncodedDataset,
    dev: DevSets,
    tokenizer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Fine-tune the tiny model below a folder of the test, with callbacks that look on."""

    def run(to: str, schedule: Plan, *, spies: tuple[Any, ...] = (), **options: Any) -> FineTuned:
        given = _callbacks
        monkeypatch.setattr(
            "ftft.training.finetune._callbacks", lambda *args: [*given(*args), *spies]
        )
        chosen = options.pop("settings", None) or settings()
        data, sets = options.pop("train", train), options.pop("dev", dev)
        return finetune(chosen, schedule, data, sets, tokenizer, tmp_path / to, **options)

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, FineTuned]]:
    """Where :func:`whole` keeps what it trains for the tests of a file."""
    return tmp_path_factory.mktemp("trained"), {}


@pytest.fixture
def whole(tune: Any, trained: tuple[Path, dict[str, FineTuned]]) -> Any:
    """A training that nothing happens to, done once for all that ask for the same; to look at."""
    folder, done = trained

    def of(schedule: Plan, recording: Recording | None = None) -> FineTuned:
        key = repr((schedule, recording))
        if key not in done:
            done[key] = tune(str(folder / str(len(done))), schedule, recording=recording)
        return done[key]

    return of
