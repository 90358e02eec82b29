from __future__ import annotations

import os
import signal
import subprocess
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ftft.dynamics import DynamicsRecorder, read_dynamics
from ftft.dynamics.shards import list_flushes
from ftft.errors import DynamicsError

NO_JAX = "JAX, whose arrays are taken, is not installed: pip install jax"

N, C = 12, 3
IDS = [f"ex-{i}" for i in range(N)]
LABELS = np.arange(N) % C


def recorder(folder: Path, **settings: object) -> DynamicsRecorder:
    return DynamicsRecorder(folder, example_ids=IDS, labels=LABELS, num_classes=C, **settings)


def logits(epoch: int, rows: np.ndarray | None = None) -> np.ndarray:
    whole = np.random.default_rng(epoch).normal(size=(N, C)).astype(np.float32)
    return whole if rows is None else whole[rows]


def record_epoch(target: DynamicsRecorder, epoch: int, batch: int = 5) -> None:
    order = np.random.default_rng(100 + epoch).permutation(N)
    for start in range(0, N, batch):  # the last batch is a partial one
        rows = order[start : start + batch]
        target.record(epoch, rows, logits(epoch, rows))


def test_any_order_and_a_partial_last_batch_come_back_in_the_order_of_the_ids(tmp_path):
    with recorder(tmp_path) as target:
        for epoch in range(3):
            record_epoch(target, epoch)
            coverage = target.finish_epoch(epoch)
            assert (coverage.seen, coverage.total, coverage.complete) == (N, N, True)
        dynamics = target.read()
    assert dynamics.epochs == (0, 1, 2)
    assert dynamics.points == (1.0, 2.0, 3.0)
    assert dynamics.example_ids.to_pylist() == IDS
    np.testing.assert_array_equal(dynamics.labels, LABELS)
    for epoch in range(3):
        np.testing.assert_array_equal(dynamics.epoch_logits(epoch), logits(epoch))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_torch_tensors_of_any_float_type_with_gradients(tmp_path, dtype):
    values = torch.tensor(logits(0)).to(dtype).requires_grad_()
    with recorder(tmp_path) as target:
        target.record(0, torch.arange(N), values * 1)
        target.finish_epoch(0)
        result = target.read().epoch_logits(0)
    np.testing.assert_array_equal(result, values.detach().float().numpy())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numpy_arrays_and_lists(tmp_path, dtype):
    values = logits(0).astype(dtype)
    with recorder(tmp_path) as target:
        target.record(0, np.arange(6, dtype=np.int16), values[:6])
        target.record(0, list(range(6, N)), values[6:].tolist())
        result = target.read().epoch_logits(0)
    np.testing.assert_array_equal(result, values.astype(np.float32))


def test_jax_arrays(tmp_path):
    jax = pytest.importorskip("jax", reason=NO_JAX)
    values = jax.numpy.asarray(logits(0), dtype=jax.numpy.bfloat16)
    with recorder(tmp_path) as target:
        target.record(0, jax.numpy.arange(N), values)
        result = target.read().epoch_logits(0)
    np.testing.assert_array_equal(result, np.asarray(values).astype(np.float32))


def test_ids_indices_and_mixtures_name_the_same_examples(tmp_path):
    with recorder(tmp_path) as target:
        target.record(0, IDS[:4], logits(0)[:4])
        target.record(0, torch.arange(4, 8), torch.tensor(logits(0)[4:8]))
        target.record(0, np.array(IDS[8:]), logits(0)[8:])
        np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0))


# What holds integers: as given to the recorder and as recorded.
HOLDERS = {
    "list": list,
    "numpy": np.asarray,
    "unsigned": lambda ids: np.asarray(ids, dtype=np.uint64),
    "objects": lambda ids: np.array(list(ids), dtype=object),
    "torch": lambda ids: torch.tensor(list(map(int, ids))),
    "jax": lambda ids: pytest.importorskip("jax.numpy", reason=NO_JAX).asarray(ids),
    "pandas": pd.Series,
    "arrow": lambda ids: pa.array(ids),
}
PERMUTATION = np.random.default_rng(7).permutation(N)


