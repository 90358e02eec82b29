"""The process that forks the commands of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fault_tools import Commands


@pytest.fixture(scope="module")
def commands(
    tmp_path_factory: pytest.TempPathFactory, make_experiment: Any, preloaded: str
) -> Iterator[Commands]:
    """Commands on the review task with FTFT, ERM, a random subset and DM."""
    file = make_experiment(tmp_path_factory.mktemp("faults"))
    text = file.read_text().replace("baselines: [erm]", "baselines: [erm, random, dm]")
    file.write_text(text)
    commands = Commands(file, preloaded)
    yield commands
    commands.close()
