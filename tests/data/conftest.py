from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ftft.config.data import DataConfig
from ftft.data import TaskData, load_data


@pytest.fixture
def write(tmp_path):
    """Write a file from text or bytes, compressed where its name ends in .gz."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        raw = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write


@pytest.fixture
def load(write):
    """Load training data from CSV text, with options of the source and of the whole.

    ``holdout=None`` gives it a development set of its own, so that no row is held out.
    """

    def load(
        content: str, *, holdout: float | None = 0.1, whole: dict | None = None, **options
    ) -> TaskData:
        path = write("train.csv", content)
        train = {"path": str(path), "text": "text", "label": "label"} | options
        config = {"train": train} | (whole or {})
        seed = config.pop("seed", 0)
        if holdout is None:
            config["dev"] = {"d": {"path": str(path), "labels": options.get("labels", {})}}
        else:
            config["holdout"] = holdout
        return load_data(DataConfig.model_validate(config), seed=seed)

    return load
