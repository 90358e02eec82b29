"""The demo's data: the rates it promises, and its labels against an independent reading."""

import csv
import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ftft.demo.generate import FILES, DemoData, DemoRow, generate_demo, write_demo
from ftft.demo.prepare import prepare_demo
from ftft.demo.tickets import Message
from ftft.errors import DataError

# Starts of the files' SHA-256. A change here changes every figure given for the demo.
PINNED = {
    "train": "d0fa987c5850",
    "dev": "df73f44187bf",
    "test_id": "200ed77f4fe1",
    "test_ood": "eb814e8d1dc8",
}
SUBJECTS = ("Account", "Billing", "Delivery", "Repair")
# What a reader takes for a sign that all is well with a topic.
FINE = (
    r"signing in works|my password is fine|profile is in order|log in again|payment went through"
    r"|invoice was right|paid the bill|refund is here|came on time|courier was quick"
    r"|box arrived on|shipping was fast|works well|nothing is broken|runs again|good shape"
)
WORDS = {
    "account": r"sign|password|profile|log in|login|user name|change my name|logs|security"
    r"|newsletter|delete|second factor|attempts",
    "billing": r"charged|invoice|refund|discount|debited|receipt|price|instalments|bill|money"
    r"|voucher|transfer|statement|amount",
    "delivery": r"arrived|parcel|courier|tracking|ship|missing|driver|send the|package|meant"
    r"|warehouse|van comes|the box",
    "repair": r"not switch on|broke|noise|cable|hot|button|stops|crack|smoke|battery|lid|burnt"
    r"|water|blinks|screw",
}


@pytest.fixture(scope="module")
def data() -> DemoData:
    return generate_demo(seed=3, train=1500, dev=150, test=400)


def all_rows(data: DemoData) -> list[DemoRow]:
    return [*data.train, *data.dev, *data.test_id, *data.test_ood]


def subject_of(row: DemoRow) -> str | None:
    head, colon, _ = row.text.partition(": ")
    assert not colon or head in SUBJECTS
    return head.lower() if colon else None


def test_same_seed_same_data_other_seed_other_data() -> None:
    first = generate_demo(seed=5, train=60, dev=10, test=20)
    assert generate_demo(seed=5, train=60, dev=10, test=20) == first
    assert generate_demo(seed=6, train=60, dev=10, test=20) != first


def test_the_data_of_the_demo_are_the_same_everywhere(tmp_path: Path) -> None:
    prepare_demo(tmp_path)
    paths = {name: tmp_path / "data" / file for name, file in FILES.items()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}
    assert {name: digest[:12] for name, digest in digests.items()} == PINNED


def test_evaluation_sets_do_not_depend_on_the_training_size(data: DemoData) -> None:
    small = generate_demo(seed=3, train=30, dev=150, test=400)
    assert replace(data, train=()) == replace(small, train=())


def test_rates(data: DemoData) -> None:
    assert [len(data.train), len(data.dev), len(data.test_id)] == [1500, 150, 400]
    assert sum(row.counterexample for row in data.train) == 15
    assert sum(row.counterexample for row in data.test_id) == 4
    assert sum(row.flipped for row in data.train) == 75
    assert not any(row.flipped for row in (*data.dev, *data.test_id, *data.test_ood))
    bare = sum(subject_of(row) is None for row in data.train) / len(data.train)
    assert 0.2 < bare < 0.3
    assert set(Counter(row.true_label for row in data.train).values()) == {375}


def test_subjects_say_nothing_out_of_distribution(data: DemoData) -> None:
    cells = Counter((subject_of(row), row.label) for row in data.test_ood)
    assert len(cells) == 16
    assert set(cells.values()) == {25}


def test_marks_agree_with_labels(data: DemoData) -> None:
    for row in all_rows(data):
        assert row.flipped == (row.label != row.true_label)
        assert row.counterexample == (subject_of(row) not in (None, row.true_label))


def test_no_message_occurs_twice_whatever_its_subject(data: DemoData) -> None:
    rows = all_rows(data)
    assert len({row.text.rpartition(": ")[2] for row in rows}) == len(rows)
    assert len({row.id for row in rows}) == len(rows)


def test_a_reader_of_the_words_comes_to_the_same_topics(data: DemoData) -> None:
    """One who leaves out the subject and what is fine, and knows only some words."""
    rows, sure = all_rows(data), 0
    for row in rows:
        message = row.text.rpartition(": ")[2].lower()
        asked = re.sub(FINE.lower(), "", message)
        found = [topic for topic, words in WORDS.items() if re.search(words, asked)]
        assert row.true_label in found, row
        assert (row.mentions == "two topics") == (asked != message), row
        sure += len(found) == 1
    assert sure >= 0.9 * len(rows)


def test_written_files_read_back(tmp_path: Path, data: DemoData) -> None:
    paths = write_demo(tmp_path / "new" / "folder", data)
    assert {name: path.name for name, path in paths.items()} == FILES
    assert sorted(path.name for path in paths["dev"].parent.iterdir()) == sorted(FILES.values())
    with paths["train"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(data.train)
    for read, row in zip(rows, data.train, strict=True):
        assert (read["id"], read["text"]) == (row.id, row.text)
        assert (read["label"], read["true_label"]) == (row.label, row.true_label)
        assert read["mentions"] == row.mentions
        assert read["counterexample"] == ("true" if row.counterexample else "false")
        assert read["flipped"] == ("true" if row.flipped else "false")


def test_writing_replaces_and_leaves_nothing_behind_when_it_fails(
    tmp_path: Path, data: DemoData, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_demo(tmp_path, data)
    before = (tmp_path / "train.csv").read_bytes()

    def fail(source: Path, target: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(DataError, match=r"train\.csv cannot be written: no space"):
        write_demo(tmp_path, generate_demo(seed=9, train=20, dev=5, test=5))
    assert (tmp_path / "train.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES.values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": 0}, "train is 0"),
        ({"test": -1}, "test is -1"),
        ({"flip_rate": 1.5}, "flip_rate is 1.5"),
        ({"no_subject_rate": -0.1}, "no_subject_rate is -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        generate_demo(**settings)  # type: ignore[arg-type]  # bad values on purpose


def test_a_set_larger_than_the_language_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ftft.demo.generate.make_message",
        lambda rng, topic: Message(f"About {topic}.", topic, "one topic"),
    )
    with pytest.raises(DataError, match="not enough messages for 5 in test_ood"):
        generate_demo(test=5, train=1, dev=1)
