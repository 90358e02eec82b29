"""YAML by the core schema of version 1.2, and what is written reads the same in both versions."""

import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ftft.config.yaml_core import dump, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("no", "off", "Yes", "ON", "y", "1_000", "12:30", "0b11", "=")),
        *((word, word) for word in ("2026-01-01", "2026-01-01 10:00:00", "1e", ".", "e5", "0x")),
        ("2e-5", 2e-5),
        ("-1.5E+3", -1500.0),
        (".5e3", 500.0),
        ("1.", 1.0),
        ("010", 10),
        ("+1", 1),
        ("0o17", 15),
        ("0x1F", 31),
        ("-.inf", -math.inf),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("Null", None),
    ],
)
def test_what_a_word_is_read_as(text, value):
    found = parse(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_merges_and_aliases():
    text = "a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: {<<: [*a, {z: 4}]}\n"
    read = parse(text)
    assert read["b"] == {"x": 3, "y": [2]}
    assert read["c"] == {"x": 1, "y": [2], "z": 4}
    assert read["a"]["y"] is not read["b"]["y"]


# What YAML can write at all; half a surrogate pair it cannot.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = TEXTS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)


@example("no")
@example("2e-5")
@example("1e5")
@example("0o17")
@example("010")
@example("2026-01-01")
@example("12:30")
@example(2e-5)
@example(1e16)
@given(VALUES)
def test_what_is_written_reads_the_same_in_both_versions(value):
    written = dump({"key": value, "list": [value], str(value): 1})
    expected = {"key": value, "list": [value], str(value): 1}
    assert parse(written) == yaml.safe_load(written) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: {path: a?, text: b}\n",
         "line 2, column 12: expected ',' or '}', but got '?'; put a text that holds ?, : or # in "
         "quotes"),
        ("a: b: c\n",
         "line 1, column 5: a key and its ':' cannot stand here; put a text that holds ?, : or # "
         "in quotes"),
        ("a:\n\t- b\n", "line 2, column 1: a tab, where blanks are expected"),
        ("a:\n  b: 1\n c: 2\n",
         "line 3, column 2: this does not go on with what stands above it; check the indentation "
         "(while parsing a block mapping, which begins in line 1)"),
        ("a: 'b\n",
         "line 2, column 1: found unexpected end of the text (while scanning a quoted scalar, "
         "which begins in line 1)"),
        ("a: 1\nb: \0\n", "line 2: the character #x0000 cannot stand in YAML"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_said_in_one_sentence(text, expected):
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse(text)
    assert str(caught.value) == expected