@pytest.mark.parametrize("given", HOLDERS)
@pytest.mark.parametrize("recorded", [name for name in HOLDERS if name != "arrow"])
def test_integers_are_ids_where_ids_were_given_as_integers(tmp_path, given, recorded):
    ids = PERMUTATION + 5
    with DynamicsRecorder(tmp_path, example_ids=HOLDERS[given](ids), labels=LABELS) as target:
        for rows in (np.arange(7)[::-1], np.arange(7, N)):
            target.record(0, HOLDERS[recorded](ids[rows]), logits(0)[rows])
        dynamics = target.read()
    assert dynamics.example_ids.to_pylist() == [str(i) for i in ids]
    np.testing.assert_array_equal(dynamics.epoch_logits(0), logits(0))


def test_integer_ids_of_every_size_and_sign(tmp_path):
    ids = np.array([-3, 0, 2**62, -(2**62)])
    with DynamicsRecorder(tmp_path / "signed", example_ids=ids, labels=[0] * 4) as target:
        target.record(0, ids[::-1].copy(), logits(0)[:4, :2])
        np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0)[:4, :2][::-1])
    hashes = np.array([2**64 - 1, 2**63, 5], dtype=np.uint64)
    with DynamicsRecorder(tmp_path / "hashes", example_ids=hashes, labels=[0] * 3) as target:
        target.record(0, hashes[::-1].copy(), logits(0)[:3, :2])
        np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0)[:3, :2][::-1])


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("recorded", [name for name in HOLDERS if name != "arrow"])
def test_integers_that_could_be_ids_or_positions_are_refused(tmp_path, as_text, recorded):
    """As GLUE's `idx` after a shuffle: a permutation of 0 to N - 1."""
    ids = list(map(str, PERMUTATION)) if as_text else PERMUTATION
    target = DynamicsRecorder(tmp_path, example_ids=ids, labels=LABELS, num_classes=C)
    with pytest.raises(DynamicsError, match='integers="ids" or integers="positions"'):
        target.record(0, HOLDERS[recorded](PERMUTATION), logits(0))
    target.record(0, list(map(str, PERMUTATION[::-1])), logits(0)[::-1])  # text is always an id
    np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0))


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("integers", ["ids", "positions"])
def test_integers_are_what_the_recorder_was_told(tmp_path, as_text, integers):
    ids = list(map(str, PERMUTATION)) if as_text else PERMUTATION
    whole = {"example_ids": ids, "labels": LABELS, "num_classes": C, "integers": integers}
    with DynamicsRecorder(tmp_path, **whole) as target:
        target.record(0, PERMUTATION if integers == "ids" else np.arange(N), logits(0))
        np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0))


@pytest.mark.parametrize("ids", [range(N), np.arange(N), [str(i) for i in range(N)]])
def test_ids_that_are_the_positions_need_no_telling(tmp_path, ids):
    with DynamicsRecorder(tmp_path, example_ids=ids, labels=LABELS) as target:
        target.record(0, PERMUTATION, logits(0)[PERMUTATION])
        np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0))


@pytest.mark.parametrize(
    ("given", "recorded", "message"),
    [
        (PERMUTATION + 5, np.arange(N), "the id '0' was.*integers=\"positions\""),
        ([str(i + 5) for i in PERMUTATION], PERMUTATION + 5, 'the index 1[2-6].*integers="ids"'),
    ],
)
def test_integers_of_the_other_kind_are_explained(tmp_path, given, recorded, message):
    target = DynamicsRecorder(tmp_path, example_ids=given, labels=LABELS)
    with pytest.raises(DynamicsError, match=message):
        target.record(0, recorded, logits(0))


def test_integers_are_ids_or_positions_and_nothing_else(tmp_path):
    with pytest.raises(DynamicsError, match="integers is 'rows'"):
        recorder(tmp_path, integers="rows")


def test_batches_of_one(tmp_path):
    with recorder(tmp_path) as target:
        for row in range(N - 1):
            target.record(0, [row], logits(0)[[row]])
        target.record(0, N - 1, logits(0)[N - 1])  # a scalar with one row of logits
        np.testing.assert_array_equal(target.read().epoch_logits(0), logits(0))


