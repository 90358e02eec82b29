"""A tiny decoder and experiments on commands, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from completions import make_decoder


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folders of tiny decoders, each kind made once."""
    made: dict[str, Path] = {}

    def of(kind: str = "gpt2", **options: bool) -> Path:
        key = f"{kind} {options}"
        if key not in made:
            made[key] = make_decoder(tmp_path_factory.mktemp(kind), kind=kind, **options)
        return made[key]

    return of
