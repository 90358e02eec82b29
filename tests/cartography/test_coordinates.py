from __future__ import annotations

import json

import numpy as np
import pytest

from ftft.cartography import DataMap, read_coordinates, write_coordinates
from ftft.dynamics import TrainingDynamics
from ftft.errors import DynamicsError


def make_map(examples=30):
    generator = np.random.default_rng(0)
    return DataMap.from_dynamics(
        TrainingDynamics.from_arrays(
            generator.normal(size=(5, examples, 3)) * 2,
            generator.integers(0, 3, examples),
            [f"id-{i}" for i in range(examples)],
        ),
        burn_in=0,
    )


def line(**changes):
    keys = ("guid", "index", "threshold_closeness", "confidence", "variability", "correctness")
    row = dict(zip(keys, ("a", 0, 0.25, 0.5, 0.1, 2), strict=True), forgetfulness=1)
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_lines_are_those_of_the_original_code(tmp_path):
    # p of label 0: 1/2, 3/4 and 1/2, 1/4: the tie counts as right, the class is the first.
    logits = [[[0.0, 0.0], [0.0, np.log(2)]], [[np.log(3), 0.0], [0.0, np.log(3)]]]
    datamap = DataMap.from_dynamics(TrainingDynamics.from_arrays(logits, [0, 0], [7, 8]), burn_in=0)
    write_coordinates(tmp_path / "td_metrics.jsonl", datamap)
    rows = [json.loads(text) for text in (tmp_path / "td_metrics.jsonl").read_text().splitlines()]
    assert list(rows[0]) == [
        "guid",
        "index",
        "threshold_closeness",
        "confidence",
        "variability",
        "correctness",
        "forgetfulness",
    ]
    first, second = (list(row.values()) for row in rows)
    assert first == ["7", 0, pytest.approx(0.625 * 0.375), 0.625, 0.125, 2, 0]
    mean, half = (1 / 3 + 1 / 4) / 2, (1 / 3 - 1 / 4) / 2
    expected = ["8", 1, mean * (1 - mean), mean, half, 0, 1000]
    assert second == [pytest.approx(v, rel=1e-6) if isinstance(v, float) else v for v in expected]


def test_written_coordinates_are_read_as_the_same_map(tmp_path):
    datamap = make_map()
    write_coordinates(tmp_path / "c.jsonl", datamap)
    labels = dict(zip(datamap.example_ids.to_pylist(), datamap.labels.tolist(), strict=True))
    found = read_coordinates(
        tmp_path / "c.jsonl", num_epochs=5, labels=labels, class_names=["0", "1", "2"]
    )
    assert found.example_ids == datamap.example_ids
    for name in ("labels", "confidence", "variability", "forgetting", "region_code"):
        np.testing.assert_array_equal(getattr(found, name), getattr(datamap, name))
    np.testing.assert_allclose(found.correctness, datamap.correctness, rtol=1e-6)
    assert np.isnan([found.aum, found.mean_loss, found.el2n]).all()
    found.write(tmp_path / "map.parquet")
    assert DataMap.read(tmp_path / "map.parquet").epochs == (0, 1, 2, 3, 4)


def test_without_labels_and_number_of_epochs(tmp_path):
    rows = [
        line(),
        line(guid="b", correctness=4),
        line(guid="c", correctness=0, forgetfulness=1000),
    ]
    found = read_coordinates(write(tmp_path / "c.jsonl", *rows))
    assert found.labels.tolist() == [0, 0, 0]
    assert found.correctness.tolist() == [0.5, 1, 0]
    assert found.forgetting.tolist() == [1, 1, 0]
    assert found.epochs == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        ([line(guid=None)], {}, "guid"),
        ([line(confidence=None)], {}, "'confidence' is missing"),
        ([line(variability="x")], {}, "cannot be read"),
        ([line(), line()], {}, "'a' occurs 2 times"),
        ([line(correctness=5)], {"num_epochs": 4}, "more than the 4 epochs"),
        ([line()], {"labels": {"b": 0}}, "no gold label was given for the id 'a'"),
        ([line()], {"region_fraction": 2}, "region_fraction"),
        ([], {}, "cannot be read"),
    ],
)
def test_coordinates_that_are_not_as_expected(tmp_path, rows, settings, message):
    with pytest.raises(DynamicsError, match=message):
        read_coordinates(write(tmp_path / "c.jsonl", *rows), **settings)


def test_a_missing_file(tmp_path):
    with pytest.raises(DynamicsError, match="cannot be read"):
        read_coordinates(tmp_path / "none.jsonl")
