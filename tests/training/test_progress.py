"""Bars in a terminal, a line a minute elsewhere."""

from __future__ import annotations

import io
import re

import pytest

from ftft.config.schema import Recording
from tiny_task import plan


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_bars_and_nothing_else(tune, monkeypatch, capsys):
    seen, said = Terminal(), []
    monkeypatch.setattr("sys.stderr", seen)
    tune("a", plan(6, 2), recording=Recording(), say=said.append)
    assert said == []
    assert capsys.readouterr().out == ""
    assert "6/6 [" in seen.getvalue()
    assert "dev=0." in seen.getvalue()  # the watched score
    assert "{'" not in seen.getvalue()  # no figures of the Trainer's own
    # Whatever went down a line came up again, but the bar of the training at its end.
    assert seen.getvalue().count("\n") == seen.getvalue().count("\x1b[A") + 1


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, ["1", "2", "3", "4", "5", "6"]), (60.0, [])])
def test_a_log_file_gets_lines(tune, monkeypatch, capsys, seconds, steps):
    monkeypatch.setattr("ftft.training.progress.SECONDS", seconds)
    said: list[str] = []
    tune("a", plan(6, 2), say=said.append)
    assert [line.partition(",")[0] for line in said] == [
        f"  step {step} of at most 6" for step in steps
    ]
    for line in said:
        assert re.search(r"\d examples/s, at most \d+ s left$", line)
    assert not said or ", loss 0." in said[-1]
    assert "%|" not in capsys.readouterr().err
