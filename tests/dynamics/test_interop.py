from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from ftft.dynamics import (
    TrainingDynamics,
    read_cartography,
    read_uid_to_logits,
    write_cartography,
)
from ftft.errors import DynamicsError
from published import needs, published

SAMPLE = "cartography"


@pytest.fixture
def sample() -> Path:
    return published(SAMPLE)


def dynamics(ids=None, epochs=3, examples=6, classes=3):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(epochs, examples, classes)) * 10.0 ** generator.integers(
        -30, 30, (epochs, examples, 1)
    )
    return TrainingDynamics.from_arrays(logits, generator.integers(0, classes, examples), ids)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, rows: list[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def row(guid: object, epoch: int = 0, gold: object = 0, logits: object = (0.5, -1.0)) -> dict:
    return {"guid": guid, f"logits_epoch_{epoch}": logits, "gold": gold}


@needs(SAMPLE)
@pytest.mark.parametrize("epoch", range(5))
def test_the_published_sample_comes_back_and_is_written_the_same(sample, tmp_path, epoch):
    path = sample / f"dynamics_epoch_{epoch}.jsonl"
    found = read_cartography(path)
    assert (found.epochs, len(found), found.num_classes) == ((epoch,), 10, 3)
    for position, line in enumerate(lines(path)):
        assert found.example_ids[position].as_py() == str(line["guid"])
        assert found.labels[position] == line["gold"]
        expected = np.array(line[f"logits_epoch_{epoch}"], dtype=np.float32)
        np.testing.assert_array_equal(found.epoch_logits(epoch)[position], expected)
    write_cartography(tmp_path, found)
    for ours, theirs in zip(lines(tmp_path / "dynamics_epoch_0.jsonl"), lines(path), strict=True):
        assert list(ours) == ["guid", "logits_epoch_0", "gold"]
        assert (ours["guid"], ours["gold"]) == (theirs["guid"], theirs["gold"])
        assert isinstance(ours["guid"], int)
        np.testing.assert_allclose(
            ours["logits_epoch_0"], theirs[f"logits_epoch_{epoch}"], rtol=1e-7
        )


@needs(SAMPLE)
def test_the_published_sample_has_other_examples_in_each_epoch(sample):
    with pytest.raises(DynamicsError, match=r"10 ids are not"):
        read_cartography(sample)


@pytest.mark.parametrize(
    "ids",
    [
        None,
        ["a", 'quo"te', "back\\slash", "line\nbreak", "日本", ""],
        ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "2020-01-05", "2020-01-06"],
        ["007", "1", "2", "3", "4", "5"],
        ["-5", "0", "99999999999999999", "3", "4", "-0"],
        ["-5", "0", "99999999999999999", "3", "4", "6"],
    ],
)
def test_written_dynamics_are_read_exactly(tmp_path, ids):
    original = dynamics(ids)
    write_cartography(tmp_path / "training_dynamics", original)
    found = read_cartography(tmp_path, class_names=["x", "y", "z"])
    assert found.example_ids == original.example_ids
    assert found.class_names == ("x", "y", "z")
    np.testing.assert_array_equal(found.labels, original.labels)
    np.testing.assert_array_equal(found.logits(), original.logits())


def test_the_name_that_the_original_code_reads_is_read_too(tmp_path):
    write(tmp_path / "dynamics_epoch_0.json", [row(1), row(2, gold=1)])
    assert read_cartography(tmp_path).example_ids.to_pylist() == ["1", "2"]


