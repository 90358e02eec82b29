"""Files that are not UTF-8, or compressed: the command in the message makes them readable."""

import gzip
import subprocess

import pytest

from ftft.data.readers.delimited import Dialect, read_delimited
from ftft.data.readers.json_lines import read_json_lines
from ftft.errors import DataError

TEXTS = {"csv": 'a,b\n1,"café, ""x"""\n', "jsonl": '{"a": "1", "b": "café, \\"x\\""}\n'}


def read(path):
    if ".jsonl" in path.name:
        return read_json_lines(path, ["a", "b"]).to_pydict()
    return read_delimited(path, Dialect(","), ["a", "b"]).to_pydict()


def problem(path):
    with pytest.raises(DataError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252"]
)
def test_the_command_for_another_encoding(tmp_path, kind, suffix, encoding):
    path = tmp_path / f"it's $HOME.{kind}{suffix}"
    raw = TEXTS[kind].encode(encoding)
    path.write_bytes(gzip.compress(raw) if suffix else raw)
    run_command_of(problem(path), path, tmp_path / f"utf8-{path.name}")


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_command_for_a_compressed_file(tmp_path, kind, suffix):
    path = tmp_path / f"a file.{kind}{suffix}"
    raw = gzip.compress(TEXTS[kind].encode())
    path.write_bytes(gzip.compress(raw) if suffix else raw)
    message = problem(path)
    assert "compressed with gzip" in message
    run_command_of(message, path, tmp_path / f"unpacked-{path.name}")


def run_command_of(message, path, new):
    command = message.rpartition("it: ")[2]
    subprocess.run(["sh", "-ec", command], check=True, timeout=20)
    assert read(new) == {"a": ["1"], "b": ['café, "x"']}


def test_a_header_that_starts_like_an_archive_is_read(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("PK,BZh\n1,2\n")
    assert read_delimited(path, Dialect(","), ["PK"]).to_pydict() == {"PK": ["1"]}
