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
    assert first == [7, 0, pytest.approx(0.625 * 0.375), 0.625, 0.125, 2, 0]
    mean, half = (1 / 3 + 1 / 4) / 2, (1 / 3 - 1 / 4) / 2
    expected = [8, 1, mean * (1 - mean), mean, half, 0, 1000]
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


def published(**changes):
    """A line of the files that are published: fewer keys, and ids that are numbers."""
    row = line(threshold_closeness=None, forgetfulness=None, **changes)
    return {**row, "guid": changes.get("guid", 17)}


def test_published_coordinates_have_fewer_keys(tmp_path):
    rows = [
        published(guid=31415, confidence=0.9, variability=0.2, correctness=4),
        published(guid=27182, confidence=0.25, variability=0.3, correctness=1),
    ]
    found = read_coordinates(write(tmp_path / "c.jsonl", *rows))
    assert found.example_ids.to_pylist() == ["31415", "27182"]
    assert found.confidence.tolist() == pytest.approx([0.9, 0.25])
    assert found.correctness.tolist() == [1, 0.25]
    assert found.region.tolist() == ["easy-to-learn", "ambiguous"]
    assert found.forgetting.tolist() == [-1, -1]
    assert not found.knows("forgetting")
    assert found.knows("confidence")
    found.write(tmp_path / "map.parquet")
    again = DataMap.read(tmp_path / "map.parquet")
    assert again.forgetting.tolist() == [-1, -1]
    assert again.to_table().column("forgetting").to_pylist() == [None, None]

    write_coordinates(tmp_path / "back.jsonl", again)
    back = [json.loads(text) for text in (tmp_path / "back.jsonl").read_text().splitlines()]
    for old, new in zip(rows, back, strict=True):
        assert list(new)[:3] == ["guid", "index", "threshold_closeness"]
        assert "forgetfulness" not in new
        assert new["guid"] == old["guid"]
        assert new["correctness"] == old["correctness"]


def test_ids_keep_the_kind_they_had(tmp_path):
    for ids in ([5, 6], ["a", "b"], ["05", "6"], ["2020-01-01", "2020-01-02"]):
        rows = [published(guid=one, index=at) for at, one in enumerate(ids)]
        datamap = read_coordinates(write(tmp_path / "c.jsonl", *rows))
        assert datamap.example_ids.to_pylist() == [str(one) for one in ids]
        write_coordinates(tmp_path / "back.jsonl", datamap)
        back = (tmp_path / "back.jsonl").read_text().splitlines()
        assert [json.loads(text)["guid"] for text in back] == ids


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
        ([line(), line(guid="b", forgetfulness=None)], {}, "'forgetfulness' is missing in a line"),
        ([line(forgetfulness="x")], {}, "'forgetfulness' is missing in a line or not a number"),
        ([line(correctness=0.6)], {}, "correctness 0.6 is not a whole number"),
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
