"""The notebooks run from top to bottom, and find what they say they find."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def run(name, folder, monkeypatch):
    """Run a notebook's code in a folder of its own, and return its variables."""
    monkeypatch.chdir(folder)
    (path,) = [one for one in NOTEBOOKS if one.stem == name]
    variables = {}
    for cell in cells_of(path):
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), variables)
    return variables


def test_own_loop(tmp_path, monkeypatch):
    found = run("own-loop", tmp_path, monkeypatch)
    assert len(found["chosen"]) == round(0.33 * found["rows"])
    ids = [found["ids"][row] for row in found["chosen"]]
    assert ids == found["subset"].example_ids.to_pylist()


def test_quick_start(tmp_path, monkeypatch):
    """Everything from a file to a report, with a model of its own."""
    found = run("quick-start", tmp_path, monkeypatch)
    results = found["results"]
    assert {one.method for one in results.runs} == {"erm", "random", "ftft"}
    assert (tmp_path / results.report).is_file()
    assert (len(found["datamap"]), len(found["chosen"])) == (480, round(0.33 * 480))
    assert found["late"].options["random_share"] == 0.3
    assert len(found["predicted"]) == 2


def test_label_errors(tmp_path, monkeypatch):
    found = run("label-errors", tmp_path, monkeypatch)
    assert found["found"] > 8 * found["wrong"].mean()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_none_holds_outputs(path):
    assert not any(cell.get("outputs") for cell in cells_of(path))