def test_epochs_are_joined_by_id_and_an_incomplete_one_is_left_out(tmp_path):
    write(tmp_path / "dynamics_epoch_0.jsonl", [row("a"), row("b", gold=1)])
    write(tmp_path / "dynamics_epoch_1.jsonl", [row("b", 1, 1)])
    flipped = [row("b", 2, 1, [1, 2]), row("a", 2, 0, [3, 4])]
    write(tmp_path / "dynamics_epoch_2.jsonl", flipped)
    found = read_cartography(tmp_path)
    assert (found.epochs, found.incomplete, found.points) == ((0, 2), {1: 1}, (1.0, 3.0))
    np.testing.assert_array_equal(found.epoch_logits(2), [[3, 4], [1, 2]])
    np.testing.assert_array_equal(found.rows(1, 2).epoch_logits(2), [[1, 2]])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([row("a", 1), row("c", 1)], "'c' is not in the first epoch"),
        ([row("a", 1, 1), row("b", 1)], "gold label of 'a' differs"),
        ([row("a", 1), row("a", 1)], "'a' occurs 2 times"),
        ([row("a", 1), {"guid": "b", "gold": 0}], "'logits_epoch_1' is missing"),
        ([row("a", 1), {"guid": "b", "logits_epoch_1": [0.0, 1.0]}], "'gold' is missing"),
        ([{"logits_epoch_1": [0.0, 1.0], "gold": 0}], "'guid' is missing"),
        ([row("a", 1), row("b", 1, logits=[0.0])], "lengths"),
        ([row("a", 1), row("b", 1, logits=[0.0, None])], "nulls"),
        ([row("a", 1), row("b", 1, logits="x")], "cannot be read"),
        ([row("a", 1), row("b", 1, gold="x")], "cannot be read"),
        ([row(1, 1), row("b", 1)], "cannot be read"),
        ([row("a", 1, logits=[1, 2, 3]), row("b", 1, logits=[1, 2, 3])], "differs between"),
        ([], "cannot be read"),
    ],
)
def test_epochs_that_do_not_fit(tmp_path, second, message):
    write(tmp_path / "dynamics_epoch_0.jsonl", [row("a"), row("b")])
    write(tmp_path / "dynamics_epoch_1.jsonl", second)
    with pytest.raises(DynamicsError, match=message):
        read_cartography(tmp_path)


@pytest.mark.parametrize("text", ["{", "nonsense\n", '{"guid": 1}\n{"guid"', "\x00\x00"])
def test_files_that_are_not_json_lines(tmp_path, text):
    (tmp_path / "dynamics_epoch_0.jsonl").write_text(text)
    with pytest.raises(DynamicsError, match=r"dynamics_epoch_0\.jsonl"):
        read_cartography(tmp_path)


def test_nan_in_json(tmp_path):
    (tmp_path / "dynamics_epoch_0.jsonl").write_text(
        '{"guid": 1, "logits_epoch_0": [NaN, 0.5], "gold": 0}\n'
    )
    with pytest.raises(DynamicsError, match="nan"):
        read_cartography(tmp_path)


def test_missing_files_and_no_complete_epoch(tmp_path):
    with pytest.raises(DynamicsError, match=r"no file dynamics_epoch_0\.jsonl"):
        read_cartography(tmp_path)
    with pytest.raises(DynamicsError, match="cannot be listed"):
        read_cartography(tmp_path / "none")
    write(tmp_path / "dynamics_epoch_1.jsonl", [row("a", 1)])
    with pytest.raises(DynamicsError, match=r"no file dynamics_epoch_0\.jsonl"):
        read_cartography(tmp_path)


def save_uids(path: Path, original: TrainingDynamics) -> Path:
    stacked = torch.tensor(original.logits())
    ids = original.example_ids.to_pylist()
    torch.save({uid: stacked[:, row, :] for row, uid in enumerate(ids)}, path)
    return path


def test_uid_to_logits_with_labels_by_id_or_in_order(tmp_path):
    original = dynamics(list("abcdef"))
    path = save_uids(tmp_path / "uid_to_logits.pt", original)
    by_id = dict(zip("fedcba", original.labels[::-1].tolist(), strict=True))
    for labels in (by_id, original.labels):
        found = read_uid_to_logits(path, labels)
        assert found.example_ids == original.example_ids
        np.testing.assert_array_equal(found.labels, original.labels)
        np.testing.assert_array_equal(found.logits(), original.logits())


def test_integer_uids_and_an_unfinished_epoch(tmp_path):
    logits = torch.ones(3, 4, 2)
    logits[2, 1] = 0
    torch.save({uid: logits[:, row] for row, uid in enumerate((10, 11, 12, 13))}, tmp_path / "u.pt")
    found = read_uid_to_logits(tmp_path / "u.pt", {10: 0, "11": 1, 12: 0, 13: 1})
    assert found.example_ids.to_pylist() == ["10", "11", "12", "13"]
    assert (found.epochs, found.incomplete) == ((0, 1), {2: 3})
    torch.save({1: torch.zeros(2, 2), 2: torch.ones(2, 2)}, tmp_path / "u.pt")
    with pytest.raises(DynamicsError, match="No epoch is complete"):
        read_uid_to_logits(tmp_path / "u.pt", [0, 1])


