"""Bars in a terminal, a line a minute elsewhere."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest

from ftft.config.schema import Recording
from ftft.training.progress import Lines, OfRun
from tiny_task import plan


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_bars_and_nothing_else(tune, monkeypatch, capsys):
    seen, said = Terminal(), []
    monkeypatch.setattr("sys.stderr", seen)
    of_run = OfRun(2, 5, lambda here, per_step: None)
    tune("a", plan(6, 2), recording=Recording(), say=said.append, of_run=of_run)
    assert said == []
    assert capsys.readouterr().out == ""
    assert "training 2 of 5: 100%|" in seen.getvalue()
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


def test_a_line_says_where_the_training_stands_in_its_run(monkeypatch):
    monkeypatch.setattr("ftft.training.progress.SECONDS", 0.0)
    clock = iter([100.0, 108.0])
    monkeypatch.setattr("ftft.training.progress.time.monotonic", lambda: next(clock))
    said = []
    of_run = OfRun(2, 5, lambda here, per_step: here + 50 * per_step)
    lines = Lines(said.append, of_run)
    at = SimpleNamespace(global_step=4, max_steps=10, is_world_process_zero=True)
    batches = {"train_batch_size": 8, "world_size": 1, "gradient_accumulation_steps": 1}
    lines.on_step_end(SimpleNamespace(**batches), at, None)
    assert said == [
        "  training 2 of 5: step 4 of at most 10, 4.0 examples/s, at most 12 s left; "
        "about 2 min of training left in all"
    ]
    assert said[0].figures == {
        **{"training": 2, "of": 5, "seconds_left": 112.0},
        **{"step": 4, "steps": 10},
    }


def test_a_bar_shows_how_long_all_trainings_take(tune, monkeypatch):
    monkeypatch.setattr("ftft.training.progress.SECONDS", 0.0)
    seen = Terminal()
    monkeypatch.setattr("sys.stderr", seen)
    of_run = OfRun(1, 5, lambda here, per_step: 754.0)
    tune("a", plan(6, 2), of_run=of_run)
    assert "all_left=about 13 min" in seen.getvalue()
    assert re.search(r"dev=0\.\d+", seen.getvalue())
