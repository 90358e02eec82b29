from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.cartography import AMBIGUOUS, EASY, HARD, REGIONS, DataMap, statistics
from ftft.dynamics import DynamicsRecorder, TrainingDynamics
from ftft.errors import DynamicsError

COLUMNS = [
    "example_id",
    "label",
    "confidence",
    "variability",
    "correctness",
    "forgetting",
    "region",
]


def make_dynamics(examples=100, epochs=4, classes=("no", "maybe", "yes")):
    generator = np.random.default_rng(0)
    return TrainingDynamics.from_arrays(
        generator.normal(size=(epochs, examples, len(classes))) * 2,
        generator.integers(0, len(classes), examples),
        [f"id-{i}" for i in range(examples)],
        classes,
    )


def test_the_map_holds_the_statistics_of_the_dynamics():
    dynamics = make_dynamics()
    datamap = DataMap.from_dynamics(dynamics, burn_in=1, ddof=1)
    expected = statistics(dynamics, burn_in=1, ddof=1)
    for name in ("confidence", "variability", "correctness", "forgetting", "aum", "el2n"):
        np.testing.assert_array_equal(getattr(datamap, name), getattr(expected, name))
    assert (datamap.epochs, datamap.burn_in, datamap.ddof) == ((1, 2, 3), 1, 1)
    assert len(datamap) == 100


def test_a_map_of_the_first_epochs_is_that_of_a_training_that_ended_there():
    whole, short = make_dynamics(epochs=6), make_dynamics(epochs=6).logits()[:3]
    ended = TrainingDynamics.from_arrays(short, whole.labels, whole.example_ids, whole.class_names)
    for burn_in in (0, 1):
        found = DataMap.from_dynamics(whole, first_epochs=3, burn_in=burn_in)
        assert found.epochs == tuple(range(burn_in, 3))
        assert found.to_table().equals(DataMap.from_dynamics(ended, burn_in=burn_in).to_table())
    everything = DataMap.from_dynamics(whole)
    assert DataMap.from_dynamics(whole, first_epochs=99).to_table().equals(everything.to_table())
    assert not found.to_table().equals(everything.to_table())


@pytest.mark.parametrize("points", [1, 3, 7, 10])
def test_first_epochs_are_counted_in_epochs_of_training(points):
    logits = np.random.default_rng(0).normal(size=(4 * points, 5, 2))
    dynamics = TrainingDynamics.from_arrays(logits, [0] * 5, points_per_epoch=points)
    for epochs in range(1, 5):
        assert dynamics.first_epochs(epochs).epochs == tuple(range(epochs * points))
    for share in range(1, points + 1):  # sums of shares that no float holds
        assert len(dynamics.first_epochs(sum([1 / points] * share)).epochs) == share


def test_first_epochs_leave_out_later_points_that_are_not_complete(tmp_path):
    with DynamicsRecorder(tmp_path, example_ids=["a", "b"], labels=[0, 1]) as recorder:
        for epoch, rows in enumerate(([0, 1], [0], [0, 1], [0, 1], [1])):
            recorder.record(epoch, rows, np.zeros((len(rows), 2)))
    first = recorder.read().first_epochs(3)
    assert (first.epochs, first.points, first.incomplete) == ((0, 2), (1.0, 3.0), {1: 1})
    assert first.logits().shape == (2, 2, 2)


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        (0, "first_epochs is 0; it must be a number above 0"),
        (-1, "above 0"),
        (True, "above 0"),
        ("3", "above 0"),
        (float("nan"), "above 0"),
        (0.5, "first_epochs is 0.5, but .* at the end of 1 epochs"),
        (1, "With first_epochs 1: At least 2 complete"),
    ],
)
def test_first_epochs_that_leave_no_map(epochs, message):
    with pytest.raises(DynamicsError, match=message):
        DataMap.from_dynamics(make_dynamics(), first_epochs=epochs)


def test_regions_are_exclusive_and_exact():
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=0)
    region = datamap.region
    assert set(region) == set(REGIONS)
    ambiguous, easy, hard = (region == name for name in (AMBIGUOUS, EASY, HARD))
    assert ambiguous.sum() == 33
    assert datamap.variability[ambiguous].min() >= datamap.variability[~ambiguous].max()
    assert (datamap.confidence[easy] >= 0.5).all()
    assert (datamap.confidence[hard] < 0.5).all()
    assert easy.sum() + hard.sum() == 67


def test_equal_variability_is_ambiguous_in_the_order_of_ids():
    logits = np.ones((2, 6, 2))
    dynamics = TrainingDynamics.from_arrays(logits, [0] * 6, ["f", "b", "e", "a", "d", "c"])
    datamap = DataMap.from_dynamics(dynamics, region_fraction=0.5, burn_in=0)
    chosen = datamap.example_ids.filter(pa.array(datamap.region == AMBIGUOUS))
    assert sorted(chosen.to_pylist()) == ["a", "b", "c"]