def test_an_empty_batch_records_nothing(tmp_path):
    with recorder(tmp_path) as target:
        target.record(0, np.empty(0, dtype=np.int64), np.empty((0, C)))
        assert target.finish_epoch(0).seen == 0


def test_later_changes_of_a_recorded_tensor_do_not_count(tmp_path):
    values, rows = torch.tensor(logits(0)), torch.arange(N)
    array = logits(1).copy()
    with recorder(tmp_path) as target:
        target.record(0, rows, values)
        target.record(1, np.arange(N), array)
        values.zero_()
        rows.zero_()
        array[:] = 0
        np.testing.assert_array_equal(target.read().logits(), [logits(0), logits(1)])


def test_the_later_of_two_recordings_counts_within_and_between_flushes(tmp_path):
    with recorder(tmp_path) as target:
        target.record(0, np.arange(N), logits(0))
        target.record(0, [3, 3], np.stack([logits(1)[3], logits(2)[3]]))
        target.flush()
        target.record(0, [4], logits(3)[[4]])
        result = target.read().epoch_logits(0)
    expected = logits(0)
    expected[3], expected[4] = logits(2)[3], logits(3)[4]
    np.testing.assert_array_equal(result, expected)


def test_the_buffer_is_bounded(tmp_path):
    with recorder(tmp_path, buffer_examples=4) as target:
        target.record(0, [0, 1, 2], logits(0)[:3])
        assert list_flushes(tmp_path) == []
        target.record(0, [3], logits(0)[[3]])
        assert len(list_flushes(tmp_path)) == 1
        target.record(0, [4], logits(0)[[4]])
        assert len(list_flushes(tmp_path)) == 1


def test_an_incomplete_epoch_is_reported_and_left_out(tmp_path):
    with recorder(tmp_path) as target:
        record_epoch(target, 0)
        target.record(1, np.arange(7), logits(1)[:7])
        coverage = target.finish_epoch(1)
        dynamics = target.read()
    assert (coverage.seen, coverage.complete) == (7, False)
    assert dynamics.epochs == (0,)
    assert dynamics.incomplete == {1: 7}
    with pytest.raises(DynamicsError, match="only 7 of 12"):
        dynamics.epoch_logits(1)
    with pytest.raises(DynamicsError, match="was not recorded"):
        dynamics.epoch_logits(5)


def test_several_ranks_join_and_repeated_examples_count_once(tmp_path):
    ranks = [recorder(tmp_path, rank=rank) for rank in range(3)]
    for rank, target in enumerate(ranks):
        rows = np.append(np.arange(rank, N, 3), 0)  # every rank repeats the first example
        target.record(0, rows, logits(0, rows))
        target.flush()
    assert ranks[1].finish_epoch(0).complete
    np.testing.assert_array_equal(ranks[0].read().epoch_logits(0), logits(0))


def test_a_new_recorder_continues_and_overrides_also_with_fewer_ranks(tmp_path):
    for rank in range(2):
        with recorder(tmp_path, rank=rank) as target:
            rows = np.arange(rank, N, 2)
            for row in rows:  # several flushes, so that rank 1 has high numbers
                target.record(0, [row], logits(9)[[row]])
                target.flush()
    with recorder(tmp_path) as target:
        target.record(0, np.arange(8), logits(0)[:8])
        dynamics = target.read()
    expected = np.concatenate([logits(0)[:8], logits(9)[8:]])
    np.testing.assert_array_equal(dynamics.epoch_logits(0), expected)


def test_the_same_examples_continue_and_others_are_refused(tmp_path):
    with recorder(tmp_path, meta={"run": 1}) as target:
        record_epoch(target, 0)
    with recorder(tmp_path, meta={"run": 2}) as target:
        record_epoch(target, 1)
        assert target.read().epochs == (0, 1)
        assert target.read().meta == {"run": 1}
    swapped = [*IDS[1:], IDS[0]]
    for ids, labels, names in [
        (swapped, LABELS, None),
        (IDS, LABELS[::-1], None),
        (IDS[:-1], LABELS[:-1], None),
        (IDS, LABELS, ["a", "b", "c"]),
    ]:
        with pytest.raises(DynamicsError, match="something else"):
            DynamicsRecorder(tmp_path, example_ids=ids, labels=labels, class_names=names)


