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
