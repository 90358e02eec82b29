"""The canonical data set: access by id, and a fingerprint of content alone."""

import numpy as np
import pyarrow as pa
import pytest

from ftft.data import LabelledDataset
from ftft.errors import DataError


def make(ids=("a", "b", "c"), **changes):
    columns = {
        "example_id": pa.array(ids, pa.string()),
        "text_0": pa.array([f"text of {i}" for i in ids], pa.string()),
        "label": pa.array(range(len(ids)), pa.int64()),
    }
    return LabelledDataset.from_table("some", pa.table(columns | changes), ("x", "y", "z"))


def test_properties():
    data = make()
    assert len(data) == 3
    assert isinstance(data.example_ids, pa.StringArray)
    assert data.example_ids.to_pylist() == ["a", "b", "c"]
    assert data.labels.dtype == np.int64
    assert data.labels.tolist() == [0, 1, 2]
    assert data.rows[1] == {"example_id": "b", "text_0": "text of b", "label": 1}


@pytest.mark.parametrize(
    "ids",
    [["c", "a"], np.array(["c", "a"]), pa.array(["c", "a"]), pa.chunked_array([["c"], ["a"]])],
)
def test_take_follows_the_order_of_the_ids(ids):
    taken = make().take(ids)
    assert taken.example_ids.to_pylist() == ["c", "a"]
    assert taken.labels.tolist() == [2, 0]
    assert taken.rows["text_0"][:] == ["text of c", "text of a"]
    assert (taken.name, taken.class_names) == ("some", ("x", "y", "z"))


def test_take_nothing():
    taken = make().take([])
    assert len(taken) == 0
    assert taken.example_ids.to_pylist() == []
    assert taken.labels.tolist() == []
    assert taken.take([]).fingerprint == taken.fingerprint


def test_take_everything_is_the_same_data():
    assert make().take(["a", "b", "c"]).fingerprint == make().fingerprint


def test_take_unknown_id():
    with pytest.raises(DataError, match="2 of 3 example ids are not in it, among them 'd', 'e'"):
        make().take(["d", "a", "e"])


def test_take_twice_the_same_id():
    with pytest.raises(DataError, match="asked for twice"):
        make().take(["a", "b", "a"])


def test_take_keeps_merged_classes():
    table = make().table
    merged = LabelledDataset.from_table(
        "m", table, ("x", "y", "z"), model_classes=("p", "q"), class_of_model_class=(0, 1)
    )
    taken = merged.take(["b"])
    assert (taken.model_classes, taken.class_of_model_class) == (("p", "q"), (0, 1))


def test_fingerprint_ignores_chunks_and_offsets():
    whole = make().table
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2)])
    padded = pa.concat_tables([whole.slice(2), whole]).combine_chunks().slice(1)
    prints = {
        LabelledDataset.from_table("n", table, ("x", "y", "z")).fingerprint
        for table in (whole, chunked, padded)
    }
    assert len(prints) == 1
    assert prints == {make().fingerprint}


@pytest.mark.parametrize(
    "changes",
    [
        {"label": pa.array([0, 1, 1])},
        {"text_0": pa.array(["text of a", "text of bt", "ext of c"])},
        {"text_1": pa.array(["", "", ""])},
        {"slice:k": pa.array(["", "", ""])},
    ],
)
def test_fingerprint_sees_every_cell(changes):
    assert make(**changes).fingerprint != make().fingerprint


def test_fingerprint_sees_the_classes():
    table = make().table
    assert LabelledDataset.from_table("n", table, ("x", "z", "y")).fingerprint != make().fingerprint


def test_frozen():
    with pytest.raises(AttributeError):
        make().name = "other"
