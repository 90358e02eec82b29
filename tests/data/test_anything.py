"""Whatever a file holds: data or a DataError, never another exception."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftft.config.data import DataConfig
from ftft.data import detect_columns, load_data
from ftft.errors import DataError

MARKS = b'text label id , " { } [ : 1 0 - null \\ud800'.split()
BYTES = [b"\t", b"\n", b"\r", b"\xff", b"\0", b"\xef\xbb\xbf", b"\xc3\xa9", b"a b c"]
ROWS = [b"text,label\n", b'{"text": "x", "label": 1}\n', b"text\tlabel\n", b"x,1\n", b"y,0\n"]
pieces = st.sampled_from([*MARKS, *BYTES, *ROWS])
contents = st.lists(pieces, max_size=25).map(b"".join)
names = ["x.csv", "x.tsv", "x.jsonl", "x.parquet", "x.csv.gz", "x"]


@pytest.mark.parametrize("name", names)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=contents, compress=st.booleans(), quoting=st.booleans(), use_id=st.booleans())
def test_data_or_a_data_error(tmp_path, name, content, compress, quoting, use_id):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if compress else content)
    train = {"path": str(path), "text": "text", "label": "label", "quoting": quoting}
    config = DataConfig.model_validate({"train": train | {"id": "id" if use_id else None}})
    # A refusal in words is as good as data; any other exception fails the test.
    with suppress(DataError):
        assert len(load_data(config).train) > 0
    with suppress(DataError):
        assert detect_columns(path).rows > 0
