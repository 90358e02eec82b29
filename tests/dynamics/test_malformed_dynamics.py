"""Every way in which a folder of dynamics can be wrong is noticed and named."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.dynamics import DynamicsRecorder, TrainingDynamics, read_dynamics, write_dynamics
from ftft.dynamics.shards import Flush, list_flushes, write_flush
from ftft.errors import DynamicsError

N, C, E = 40, 3, 3


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    dynamics = TrainingDynamics.from_arrays(
        generator.normal(size=(E, N, C)), generator.integers(0, C, N), class_names=["x", "y", "z"]
    )
    write_dynamics(tmp_path / "dynamics", dynamics)
    return tmp_path / "dynamics"


def read_all(folder):
    return read_dynamics(folder).logits()


def edit_header(folder, **changes):
    path = folder / "header.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_missing_folder_header_or_table(folder, tmp_path):
    with pytest.raises(DynamicsError, match=r"nowhere does not exist\."):
        read_dynamics(tmp_path / "nowhere")
    (folder / "examples.parquet").unlink()
    with pytest.raises(DynamicsError, match=r"examples\.parquet does not exist"):
        read_dynamics(folder)


def test_a_future_schema(folder):
    edit_header(folder, schema=4)
    with pytest.raises(DynamicsError, match=r"schema version 4.*reads up to 3.*update"):
        read_dynamics(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "1"},
        {"schema": 0},
        {"format": "other"},
        {"num_classes": 4},
        {"class_names": ["x", "z", "y"]},
        {"points_per_epoch": 2},
        {"meta": {"a": 1}},
    ],
)
def test_a_header_that_was_changed(folder, changes):
    edit_header(folder, **changes)
    with pytest.raises(DynamicsError, match=r"header\.json is damaged"):
        read_dynamics(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00\xff", "[" * 100_000])
def test_a_header_that_is_no_json_object(folder, text):
    (folder / "header.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DynamicsError, match=r"header\.json is damaged"):
        read_dynamics(folder)


def test_a_missing_epoch(folder):
    next(folder.glob("epoch-001.*")).unlink()
    with pytest.raises(DynamicsError, match="no file of recording point 1"):
        read_dynamics(folder)


@pytest.mark.parametrize("name", ["epoch-000.parquet", "epoch-0.rank-0.0.parquet", "epoch-000.x"])
def test_a_file_with_a_wrong_name(folder, name):
    shutil.copy(next(folder.glob("epoch-000.*")), folder / name)
    with pytest.raises(DynamicsError, match="not named like"):
        read_dynamics(folder)


def test_other_files_and_left_over_temporary_files_do_not_matter(folder):
    (folder / ".epoch-000.rank-00.000001.parquet.0123.tmp").write_bytes(b"PAR1")
    (folder / "notes.txt").write_text("mine")
    assert read_dynamics(folder).epochs == (0, 1, 2)


@pytest.mark.parametrize("name", ["examples.parquet", "epoch-001.rank-00.000000.parquet"])
@pytest.mark.parametrize("keep", [0, 3, 0.3, 0.9, -1])
def test_a_truncated_file(folder, name, keep):
    path = folder / name
    content = path.read_bytes()
    size = int(keep * len(content)) if isinstance(keep, float) else keep
    path.write_bytes(content[:size])
    with pytest.raises(DynamicsError, match=name):
        read_all(folder)


@pytest.mark.parametrize(
    "name", ["header.json", "examples.parquet", "epoch-001.rank-00.000000.parquet"]
)
def test_a_flipped_bit_is_noticed_or_changes_nothing(folder, name):
    path = folder / name
    content = path.read_bytes()
    original = read_dynamics(folder)
    expected = (original.logits(), original.labels, original.example_ids, original.class_names)
    noticed = 0
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(damaged))
        try:
            found = read_dynamics(folder)
            logits = found.logits()
        except DynamicsError:
            noticed += 1
            continue
        np.testing.assert_array_equal(logits, expected[0])
        np.testing.assert_array_equal(found.labels, expected[1])
        assert found.example_ids == expected[2]
        assert found.class_names == expected[3]
    assert noticed > 0


def test_a_file_of_another_run(folder, tmp_path):
    """A flush file with another number of classes or of examples."""
    flush = Flush.named(folder, 0, 0, 1)
    write_flush(flush, np.array([0], np.int32), np.zeros((1, C + 1), np.float32))
    with pytest.raises(DynamicsError, match=r"000001\.parquet holds 4 logits.*header names 3"):
        read_all(folder)
    flush.path.unlink()
    write_flush(flush, np.array([N], np.int32), np.zeros((1, C), np.float32))
    with pytest.raises(DynamicsError, match="indices 40 to 40"):
        read_dynamics(folder)
    flush.path.unlink()
    write_flush(flush, np.array([-1], np.int32), np.zeros((1, C), np.float32))
    with pytest.raises(DynamicsError, match="indices -1"):
        read_dynamics(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(folder, value):
    logits = np.zeros((2, C), np.float32)
    logits[1, 2] = value
    write_flush(Flush.named(folder, 2, 0, 1), np.array([5, 7], np.int32), logits)
    with pytest.raises(DynamicsError, match=r"epoch-002.*'7'"):
        read_all(folder)


@pytest.mark.parametrize(
    "table",
    [
        {"index": pa.array([0])},
        {"index": pa.array([0.5]), "logits": pa.array([[0.0] * C], pa.list_(pa.float32(), C))},
        {"index": pa.array([0]), "logits": pa.array([[0.0] * C])},
        {"index": pa.array([0]), "logits": pa.array([None], pa.list_(pa.float32(), C))},
    ],
)
def test_a_file_that_something_else_wrote(folder, table):
    pq.write_table(pa.table(table), folder / "epoch-000.rank-00.000001.parquet")
    with pytest.raises(DynamicsError, match=r"000001\.parquet is damaged"):
        read_all(folder)


def test_examples_of_another_run(folder):
    """The table is whole, but not the one that the header was written with."""
    table = pq.read_table(folder / "examples.parquet")
    pq.write_table(table.slice(0, N - 1), folder / "examples.parquet")
    with pytest.raises(DynamicsError, match=r"examples\.parquet is damaged or from another run"):
        read_dynamics(folder)
    pq.write_table(table.rename_columns(["id", "label"]), folder / "examples.parquet")
    with pytest.raises(DynamicsError, match=r"examples\.parquet"):
        read_dynamics(folder)


def test_a_file_that_vanishes_while_it_is_read(folder):
    dynamics = read_dynamics(folder)
    next(folder.glob("epoch-001.*")).unlink()
    with pytest.raises(DynamicsError, match="does not exist any more"):
        dynamics.epoch_logits(1)


def test_a_lost_flush_makes_the_epoch_incomplete(tmp_path):
    with DynamicsRecorder(tmp_path, example_ids=range(4), labels=[0, 1, 0, 1]) as recorder:
        for epoch in range(2):
            for row in range(4):
                recorder.record(epoch, [row], [[0.0, 1.0]])
                recorder.flush()
    list_flushes(tmp_path)[-1].path.unlink()
    dynamics = read_dynamics(tmp_path)
    assert (dynamics.epochs, dynamics.incomplete) == ((0,), {1: 3})


def test_a_folder_without_recordings_is_empty_and_says_so(tmp_path):
    with DynamicsRecorder(tmp_path, example_ids=["a", "b"], labels=[0, 1]) as recorder:
        dynamics = recorder.read()
    assert (dynamics.epochs, dynamics.incomplete, len(dynamics)) == ((), {}, 2)
    with pytest.raises(DynamicsError, match="no complete recording point"):
        dynamics.logits()


def test_an_unreadable_folder(tmp_path):
    with pytest.raises(DynamicsError, match="cannot be listed"):
        list_flushes(tmp_path / "none")
    (tmp_path / "header.json").mkdir()
    with pytest.raises(DynamicsError, match="cannot be read"):
        read_dynamics(tmp_path)


def test_a_folder_that_is_not_there_is_named_as_it_was_given(folder, tmp_path):
    (tmp_path / "recorded").mkdir()
    said = re.escape(f"{tmp_path / 'recoded'} does not exist. Did you mean 'recorded'? Give")
    with pytest.raises(DynamicsError, match=said):
        read_dynamics(tmp_path / "recoded")
    with pytest.raises(DynamicsError, match="is not a dynamics folder, since there is no header"):
        read_dynamics(tmp_path / "recorded")
