"""Studies of tasks other than classification; of completions see ``tests/tasks``."""

from __future__ import annotations

import json

import pytest

import choice_task
import ner
from ftft.config.load_study import load_study
from ftft.report.html import write_report
from ftft.results.documents import table_text
from ftft.results.read import read_run
from ftft.study.executors import ThisProcess
from ftft.study.run import run_study
from ftft.study.summary import read_summary

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
        # A random subset has no map of its own, and FTFT's lengths say nothing without it.
        assert one["lengths"]["selected"]["mean"] > 0
        assert one["lengths"]["all"] == values["runs"][0]["lengths"]["all"]
    rows = read_summary(folder, study).rows
    assert all(row.tokens is not None for row in rows)
    assert "tokens / all" in table_text(rows, "markdown").splitlines()[0]
    assert "tokens_over_all_mean" in table_text(rows, "csv").splitlines()[0]
    page = write_report([read_run(path.parent)], tmp_path / "report.html").read_text()
    for name in ("FTFT", "random subset"):  # in the part of each of both strategies
        assert page.count(f"<dt>tokens an example, {name}</dt><dd>selected mean ") == 2
    again: list[str] = []
    run_study(study, folder, ThisProcess, again.append, lambda progress: None)
    assert not [line for line in again if ": done in" in line]


def test_a_baseline_at_ftfts_cost_reads_the_stages_of_one_ftft(tiny_model, tmp_path):
    """Whatever strategy the base names beside those of the grid."""
    choice_task.write_experiment(tmp_path, tiny_model)
    text = STUDY.replace("evaluations: 1}}", "evaluations: 1}, selection: {strategy: forgetting}}")
    text = text.replace("baselines: [random]", "baselines: [erm_budget, random_budget]")
    assert text.count("forgetting") == text.count("_budget, ") == 1
    (tmp_path / "study.yaml").write_text(text)
    folder, study = tmp_path / "out", load_study(tmp_path / "study.yaml")
    done = run_study(study, folder, ThisProcess, lambda line: None, lambda progress: None)
    assert not done.failures
    runs = json.loads(next(folder.glob("*/results.json")).read_text())["runs"]
    assert {one["method"] for one in runs} == {"ftft", "erm_budget", "random_budget"}
