"""One is singular: the helper, and no message that goes without it."""

import re
from pathlib import Path

import pytest

import ftft
from ftft.utils.plural import as_share, counted


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1 row"), (0, "0 rows"), (2, "2 rows"), (2000, "2,000 rows"), (0.5, "0.5 rows")],
)
def test_counted(number, words):
    assert counted(number, "row") == words


def test_a_plural_of_its_own():
    assert [counted(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]


def test_no_message_leaves_the_number_open():
    sources = Path(ftft.__file__).parent.rglob("*.py")
    found = [
        (path.name, line.strip())
        for path in sources
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\} [\w ]*\(s\)", line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("33%", "For 33 percent write 0.33."),
        ("0.5 %", "write 0.005."),
        (94, "If 94 percent is meant, write 0.94."),
        (2.5, "write 0.025."),
        (100, "write 1."),
    ],
)
def test_a_percentage_is_taken_for_one(value, words):
    assert as_share(value).endswith(words)


@pytest.mark.parametrize("value", [0.5, 1.5, 101, -3, float("nan"), True, "94"])
def test_no_percentage(value):
    assert as_share(value) == ""


@pytest.mark.parametrize("option", ["--expected", "--dev-accuracy"])
@pytest.mark.parametrize("value", [94, -1, "nan"])
def test_a_command_names_the_range_of_a_share(ftft, option, value):
    outcome = ftft("preflight", "nowhere", option, value)
    assert outcome.code == 2
    assert f"{option} {value}: a share from 0 to 1 was expected" in outcome.err
    assert ("write 0.94" in outcome.err) is (value == 94)


def test_a_key_of_an_experiment_too(ftft, experiment_file):
    outcome = ftft("validate", experiment_file, "--set", "selection.fraction=33")
    assert "must be at most 1 (found 33). If 33 percent is meant, write 0.33." in outcome.err
