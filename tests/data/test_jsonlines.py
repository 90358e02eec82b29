"""JSON lines: values as written, and the line of what is wrong."""

import json

import pytest

from ftft.data.readers.json_lines import read_json_lines
from ftft.errors import DataError


def problem(path, wanted="ab"):
    with pytest.raises(DataError) as caught:
        read_json_lines(path, list(wanted))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_values_are_strings_as_written(write):
    lines = ['{"a": 12345678901234567890123, "b": 1.50}', '{"a": true, "b": "2020-01-01"}']
    path = write("x.jsonl", "\n".join(lines))
    assert read_json_lines(path, ["a", "b"]).to_pydict() == {
        "a": ["12345678901234567890123", "true"],
        "b": ["1.50", "2020-01-01"],
    }


def test_missing_and_null_values_are_null(write):
    path = write("x.jsonl", '{"a": "1", "b": null}\n\n{"a": "2"}\n{"a": "NaN", "b": NaN}\n')
    table = read_json_lines(path, ["a", "b"])
    assert table.to_pydict() == {"a": ["1", "2", "NaN"], "b": [None] * 3}
    assert read_json_lines(path) == table


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_only_line_feeds_end_a_line(write, name):
    text = "one\u2028two\x85three"
    path = write(name, "\ufeff" + json.dumps({"a": text}, ensure_ascii=False) + "\r\n")
    assert read_json_lines(path, ["a"]).to_pydict() == {"a": [text]}


def test_missing_key_names_the_nearest(write):
    message = problem(write("x.jsonl", '{"text": "x", "labels": 1}'), ["label"])
    assert "no column 'label'. Did you mean 'labels'?" in message


@pytest.mark.parametrize("content", ["", "\n \n", "{}\n"])
def test_empty_file(write, content):
    assert "is empty" in problem(write("x.jsonl", content))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "line 2: not valid JSON"),
        (b"[" * 100_000, "line 2: not valid JSON (nested too deeply)"),
        (b'["x"]', "line 2: not a JSON object but a list"),
        (b"3", "line 2: not a JSON object"),
        (b'{"a": ["x"]}', "line 2: 'a' holds a list"),
        (b'{"a": {"x": 1}}', "line 2: 'a' holds a dict"),
        (b'{"a": "caf\xe9"}', "line 2: byte 31 (0xe9) is not UTF-8"),
    ],
)
def test_bad_line_is_named(write, line, complaint):
    assert complaint in problem(write("x.jsonl", b'{"a": "1", "b": "2"}\n' + line))


def test_json_array_is_recognised(write):
    assert "one JSON array" in problem(write("x.json", '[\n{"a": 1}\n]'))


def test_half_a_surrogate_pair(write):
    path = write("x.jsonl", '{"a": "fine", "b": ""}\n{"a": "\\ud800", "b": ""}')
    assert "row 2 (line 2): 'a' holds half a surrogate pair" in problem(path)