def test_all_may_be_ambiguous():
    datamap = DataMap.from_dynamics(make_dynamics(), region_fraction=1, burn_in=0)
    assert set(datamap.region) == {AMBIGUOUS}


def test_writing_and_reading_keeps_everything(tmp_path):
    path = tmp_path / "deep" / "map.parquet"
    datamap = DataMap.from_dynamics(make_dynamics(), burn_in=1, ddof=1, region_fraction=0.2)
    datamap.write(path)
    table = pq.read_table(path)
    assert table.column_names[: len(COLUMNS)] == COLUMNS
    assert table.column_names[len(COLUMNS) :] == ["aum", "mean_loss", "el2n", "learnt"]
    assert set(table["label"].to_pylist()) == {"no", "maybe", "yes"}
    found = DataMap.read(path)
    for name in DataMap.__dataclass_fields__:
        ours, theirs = getattr(datamap, name), getattr(found, name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
        else:
            assert ours == theirs
    assert [file.name for file in path.parent.iterdir()] == ["map.parquet"]


def test_a_map_of_an_older_version_does_not_know_what_was_learnt(tmp_path):
    datamap = DataMap.from_dynamics(make_dynamics())
    assert datamap.knows("learnt")
    datamap.write(tmp_path / "map.parquet")
    table = pq.read_table(tmp_path / "map.parquet")
    pq.write_table(table.drop_columns(["learnt"]), tmp_path / "older.parquet")
    older = DataMap.read(tmp_path / "older.parquet")
    assert not older.knows("learnt")
    np.testing.assert_array_equal(older.variability, datamap.variability)
    # Written again, it still does not know.
    older.write(tmp_path / "again.parquet")
    assert not DataMap.read(tmp_path / "again.parquet").knows("learnt")


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, float("nan"), float("inf"), "0.3", True, None])
def test_a_region_fraction_out_of_range(fraction):
    with pytest.raises(DynamicsError, match="region_fraction"):
        DataMap.from_dynamics(make_dynamics(), region_fraction=fraction, burn_in=0)


def written(tmp_path):
    path = tmp_path / "map.parquet"
    DataMap.from_dynamics(make_dynamics(), burn_in=0).write(path)
    return path


def test_a_file_that_is_missing_truncated_or_no_map(tmp_path):
    path = written(tmp_path)
    with pytest.raises(DynamicsError, match=r"none\.parquet does not exist"):
        DataMap.read(tmp_path / "none.parquet")
    content = path.read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DynamicsError, match=r"map\.parquet is not a readable map"):
            DataMap.read(path)
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(DynamicsError, match="not a map that ftft wrote"):
        DataMap.read(path)


def test_a_flipped_bit_in_the_data_is_noticed(tmp_path):
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(bytes(content))
    with pytest.raises(DynamicsError, match=r"map\.parquet"):
        DataMap.read(path)


def change(path, *, column=None, values=None, **settings):
    table = pq.read_table(path)
    if column:
        table = table.set_column(table.column_names.index(column), column, values)
    text = table.schema.metadata[b"ftft"].decode()
    for old, new in settings.values():
        assert old in text
        text = text.replace(old, new)
    pq.write_table(table.replace_schema_metadata({b"ftft": text.encode()}), path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": ('"schema": 1', '"schema": 2')}, "schema version 2.*Update"),
        ({"a": ('"burn_in"', '"burnt"')}, "is damaged"),
        ({"a": ('"no"', '"nope"')}, "label 'no' is not one of"),
        ({"column": "region", "values": pa.array(["far"] * 100)}, "region 'far'"),
        ({"column": "confidence", "values": pa.array([np.nan] * 100)}, "confidence .*not finite"),
        ({"column": "variability", "values": pa.array([None] * 100, pa.float32())}, "variability"),
        ({"column": "forgetting", "values": pa.array(["x"] * 100)}, "not a readable map"),
    ],
)
def test_a_map_that_was_changed(tmp_path, changes, message):
    path = written(tmp_path)
    change(path, **changes)
    with pytest.raises(DynamicsError, match=message):
        DataMap.read(path)


def test_a_selection_is_not_a_map(tmp_path):
    path = written(tmp_path)
    change(path, a=('"kind": "map"', '"kind": "selection"'))
    with pytest.raises(DynamicsError, match="not a map"):
        DataMap.read(path)


def test_a_message_has_one_stop_at_a_time(tmp_path):
    """Arrow ends what it says with a stop."""
    (tmp_path / "ids.parquet").write_text("id\n1\n")
    with pytest.raises(DynamicsError) as caught:
        DataMap.read(tmp_path / "ids.parquet")
    assert ". Make it again, or give" in str(caught.value)
    assert ".." not in str(caught.value)
    assert "\n" not in str(caught.value)
