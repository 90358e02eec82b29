"""Where selected examples are in the user's own data."""

import datasets
import pyarrow as pa
import pytest

from ftft.errors import DynamicsError
from ftft.selection.selection import Selection

SELECTION = Selection.of_ids(pa.array(["7", "3", "5"]), 4)


@pytest.mark.parametrize("ids", [["3", "5", "6", "7"], [3, 5, 6, 7], pa.array([3, 5, 6, 7])])
def test_they_are_best_first(ids):
    assert SELECTION.positions(ids).tolist() == [3, 0, 1]


def test_they_select_the_rows():
    rows = datasets.Dataset.from_dict({"id": ["3", "5", "6", "7"]})
    assert rows.select(SELECTION.positions(rows["id"][:]))["id"][:] == ["7", "3", "5"]


@pytest.mark.parametrize(
    ("ids", "expected"), [(["3", "5"], "lack the selected example '7'"), (["3", "3"], "'3'")]
)
def test_other_data_are_refused(ids, expected):
    with pytest.raises(DynamicsError, match=expected):
        SELECTION.positions(ids)
