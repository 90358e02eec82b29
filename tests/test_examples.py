"""The scripts in examples/ run as a new user would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftft import read_dynamics

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("script", "examples", "epochs"),
    [("record_own_loop.py", 1000, 5), ("record_with_trainer.py", 200, 4)],
)
def test_example(script, examples, epochs, tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), "dynamics"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f"selected {round(0.33 * examples)}, the most ambiguous first" in done.stdout
    dynamics = read_dynamics(tmp_path / "dynamics")
    assert len(dynamics) == examples
    assert dynamics.epochs == tuple(range(epochs))
    assert dynamics.incomplete == {}


def test_every_example_is_tested():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {"record_own_loop.py", "record_with_trainer.py"}


def test_the_example_loop_is_short():
    assert len((EXAMPLES / "record_own_loop.py").read_text().splitlines()) <= 60