def test_points_at_fractions_of_an_epoch(tmp_path):
    with recorder(tmp_path, points_per_epoch=2) as target:
        for point in range(3):
            record_epoch(target, point)
        assert target.read().points == (0.5, 1.0, 1.5)


def test_epochs_count_from_zero(tmp_path):
    with pytest.raises(DynamicsError, match="count from 0"):
        recorder(tmp_path).record(1, [0], logits(0)[[0]])
    assert recorder(tmp_path).finish_epoch(1).seen == 0


@pytest.mark.parametrize("epoch", [-1, 0.5, True, "0"])
def test_an_epoch_is_an_integer_from_zero(tmp_path, epoch):
    with pytest.raises(DynamicsError, match="integer from 0"):
        recorder(tmp_path).record(epoch, [0], logits(0)[[0]])


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        ([0, 1], logits(0)[:3], "One id|one id"),
        ([0, 1], logits(0)[:2, :2], "made for 3 classes"),
        ([0.0, 1.0], logits(0)[:2], "integers"),
        (torch.tensor([True, False]), logits(0)[:2], "integers"),
        (torch.tensor([0.5, 1]), logits(0)[:2], "integers"),
        ([0, N], logits(0)[:2], "12 examples"),
        ([0, -1], logits(0)[:2], "index -1"),
        (["ex-0", "who"], logits(0)[:2], "'who'"),
        ([0, 1], np.full((2, C), np.nan), "'ex-0'.*nan"),
        ([0, 1], np.array([[0, 1, 2], [0, np.inf, 0]]), "'ex-1'.*inf"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_the_first_batch(tmp_path, ids, values, message):
    with pytest.raises(DynamicsError, match=message):
        recorder(tmp_path).record(0, ids, values)


def test_a_single_output_is_explained(tmp_path):
    with (
        DynamicsRecorder(tmp_path, example_ids=["a", "b"], labels=[0, 1]) as target,
        pytest.raises(DynamicsError, match="0 and z"),
    ):
        target.record(0, [0, 1], np.zeros((2, 1)))


@pytest.mark.parametrize("bad", ["nan", "unknown"])
def test_one_bad_example_later_loses_no_other(tmp_path, bad):
    target = recorder(tmp_path)
    target.record(0, np.arange(6), logits(0)[:6])
    values = logits(0)[6:].copy()
    if bad == "nan":
        values[2] = np.nan
        target.record(0, np.arange(6, N), values)
    else:
        target.record(0, [*IDS[6:8], "who", *IDS[9:]], values)
    with pytest.raises(DynamicsError, match="'ex-8'" if bad == "nan" else "'who'"):
        target.flush()
    assert target.finish_epoch(0).seen == N - 1
    target.record(0, [8], logits(0)[[8]])
    assert target.finish_epoch(0).complete


def test_a_failed_write_keeps_the_buffer(tmp_path, monkeypatch):
    target = recorder(tmp_path)
    target.record(0, np.arange(N), logits(0))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ftft.dynamics.shards.pq.write_table", full)
        with pytest.raises(DynamicsError, match="No space left"):
            target.flush()
    assert target.finish_epoch(0).complete
    assert not list(tmp_path.glob(".*"))


def test_two_processes_of_one_rank_are_noticed(tmp_path):
    first, second = recorder(tmp_path), recorder(tmp_path)
    first.record(0, [0], logits(0)[[0]])
    first.flush()
    second.record(0, [1], logits(0)[[1]])
    with pytest.raises(DynamicsError, match="same rank 0"):
        second.flush()


def test_after_an_error_in_the_training_that_error_is_reported(tmp_path):
    def train(fails: bool) -> float:
        with recorder(tmp_path) as target:
            target.record(0, [0], logits(0)[[0]])
            target.record(0, ["who"], logits(0)[[0]])
            return 1 / (not fails)

    with pytest.raises(ZeroDivisionError):
        train(fails=True)
    assert read_dynamics(tmp_path).incomplete == {0: 1}
    with pytest.raises(DynamicsError, match="who"):
        train(fails=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": -1}, "rank"),
        ({"buffer_examples": 0}, "buffer_examples"),
        ({"points_per_epoch": 0}, "recording points"),
        ({"points_per_epoch": 1.5}, "recording points"),
        ({"class_names": ["a", "b"]}, "do not fit"),
        ({"num_classes": 2}, "label of example 2 is 2"),
        ({"meta": {"x": object()}}, "JSON"),
        ({"meta": {"x": float("nan")}}, "JSON"),
        ({"labels": LABELS[:-1]}, "11 labels"),
        ({"labels": ["a"] * N}, "one class index"),
        ({"labels": -LABELS}, "at least 0"),
        ({"example_ids": ["a", *IDS[1:-1], "a"]}, "'a' occurs 2 times"),
        ({"example_ids": [1.5, *IDS[1:]]}, "position 0 is 1.5"),
        ({"example_ids": pa.array([None, *IDS[1:]])}, "position 0 is missing"),
        ({"example_ids": pa.array([0.5] * N)}, "strings or integers"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    start = {"example_ids": IDS, "labels": LABELS, "num_classes": C}
    with pytest.raises(DynamicsError, match=message):
        DynamicsRecorder(tmp_path / "new", **{**start, **settings})
    assert not list(tmp_path.glob("new/*.json"))


def test_a_header_that_was_lost_is_not_replaced(tmp_path):
    with recorder(tmp_path) as target:
        record_epoch(target, 0)
    (tmp_path / "header.json").unlink()
    with pytest.raises(DynamicsError, match="no header"):
        recorder(tmp_path)


def test_a_start_that_was_killed_before_the_header_is_done_again(tmp_path):
    (tmp_path / "examples.parquet").write_bytes(b"half")
    with recorder(tmp_path) as target:
        record_epoch(target, 0)
        assert target.read().epochs == (0,)


def test_the_folder_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DynamicsError, match="cannot be written"):
        recorder(tmp_path / "file" / "dynamics")


def test_a_killed_process_leaves_a_readable_folder(tmp_path, preloaded):
    code = f"""
import os, signal, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_recorder import *
target = recorder(Path({str(tmp_path)!r}), buffer_examples=7)
for epoch in range(2):
    record_epoch(target, epoch, batch=2)
    if epoch == 0: target.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([preloaded, "-c", code], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    dynamics = read_dynamics(tmp_path)
    assert dynamics.epochs == (0,)
    assert 0 < dynamics.incomplete[1] < N
    with recorder(tmp_path) as target:
        record_epoch(target, 1)
        np.testing.assert_array_equal(target.read().logits(), [logits(0), logits(1)])


class Operations(TorchDispatchMode):
    """Notes what runs on tensors; reading a value shows as a copy or a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def test_a_step_only_queues_copies_and_reads_nothing_from_the_device(tmp_path):
    values = torch.tensor(logits(0), requires_grad=True) * 1
    with recorder(tmp_path) as target:
        target.record(0, torch.tensor([0]), values[[0]])  # the first batch is checked at once
        with Operations() as operations:
            for row in range(1, N):
                target.record(0, torch.arange(N)[row : row + 1], values[row : row + 1])
    assert operations.names <= {"arange", "slice", "detach", "clone", "alias"}


class TestAnotherTrainingIntoTheSameFolder:
    """A notebook's cell run twice would mix two trainings."""

    IDS: ClassVar = ["a", "b"]

    def record(self, folder, epochs, value):
        recorder = DynamicsRecorder(folder, example_ids=self.IDS, labels=[0, 1])
        for epoch in epochs:
            recorder.record(epoch, [0, 1], np.full((2, 2), value, np.float32))
        return recorder.read()

    def test_is_warned_of_once(self, tmp_path):
        self.record(tmp_path / "d", range(4), 1.0)
        with pytest.warns(UserWarning, match=r"epoch 0 is recorded again.*up to 3") as caught:
            self.record(tmp_path / "d", range(2), 2.0)
        assert len(caught) == 1

    def test_going_on_in_the_last_epoch_is_no_reason(self, tmp_path):
        self.record(tmp_path / "d", range(3), 1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert self.record(tmp_path / "d", (2, 3), 2.0).epochs == (0, 1, 2, 3)
