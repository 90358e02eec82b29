"""Paths as commands show them."""

import os

import pytest

from ftft.utils.paths import from_here


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("results: HERE/runs/a/results.json", "results: runs/a/results.json"),
        ("'HERE/a b.csv', row 2; HERE/c.csv", "'a b.csv', row 2; c.csv"),
        ("--output=HERE/x", "--output=x"),
        ("HERE", "HERE"),
        ("HERE/ is empty", "HERE/ is empty"),
        ("/elsewhereHERE/x HERE-2/x", "/elsewhereHERE/x HERE-2/x"),
        ("file://HERE/x", "file://HERE/x"),
        ("no path", "no path"),
    ],
)
def test_what_lies_below_is_written_from_here(text, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = os.getcwd()
    assert from_here(text.replace("HERE", here)) == shown.replace("HERE", here)


def test_in_the_root_nothing_changes(monkeypatch):
    monkeypatch.chdir("/")
    assert from_here("/tmp/x and /y") == "/tmp/x and /y"
