"""Token classification through the commands, from a CoNLL file to the report."""

import json
import re

import numpy as np
import pytest

from ftft import DataMap
from ftft.dynamics import read_dynamics
from ner import write_experiment


@pytest.fixture
def experiment(tmp_path, tiny_model):
    path = write_experiment(tmp_path, tiny_model).rename(tmp_path / "names.yaml")
    return path


def test_from_the_data_to_the_report(ftft, experiment, tmp_path):
    validated = ftft("validate", experiment)
    assert validated.code == 0, validated.err
    ran = ftft(
        "run", experiment, "--output", "run", "--set", "baselines=[erm,erm_budget,random,dm]"
    )
    assert ran.code == 0, ran.err
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["metric"] == "entity_f1"
    assert "entity F1" in ran.out
    methods = {one["method"] for one in results["runs"]}
    assert methods == {"ftft", "erm", "erm_budget", "random", "dm"}
    for one in results["runs"]:
        scores = one["scores"]["test"]["test"]
        assert {"entity_f1", "token_accuracy", "examples"} == set(scores)
        assert set(one["slices"]["test"]["entity type"]) == {"film", "text"}
        assert set(one["slices"]["ood"]["source"]) == {"site 0", "site 1"}
    erm = next(one for one in results["runs"] if one["method"] == "erm")
    assert erm["scores"]["test"]["test"]["entity_f1"] > 0.6  # O everywhere gives 0
    assert erm["cost"]["flops"]["main"] > 0
    dynamics = read_dynamics(tmp_path / "run/reference/seed-0/dynamics")
    assert (len(dynamics), dynamics.encoding) == (64, "values")
    assert not np.isnan(dynamics.point_values(0).probability).any()
    html = (tmp_path / "run/report.html").read_text()
    assert "entity F1" in html
    again = ftft("run", experiment, "--output", "run")
    assert again.code == 0
    assert "main/seed-0: done before" in again.err + again.out
    assert re.search(r": training( \d|,)", again.err + again.out) is None


def test_the_other_commands(ftft, experiment, tmp_path):
    ran = ftft("run", experiment, "--output", "run", "--set", "baselines=[dm]")
    assert ran.code == 0, ran.err
    drawn = ftft("map", "run/reference/seed-0/dynamics", "-o", "m.parquet", "--burn-in", "0")
    assert drawn.code == 0, drawn.err
    assert DataMap.read(tmp_path / "m.parquet").group_names == (
        *("without entities", "with entities"),
    )
    for arguments in (
        ["select", "m.parquet", "-o", "s.parquet", "--fraction", "0.5"],
        ["preflight", "run/reference/seed-0"],
        ["transfer", "run/reference/seed-0/dynamics", "run/erm/seed-0/dynamics"],
        ["label-errors", "m.parquet"],
        ["export", "s.parquet", "--rows", experiment, "rows.parquet"],
        ["export", "s.parquet", "--rows", experiment, "rows.jsonl"],
        ["export", "s.parquet", "--rows", experiment, "rows.csv"],
        ["evaluate", experiment, "run/main/seed-0/model"],
        ["report", "run", "-o", "again.html"],
    ):
        found = ftft(*arguments)
        assert found.code == 0, (arguments, found.err)
    found = ftft("label-errors", "run/reference/seed-0", "--by", "cleanlab")
    assert found.code == 2
    assert "logits" in found.err


def test_what_truncation_takes_is_said(ftft, experiment):
    ran = ftft("run", experiment, "--output", "run", "--set", "reference.max_length=8")
    assert ran.code == 0, ran.err
    assert "lie beyond max_length 8 and lost their tag" in ran.err + ran.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("metric=accuracy", "metric is accuracy, but task token-classification has"),
        ("task=classification", "set task: token-classification"),
        ("task=tokens", "task:"),
        ("data.train.label=3", "the tag in column 3"),
        ("data.dev.dev.path=ood.jsonl", "is no column"),
    ],
)
def test_what_does_not_fit_is_said(ftft, experiment, change, words):
    found = ftft("validate", experiment, "--set", change)
    assert found.code == 2
    assert words in " ".join(found.err.split())
    assert "Traceback" not in found.err


def test_init_finds_tagged_sentences(ftft, experiment, tmp_path, tiny_model):
    models = ["--reference", tiny_model, "--main", tiny_model]
    for name in ("train.conll", "ood.jsonl"):
        made = ftft("init", name, *models, "-o", "made.yaml", "--overwrite")
        assert made.code == 0, made.err
        written = (tmp_path / "made.yaml").read_text()
        assert "task: token-classification" in written
        assert "metric: entity_f1" in written
        assert "B-film (" in written
        limits = ["reference.max_length=24", "main.max_length=24"]
        checked = ftft(
            "validate", "made.yaml", *(part for one in limits for part in ("--set", one))
        )
        assert checked.code == 0, checked.err


def test_label_errors_name_the_word(ftft, experiment, tmp_path):
    """Four tags of 64 sentences are made wrong, and found again."""
    lines = (tmp_path / "train.conll").read_text().split("\n")
    at = [row for row, line in enumerate(lines) if line == "book\tB-text"][::4][:4]
    assert len(at) == 4
    for row in at:
        lines[row] = "book\tB-film"
    (tmp_path / "train.conll").write_text("\n".join(lines))
    longer = ("--output", "run", "--set", "reference.epochs=16")
    assert ftft("record", experiment, *longer).code == 0
    by_word = ("run/reference/seed-0", "--by", "word", "--rows", experiment, "-o", "words.jsonl")
    found = ftft("label-errors", *by_word, "--burn-in", 6)
    assert found.code == 0, found.err
    assert "preferred tag" in found.out
    rows = [json.loads(line) for line in (tmp_path / "words.jsonl").read_text().splitlines()]
    assert "probability" in rows[0]
    assert "score" not in rows[0]
    first = [(one["word"], one["label"], one["preferred"]) for one in rows[:6]]
    assert first.count(("book", "B-film", "B-text")) >= 3
    # Where they are: sentences end with a line without a word.
    starts = [0, *(row + 1 for row, line in enumerate(lines) if not line.strip())]
    sentence = {row: max(start for start in starts if start <= row) for row in at}
    positions = {row - sentence[row] + 1 for row in at}
    assert {one["position"] for one in rows[:6] if one["preferred"] == "B-text"} <= positions
    without = ftft("label-errors", "run/reference/seed-0", "--by", "word")
    assert without.code == 2
    assert "add --rows with the experiment file" in without.err


def test_label_errors_name_the_word_also_after_recording_passes(ftft, experiment, tmp_path):
    passes = ("--set", "reference.recording={mode: evaluation, points_per_epoch: 2}")
    assert ftft("record", experiment, "--output", "run", *passes).code == 0
    by_word = ("--by", "word", "--rows", experiment, "--burn-in", 4, "-o")
    found = ftft("label-errors", "run/reference/seed-0", *by_word, "words.jsonl")
    assert found.code == 0, found.err
    rows = [json.loads(line) for line in (tmp_path / "words.jsonl").read_text().splitlines()]
    assert rows
    assert all(one["label"] != one["preferred"] for one in rows)
    scores = [one["probability"] for one in rows]
    assert scores == sorted(scores)
    # An older ftft recorded none in such passes, and what its folders lack is said.
    for path in (tmp_path / "run/reference/seed-0/dynamics").glob("words-*"):
        path.unlink()
    lacking = ftft("label-errors", "run/reference/seed-0/dynamics", *by_word, "w.csv")
    assert lacking.code == 2
    assert "record them from this version on" in " ".join(lacking.err.split())
