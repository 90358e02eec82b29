"""What cleanlab finds, as far as it depends on us; and that it is an extra."""

import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from ftft.cartography.cleanlab_issues import cleanlab_issues
from ftft.dynamics import TrainingDynamics, write_dynamics
from ftft.errors import DynamicsError
from noisy_labels import noisy

WORDS = (
    "the",
    "film",
    "was",
    "long",
    "slow",
    "sad",
    "funny",
    "loud",
    "old",
    "new",
    "plot",
    "scene",
)


def texts(count):
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(WORDS, 9)) for _ in range(count)]


def test_without_cleanlab(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(DynamicsError, match=r"pip install 'ftft\[cleanlab\]'"):
        cleanlab_issues(noisy())


def test_flipped_labels_are_flagged_and_counted():
    dynamics = noisy()  # the first 40 of 400 are flipped, from x to y to z to x
    found = cleanlab_issues(dynamics)
    rows = found.table.to_pylist()
    assert [row["rank"] for row in rows] == list(range(400))
    assert (np.diff(found.table["score"].to_numpy()) >= 0).all()
    flagged = {int(row["example_id"]) for row in rows if row["is_label_issue"]}
    assert len(flagged) == found.flagged("is_label_issue")
    assert len(flagged & set(range(40))) >= 34
    assert len(flagged - set(range(40))) <= 4
    assert 20 <= found.label_errors <= 45
    for row in rows[:20]:
        label = "xyz".index(row["label"])
        assert label == dynamics.labels[int(row["example_id"])]
        assert row["suggested_label"] == "xyz"[label - 1]


def test_a_class_without_examples():
    dynamics = noisy()
    wider = np.concatenate([dynamics.logits()[..., :1] + 50, dynamics.logits()], axis=2)
    padded = TrainingDynamics.from_arrays(
        wider, dynamics.labels + 1, dynamics.example_ids, ["none", "x", "y", "z"]
    )
    found, plain = cleanlab_issues(padded), cleanlab_issues(dynamics)
    assert set(found.table["suggested_label"].to_pylist()) == {"x", "y", "z"}
    assert found.table.num_rows == plain.table.num_rows
    only = TrainingDynamics.from_arrays(dynamics.logits(), np.zeros(400, dtype=int))
    with pytest.raises(DynamicsError, match="All examples have the same label"):
        cleanlab_issues(only)


def test_near_duplicates_and_outliers():
    written = texts(400)
    written[7] = written[3]
    written[11] = "0x4f 0x6c 0x9e ### 17;42;99"
    found = cleanlab_issues(noisy(), written).table.sort_by("rank").to_pylist()
    by_id = {int(row["example_id"]): row for row in found}
    assert by_id[3]["is_near_duplicate"]
    assert "7" in by_id[3]["near_duplicates"]
    assert "3" in by_id[7]["near_duplicates"]
    assert by_id[11]["is_outlier"]
    assert not by_id[11]["is_near_duplicate"]
    assert min(found, key=lambda row: row["outlier_score"])["example_id"] == "11"


def test_texts_of_others():
    with pytest.raises(DynamicsError, match="9 texts for 400 examples"):
        cleanlab_issues(noisy(), texts(9))
    with pytest.raises(DynamicsError, match="at least 11"):
        cleanlab_issues(noisy(examples=9, flipped=1), texts(9))


def test_by_command(ftft, tmp_path):
    write_dynamics(tmp_path / "dynamics", noisy())
    outcome = ftft(
        "label-errors", "dynamics", "--by", "cleanlab", "--count", 3, "-o", "issues.jsonl"
    )
    assert outcome.code == 0, outcome.err
    assert "of 400 labels and estimates that" in outcome.out
    rows = [json.loads(line) for line in (tmp_path / "issues.jsonl").read_text().splitlines()]
    assert len(rows) == 400
    assert "label_quality" in rows[0]
    assert "label_quality" in outcome.out
    assert f"cleanlab flags {sum(row['is_label_issue'] for row in rows)} of" in outcome.out


def test_without_it_by_command(ftft, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    write_dynamics(tmp_path / "dynamics", noisy())
    outcome = ftft("label-errors", "dynamics", "--by", "cleanlab")
    assert outcome.code == 2
    assert "ftft[cleanlab]" in outcome.err


def test_the_texts_of_an_experiment(ftft, tmp_path, experiment_file):
    from ftft.config.load import load_experiment
    from ftft.data.load import load_data

    train = load_data(load_experiment(experiment_file).data).train
    logits = np.random.default_rng(0).normal(size=(3, len(train), 2))
    # In another order than the data.
    order = np.arange(len(train))[::-1]
    ids = [train.example_ids[int(row)].as_py() for row in order]
    write_dynamics(
        tmp_path / "dynamics",
        TrainingDynamics.from_arrays(logits, train.labels[order], ids, train.class_names),
    )
    outcome = ftft(
        *("label-errors", "dynamics", "--by", "cleanlab"),
        *("--rows", experiment_file, "-o", "issues.parquet"),
    )
    assert outcome.code == 0, outcome.err
    assert "near-duplicates: " in outcome.out
    rows = pq.read_table(tmp_path / "issues.parquet").to_pylist()
    text = dict(zip(train.example_ids.to_pylist(), train.table["text_0"].to_pylist(), strict=True))
    pairs = [(row["example_id"], one) for row in rows for one in row["near_duplicates"]]
    same = [(a, b) for a in text for b in text if a != b and text[a] == text[b]]
    assert set(same) <= set(pairs)


@pytest.mark.parametrize("given", ["run", "run/reference/seed-0", "run/reference/seed-0/dynamics"])
def test_texts_and_preferred_labels_of_a_run_are_shown(ftft, experiment_file, given):
    assert ftft("record", experiment_file, "--output", "run").code == 0
    outcome = ftft("label-errors", given, "--by", "cleanlab", "--count", 3)
    assert outcome.code == 0, outcome.err
    header = next(line for line in outcome.out.splitlines() if "example id" in line)
    assert "model prefers" in header
    assert " text " in header


def test_a_count_beyond_the_examples_shows_all(ftft, tmp_path):
    write_dynamics(tmp_path / "dynamics", noisy())
    outcome = ftft("label-errors", "dynamics", "--by", "cleanlab", "--count", "9" * 20)
    assert outcome.code == 0, outcome.err
