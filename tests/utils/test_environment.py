"""What figures are made with, as results.json has it."""

import pytest

from ftft.utils.environment import environment


@pytest.mark.parametrize(
    ("given", "jobs"),
    [(None, 1), ("1", 1), ("4", 4), ("", None), ("many", None), ("0", None), ("-2", None)],
)
def test_how_many_share_the_machine(monkeypatch, given, jobs):
    """Whatever the variable holds; what is no number of processes says nothing."""
    monkeypatch.delenv("FTFT_JOBS", raising=False)
    if given is not None:
        monkeypatch.setenv("FTFT_JOBS", given)
    assert environment()["jobs"] == jobs