def test_rows_of_zeros_are_missing_rows(tmp_path):
    """As `drop_last` leaves them: some others in each epoch."""
    logits = torch.arange(1.0, 121).reshape(3, 20, 2)
    for epoch, row in enumerate((4, 7, 4)):
        logits[epoch, row] = 0
    torch.save({f"u{row}": logits[:, row] for row in range(20)}, tmp_path / "u.pt")
    found = read_uid_to_logits(tmp_path / "u.pt", [row % 2 for row in range(20)])
    kept = [row for row in range(20) if row not in (4, 7)]
    assert found.epochs == (0, 1, 2)
    assert found.incomplete == {}
    assert found.example_ids.to_pylist() == [f"u{row}" for row in kept]
    assert found.labels.tolist() == [row % 2 for row in kept]
    np.testing.assert_array_equal(found.logits(), logits[:, kept])
    assert found.meta["left_out"] == {"examples": 2, "first": "u4", "epochs": [0, 2]}


def test_lines_that_an_epoch_lacks_are_missing_rows(tmp_path):
    for epoch in range(2):
        rows = [row(i, epoch, i % 2, [i, epoch]) for i in range(20) if (epoch, i) != (1, 3)]
        write(tmp_path / f"dynamics_epoch_{epoch}.jsonl", rows)
    found = read_cartography(tmp_path)
    kept = [i for i in range(20) if i != 3]
    assert (found.epochs, found.incomplete) == ((0, 1), {})
    assert found.example_ids.to_pylist() == list(map(str, kept))
    np.testing.assert_array_equal(found.epoch_logits(1), [[i, 1] for i in kept])
    assert found.meta["left_out"] == {"examples": 1, "first": "3", "epochs": [1]}


def test_no_example_with_every_row(tmp_path):
    logits = torch.ones(10, 10, 2)
    logits[range(10), range(10)] = 0
    torch.save({row: logits[:, row] for row in range(10)}, tmp_path / "u.pt")
    with pytest.raises(DynamicsError, match="Each of the 10 examples lacks its row"):
        read_uid_to_logits(tmp_path / "u.pt", [0, 1] * 5)


class Harmful:
    def __reduce__(self):
        return (os.mkdir, ("harm",))


def test_a_file_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Harmful()}, tmp_path / "u.pt")
    with pytest.raises(DynamicsError, match="could run code"):
        read_uid_to_logits(tmp_path / "u.pt", [0])
    (tmp_path / "p.pt").write_bytes(pickle.dumps({"a": Harmful()}, protocol=2))
    with pytest.raises(DynamicsError, match="could run code"):
        read_uid_to_logits(tmp_path / "p.pt", [0])
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("content", "labels", "message"),
    [
        ([1], [0], "no dictionary"),
        ({}, [0], "no dictionary"),
        ({"a": 1.0}, [0], "not tensors"),
        ({"a": torch.ones(2)}, [0], "1 dimensions"),
        ({"a": torch.ones(2, 2), "b": torch.ones(2, 3)}, [0, 0], "one shape"),
        ({"a": torch.ones(2, 2)}, [0, 1], "2 gold labels"),
        ({"a": torch.ones(2, 2)}, {"b": 1}, "id 'a'"),
        ({"a": torch.full((2, 2), torch.nan)}, [0], "nan"),
        ({"a": torch.ones(2, 2), 1.5: torch.ones(2, 2)}, [0, 0], "1.5"),
    ],
)
def test_files_that_are_not_uid_to_logits(tmp_path, content, labels, message):
    torch.save(content, tmp_path / "u.pt")
    with pytest.raises(DynamicsError, match=message):
        read_uid_to_logits(tmp_path / "u.pt", labels)


@pytest.mark.parametrize("keep", [0, 10, 0.5, -1])
def test_a_truncated_torch_file(tmp_path, keep):
    path = save_uids(tmp_path / "u.pt", dynamics())
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(DynamicsError, match=r"u\.pt"):
        read_uid_to_logits(path, [0] * 6)
    with pytest.raises(DynamicsError, match="does not exist"):
        read_uid_to_logits(tmp_path / "none.pt", [])
