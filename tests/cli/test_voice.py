"""How much is said, and in which form."""

import io
import json

import pytest

from ftft.cli.voice import take_voice, write_line
from ftft.training.progress import Bars, Lines, progress
from ftft.utils.line import Line


@pytest.fixture(autouse=True)
def _as_before():
    yield
    take_voice([])


def rows(tmp_path):
    lines = [f"some words of row {i},{'ab'[i % 2]}\n" for i in range(20)]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(lines))
    (tmp_path / "test.csv").write_text("text,label\n" + "".join(lines))


@pytest.mark.parametrize("place", [0, 2])
def test_quiet_leaves_results_and_errors(ftft, tmp_path, place):
    rows(tmp_path)
    line = ["init", "train.csv"]
    assert "found beside" in ftft(*line).err
    quiet = ftft(*line[:place], "--quiet", *line[place:])
    assert quiet.code == 0
    assert quiet.err == ""
    assert "path: train.csv" in quiet.out
    assert "nowhere.csv does not exist" in ftft("init", "nowhere.csv", "--quiet").err


@pytest.mark.parametrize("option", [["--log-format", "json"], ["--log-format=json"]])
def test_json_is_an_object_a_line(ftft, tmp_path, option):
    rows(tmp_path)
    said = ftft("init", "train.csv", *option)
    line, *_ = [json.loads(line) for line in said.err.splitlines()]
    assert line["level"] == "info"
    assert line["message"].startswith("found beside train.csv: test.csv")
    assert line["time"].endswith("+00:00")
    refused = ftft("init", "nowhere.csv", *option)
    assert refused.code == 2
    assert json.loads(refused.err)["level"] == "error"


def test_figures_of_a_line_are_keys_of_its_object(capsys):
    take_voice(["--log-format", "json"])
    write_line("info", Line("training 2 of 5", training=2, of=5, seconds_left=None))
    found = json.loads(capsys.readouterr().err)
    assert found["message"] == "training 2 of 5"
    assert {key: found[key] for key in found.keys() - {"time", "level", "message"}} == {
        "training": 2,
        "of": 5,
    }


@pytest.mark.parametrize("option", [["--log-format", "xml"], ["--log-format"]])
def test_another_format_is_refused(ftft, option):
    refused = ftft("init", "train.csv", *option)
    assert refused.code == 2
    assert "give one of text, json" in refused.err


@pytest.mark.parametrize(
    ("line", "kind"), [([], Bars), (["--quiet"], Lines), (["--log-format", "json"], Lines)]
)
def test_bars_are_for_those_who_want_words(monkeypatch, line, kind):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    take_voice(line)
    assert type(progress(print)) is kind
