"""No output of a command replaces what a run or a study wrote for itself."""

import ast
from pathlib import Path

import pytest

import ftft
from ftft.errors import ConfigError, WorkspaceError
from ftft.workspace.layout import EXPERIMENT_TITLE, STUDY_TITLE
from ftft.workspace.own_files import check_output
from ftft.workspace.stage_record import finish_outputs, write_record


def stage(folder, status="finished"):
    (folder / "dynamics").mkdir(parents=True)
    for name in ("map.parquet", "dynamics/header.json"):
        (folder / name).write_text(name)
    outputs = {"outputs": finish_outputs(folder), "result": {}} if status == "finished" else {}
    write_record(folder, {"schema": 2, "digest": "", "status": status, **outputs})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A run, a study, a run that is known by its stages alone, and what is none of them."""
    monkeypatch.chdir(tmp_path)
    stage(Path("run/map/seed-0"))
    stage(Path("run/main/seed-0"), "running")
    stage(Path("old/map/seed-0"))
    stage(Path("study/data/map/one/seed-0"))
    Path("run/experiment.yaml").write_text(EXPERIMENT_TITLE)
    Path("study/study.yaml").write_text(STUDY_TITLE)
    for name in ("run/results.json", "run/report.html", "run/map/seed-0/plot.png"):
        Path(name).write_text("there")
    for name in ("experiment.yaml", "study.yaml", "results.json", "stage.csv"):
        Path(name).write_text("mine")


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("run/experiment.yaml", "the run in"),
        ("run/results.json", "the run in"),
        ("run/map/../results.json", "the run in"),
        ("run/.lock", "the run in"),
        ("old/results.json", "the run in"),
        ("study/data/results.json", "the run in"),
        ("study/study.yaml", "the study in"),
        ("study/study.json", "the study in"),
        ("study/study.csv", "the study in"),
        ("run/map/seed-0/stage.json", "the stage in"),
        ("run/map/seed-0/map.parquet", "the stage in"),
        ("run/map/seed-0/dynamics/header.json", "the stage in"),
        ("run/main/seed-0/map.parquet", "the stage in"),
        ("study/data/map/one/seed-0/map.parquet", "the stage in"),
    ],
)
@pytest.mark.parametrize("overwrite", [True, False])
def test_their_own_are_refused(name, owner, overwrite):
    with pytest.raises(ConfigError, match=f"is a file of {owner} .*another name") as refused:
        check_output(Path(name), overwrite=overwrite, error=ConfigError)
    assert "--overwrite" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "run/report.html",
        "run/table.csv",
        "run/study.csv",
        "run/map/seed-0/plot.png",
        "run/map/seed-0/new.parquet",
        "study/report.html",
        "experiment.yaml",
        "study.yaml",
        "results.json",
        "stage.csv",
    ],
)
def test_all_else_is_replaced_where_that_is_asked_for(name):
    check_output(Path(name), overwrite=True)


def test_names_that_no_disk_takes_are_said_to_be_so():
    with pytest.raises(WorkspaceError, match="Give another name"):
        check_output(Path("run/map/seed-0") / ("x" * 300), error=WorkspaceError)


def test_nothing_looks_only_whether_a_file_is_there():
    """Each command that writes a file asks whose it is."""
    root = Path(ftft.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and "check_free" in [name.name for name in node.names]
    }
    assert found == {"workspace/own_files.py"}
