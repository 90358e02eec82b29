"""Two processes on one machine train and record every task as one does."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import choice_task
import completions
import ner
from ftft import DataMap, read_dynamics
from ftft.dynamics.shards import list_flushes
from ftft.dynamics.words import read_words
from tasks_in_processes import EXAMPLES, NAMES, PASSES, train


@pytest.fixture(scope="module")
def experiments(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each task; no model has dropout, whose draws differ between processes."""
    folder = tmp_path_factory.mktemp("experiments")
    plain = folder / "plain"
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(plain)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(plain)
    decoder = completions.make_decoder(folder / "decoder", kind="llama")
    for name in NAMES:
        (folder / name).mkdir()
    completions.write_experiment(folder / "causal-lm", decoder)
    choice_task.write_experiment(folder / "multiple-choice", plain)
    ner.write_experiment(folder / "token-classification", plain)
    return folder


@pytest.fixture(scope="module")
def together(experiments: Path, tmp_path_factory: pytest.TempPathFactory, preloaded: str) -> Path:
    """What two processes wrote."""
    folder = tmp_path_factory.mktemp("processes")
    here = Path(__file__).parents[1] / "support"
    path = [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [preloaded, str(here / "tasks_in_processes.py"), str(experiments), str(folder), "2"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_draw_the_map_of_one(experiments, together, tmp_path, name):
    alone = train(experiments, name, tmp_path / name)
    recorded = [read_dynamics(folder / "dynamics") for folder in (tmp_path / name, together / name)]
    assert all(len(one) == EXAMPLES and one.epochs == (0, 1) for one in recorded)
    assert {flush.rank for flush in list_flushes(together / name / "dynamics")} == {0, 1}
    one, other = (DataMap.from_dynamics(dynamics, burn_in=0) for dynamics in recorded)
    assert one.example_ids.equals(other.example_ids)
    for statistic in ("confidence", "variability", "correctness", "mean_loss"):
        found = getattr(other, statistic)
        np.testing.assert_allclose(found, getattr(one, statistic), atol=1e-3, err_msg=statistic)
    assert one.variability.max() > 1e-3, "something was learnt between the points"
    for rank in (0, 1):
        scores = json.loads((together / f"rank-{rank}.json").read_text())[name]["dev"]
        assert scores == pytest.approx(alone.dev_scores["dev"], abs=1e-3)


@pytest.mark.slow
def test_two_processes_record_the_words_of_one_in_passes(experiments, together, tmp_path):
    train(experiments, "token-classification", tmp_path, PASSES)
    found, expected = (
        read_words(folder / "dynamics") for folder in (together / "passes", tmp_path)
    )
    assert sorted(found) == sorted(expected) == [0, 1]
    for point, words in expected.items():
        for name in ("index", "word", "given"):
            np.testing.assert_array_equal(getattr(found[point], name), getattr(words, name))
        np.testing.assert_allclose(found[point].probability, words.probability, atol=1e-3)
