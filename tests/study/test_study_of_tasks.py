"""Studies of tasks other than classification; of completions see ``tests/tasks``."""

from __future__ import annotations

import json

import pytest

import choice_task
import ner
from ftft.config.load_study import load_study
from ftft.study.executors import ThisProcess
from ftft.study.run import run_study

STUDY = """\
name: small
base: {experiment: experiment.yaml, reference: {epochs: 3}, main: {epochs: 1, evaluations: 1}}
grid: {strategies: [ambiguous, hard-to-learn], seeds: [0]}
baselines: [random]
"""


@pytest.mark.parametrize(
    ("made", "metric"), [(choice_task, "accuracy"), (ner, "entity_f1")], ids=["choices", "words"]
)
def test_a_study_trains_each_cell_once(tiny_model, tmp_path, made, metric):
    made.write_experiment(tmp_path, tiny_model)
    (tmp_path / "study.yaml").write_text(STUDY)
    folder, study = tmp_path / "out", load_study(tmp_path / "study.yaml")
    said: list[str] = []
    done = run_study(study, folder, ThisProcess, said.append, lambda progress: None)
    assert not done.failures
    (path,) = folder.glob("*/results.json")
    values = json.loads(path.read_text())
    assert values["metric"] == metric
    found = [(one["method"], one["strategy"]) for one in values["runs"]]
    assert sorted(found) == [("ftft", "ambiguous"), ("ftft", "hard-to-learn"), ("random", "random")]
    for one in values["runs"]:
        assert 0 <= one["scores"]["test"]["ood"][metric] <= 1
        if one["method"] == "ftft":
            assert one["lengths"]["selected"]["mean"] > 0
    again: list[str] = []
    run_study(study, folder, ThisProcess, again.append, lambda progress: None)
    assert not [line for line in again if ": done in" in line]
