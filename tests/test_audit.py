"""The audit of dependencies: fails on a vulnerability, and tells when it could not look."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "scripts" / "audit.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("audit_script", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name)
    return module


def test_dependencies_are_those_of_run_time(script):
    pins = script.closure("ftft")
    assert {"torch", "transformers", "pyyaml", "numpy"} <= set(pins)
    assert not {"pytest", "ruff", "mypy", "pip-audit"} & set(pins)
    assert not any("+" in version for version in pins.values())


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 of 2 dependencies looked up, 0 vuln"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "skipped, the registry knows none"),
        ([], 0, "skipped, the registry knows none"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}],
            *(1, "a 1: X-1 (fixed in: 2)"),
        ),
    ],
)
def test_says_what_it_found(script, monkeypatch, capsys, answer, status, expected):
    monkeypatch.setattr(script, "closure", lambda root: {"a": "1", "b": "2"})
    monkeypatch.setattr(script, "audit", lambda pins: answer)
    assert script.main() == status
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize("stdout", ["", "no network", "[]"])
def test_no_answer_is_told_and_is_no_failure(script, monkeypatch, capsys, stdout):
    said = subprocess.CompletedProcess([], 1, stdout, "more\nConnectionError: no route")
    monkeypatch.setattr(script.subprocess, "run", lambda *args, **options: said)
    assert script.main() == 0
    assert "skipped, the registry did not answer (ConnectionError" in capsys.readouterr().out


def test_without_pip_audit(script, monkeypatch, capsys):
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)
    assert script.main() == 0
    assert capsys.readouterr().out == "audit: skipped, pip-audit is not installed\n"
