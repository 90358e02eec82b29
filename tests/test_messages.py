"""The messages of the benchmark: the rates that it promises, and no message twice."""

import csv
import sys
from collections import Counter
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SUBJECTS = ("Account", "Billing", "Delivery", "Repair")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messages")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import messages

        messages.generate(folder, 3)
    for name in ("messages", "demo_seeds"):
        sys.modules.pop(name, None)
    found = {}
    for name in ("train", "dev", "test_id", "test_ood"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            found[name] = list(csv.DictReader(file))
    return found


def parts(row):
    """The subject, None where there is none, and the message."""
    head, colon, rest = row["text"].partition(": ")
    assert not colon or head in SUBJECTS
    return (head.lower(), rest) if colon else (None, row["text"])


def test_rates(sets):
    train = sets["train"]
    assert Counter(row["counterexample"] for row in train)["true"] == 30
    assert Counter(row["flipped"] for row in train)["true"] == 150
    assert 0.2 < sum(parts(row)[0] is None for row in train) / len(train) < 0.3
    for name in ("dev", "test_id", "test_ood"):
        assert {row["flipped"] for row in sets[name]} == {"false"}


def test_subjects_say_nothing_out_of_distribution(sets):
    cells = Counter((parts(row)[0], row["label"]) for row in sets["test_ood"])
    assert len(cells) == 16
    assert set(cells.values()) <= {37, 38}


def test_marks_agree_with_subjects_and_no_message_is_there_twice(sets):
    rows = [row for one in sets.values() for row in one]
    for row in rows:
        if row["flipped"] == "false":
            wrong = parts(row)[0] not in (None, row["label"])
            assert (row["counterexample"] == "true") == wrong
    assert len({parts(row)[1] for row in rows}) == len(rows)
