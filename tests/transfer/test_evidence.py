"""What the evidence says of small data, wherever it is said."""

from pathlib import Path

import numpy as np
import pytest

from ftft.dynamics import TrainingDynamics, write_dynamics
from ftft.transfer.evidence import ENOUGH_EXAMPLES, notes_on_size

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("examples", "said"), [(ENOUGH_EXAMPLES - 1, 1), (ENOUGH_EXAMPLES, 0)])
def test_from_which_size_on_it_is_said(examples, said):
    assert len(notes_on_size(examples)) == said


def test_the_readme_names_the_same_size():
    assert f"You have {ENOUGH_EXAMPLES:,} examples or more." in (ROOT / "README.md").read_text()


def test_validate_dry_runs_and_preflight_say_so(ftft, make_experiment, tmp_path):
    said = "{} training examples are few: on tweets and on phrases of reviews a main model"
    file = make_experiment(tmp_path)
    for command in (("validate", file), ("run", file, "--dry-run")):
        outcome = ftft(*command)
        assert outcome.code == 0, outcome.err
        assert outcome.out.count(said.format(64)) == 1
    logits = np.random.default_rng(0).normal(size=(4, 90, 2))
    write_dynamics(tmp_path / "d", TrainingDynamics.from_arrays(logits, np.arange(90) % 2))
    outcome = ftft("preflight", tmp_path / "d")
    assert outcome.code == 0, outcome.err
    assert said.format(90) in outcome.err
