from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from ftft.dynamics import TrainingDynamics, read_dynamics, write_dynamics
from ftft.dynamics.examples import fingerprint, to_ids
from ftft.errors import DynamicsError


def arrays(epochs=3, examples=10, classes=4):
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(epochs, examples, classes)).astype(np.float32)
    return logits, generator.integers(0, classes, examples)


def test_from_arrays():
    logits, labels = arrays()
    dynamics = TrainingDynamics.from_arrays(logits, labels)
    assert len(dynamics) == 10
    assert dynamics.example_ids.to_pylist() == [str(i) for i in range(10)]
    assert dynamics.class_names == ("0", "1", "2", "3")
    assert (dynamics.epochs, dynamics.points, dynamics.incomplete) == ((0, 1, 2), (1, 2, 3), {})
    assert dynamics.labels.dtype == np.int64
    assert dynamics.epoch_logits(1).dtype == np.float32
    np.testing.assert_array_equal(dynamics.logits(), logits)


def test_from_arrays_of_one_epoch_each_as_any_float():
    logits, labels = arrays()
    dynamics = TrainingDynamics.from_arrays(
        [epoch.astype(np.float16) for epoch in logits], labels.tolist(), list("abcdefghij")
    )
    assert dynamics.example_ids[3].as_py() == "d"
    np.testing.assert_array_equal(dynamics.logits(), logits.astype(np.float16))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros((3, 10))}, "shape"),
        ({"logits": np.zeros((3, 10, 1))}, "single output"),
        ({"logits": [np.zeros((10, 4)), np.zeros((9, 4))]}, "not one array"),
        ({"logits": np.full((3, 10, 4), np.nan)}, "recording point 0.*'0'"),
        ({"logits": np.full((3, 10, 4), 1e300)}, "inf"),
        ({"labels": [0] * 9}, "9 labels"),
        ({"labels": [4] * 10}, "below the number of classes 4"),
        ({"labels": [-1] * 10}, "is -1"),
        ({"labels": [0.0] * 10}, "one class index"),
        ({"example_ids": ["a"] * 10}, "'a' occurs 10 times"),
        ({"example_ids": ["a", "b"]}, "2 ids"),
        ({"example_ids": [None] * 10}, "position 0"),
        ({"class_names": ["a", "b", "c"]}, "do not fit"),
        ({"class_names": ["a", "b", "c", "c"]}, "do not fit"),
        ({"points_per_epoch": 0}, "above 0"),
        ({"logits": np.zeros((3, 0, 4)), "labels": np.zeros(0, int)}, "at least one example"),
    ],
)
def test_arrays_that_do_not_fit(changes, message):
    logits, labels = arrays()
    with np.errstate(over="ignore"), pytest.raises(DynamicsError, match=message):
        TrainingDynamics.from_arrays(**{"logits": logits, "labels": labels, **changes})


@pytest.mark.parametrize(
    "ids",
    [
        [5, 6, 7],
        np.array([5, 6, 7], dtype=np.uint8),
        ["5", "6", "7"],
        np.array(["5", "6", "7"]),
        np.array(["5", 6, "7"], dtype=object),
        pa.array([5, 6, 7]),
        pa.array(["x", "5", "6", "7"]).slice(1),
        pa.array(["5", "6", "7"], pa.large_string()),
        pa.chunked_array([["5"], ["6", "7"]]),
        range(5, 8),
    ],
)
def test_ids_of_any_kind_become_strings(ids):
    array = to_ids(ids)
    assert isinstance(array, pa.StringArray)
    assert array.to_pylist() == ["5", "6", "7"]
    assert fingerprint(array, np.arange(3)) == fingerprint(pa.array(["5", "6", "7"]), np.arange(3))


def test_the_fingerprint_sees_borders_between_ids_and_labels():
    labels = np.array([0, 1])
    seen = {
        fingerprint(pa.array(ids, pa.string()), labels)
        for ids in (["ab", "c"], ["a", "bc"], ["abc", ""], ["ac", "b"])
    }
    seen.add(fingerprint(pa.array(["ab", "c"]), labels[::-1]))
    seen.add(fingerprint(pa.array([], pa.string()), labels))
    assert len(seen) == 6


def test_writing_and_reading_keeps_everything(tmp_path):
    logits, labels = arrays()
    ids = ["ä", "日本", "", "x y", '"', "a,b", "\n", "=1", "\u0000z", "é"]
    dynamics = TrainingDynamics.from_arrays(
        logits, labels, ids, list("wxyz"), points_per_epoch=4, meta={"model": "m", "n": [1]}
    )
    write_dynamics(tmp_path / "a", dynamics)
    found = read_dynamics(tmp_path / "a")
    assert found.example_ids.to_pylist() == ids
    assert found.class_names == tuple("wxyz")
    assert found.points == (0.25, 0.5, 0.75)
    assert found.meta == {"model": "m", "n": [1]}
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.logits(), logits)
    with pytest.raises(DynamicsError, match="not empty"):
        write_dynamics(tmp_path / "a", dynamics)


def test_parts_are_the_rows_of_the_whole(tmp_path):
    logits, labels = arrays(examples=23)
    whole = TrainingDynamics.from_arrays(logits, labels)
    write_dynamics(tmp_path / "a", whole)
    for dynamics in (whole, read_dynamics(tmp_path / "a")):
        part = dynamics.rows(5, 20).rows(2, 9)
        assert part.example_ids.to_pylist() == [str(i) for i in range(7, 14)]
        np.testing.assert_array_equal(part.labels, labels[7:14])
        np.testing.assert_array_equal(part.logits(), logits[:, 7:14])
    for start, stop in [(0, 0), (5, 4), (-1, 3), (0, 24)]:
        with pytest.raises(DynamicsError, match="not a part"):
            whole.rows(start, stop)


def test_many_files_are_read_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("ftft.dynamics.store._ROWS_PER_FILE", 3)
    logits, labels = arrays(examples=50)
    write_dynamics(tmp_path / "a", TrainingDynamics.from_arrays(logits, labels))
    assert len(list((tmp_path / "a").glob("epoch-000.*"))) == 17
    np.testing.assert_array_equal(read_dynamics(tmp_path / "a").logits(), logits)


def test_importing_loads_no_training_library():
    heavy = "{'torch', 'jax', 'pandas', 'datasets'}"
    code = f"import sys, ftft.selection; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_values_of_a_point():
    dynamics = TrainingDynamics.from_arrays([[[0.0, math.log(3)], [2.0, 0.0]]], [1, 1])
    values = dynamics.point_values(0)
    np.testing.assert_allclose(values.probability, [0.75, 1 / (1 + math.exp(2))], rtol=1e-6)
    np.testing.assert_allclose(values.loss, -np.log(values.probability), rtol=1e-6)
    np.testing.assert_allclose(values.margin, [math.log(3), -2], rtol=1e-6)
    np.testing.assert_allclose(
        values.error_norm, math.sqrt(2) * (1 - values.probability), rtol=1e-6
    )
    assert values.correct.tolist() == [True, False]
