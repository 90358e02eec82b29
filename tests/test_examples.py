"""The scripts in examples/ run as programs, in a Python that has the libraries imported."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ftft import read_dynamics

EXAMPLES = Path(__file__).parent.parent / "examples"


SCRIPTS = {
    "record_own_loop.py": (1000, 5, 330),
    "record_with_trainer.py": (200, 4, 66),
    "record_with_sft.py": (200, 4, 66),
    "record_with_rewards.py": (200, 4, 20),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_example(script, tmp_path, preloaded):
    examples, epochs, selected = SCRIPTS[script]
    done = subprocess.run(
        [preloaded, str(EXAMPLES / script), "dynamics"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f"selected {selected}, the " in done.stdout
    dynamics = read_dynamics(tmp_path / "dynamics")
    assert len(dynamics) == examples
    assert dynamics.epochs == tuple(range(epochs))
    assert dynamics.incomplete == {}


def test_every_example_is_tested():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == set(SCRIPTS)


def test_the_example_loop_is_short():
    assert len((EXAMPLES / "record_own_loop.py").read_text().splitlines()) <= 60
