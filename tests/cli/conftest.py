"""The command line, called in this process: exit status, standard output, standard error."""

import sys
from dataclasses import dataclass

import pytest

from ftft.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def ftft(monkeypatch, capsys, tmp_path):
    """Call ``ftft ARGUMENTS`` in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FTFT_DEBUG", raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["ftft", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
