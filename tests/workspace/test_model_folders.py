"""Which model folder is meant by a folder that is none."""

from pathlib import Path

import pytest

from ftft.errors import ModelError
from ftft.utils.below import files_below
from ftft.workspace.layout import EXPERIMENT_TITLE, STUDY_TITLE
from ftft.workspace.models import model_folder

CELL = "main/large/small/ambiguous-0.33-0.333/seed-0"


def trained(*stages):
    for stage in stages:
        Path(stage, "model").mkdir(parents=True)
        Path(stage, "model/config.json").touch()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A run and a study of one main model each, with a reference and ERM beside it."""
    monkeypatch.chdir(tmp_path)
    trained("runs/a/main/seed-0", "runs/a/reference/seed-0", "runs/a/erm/seed-0")
    Path("runs/a/experiment.yaml").write_text(EXPERIMENT_TITLE)
    trained(f"runs/st/nli/{CELL}", "runs/st/nli/reference/small/seed-0")
    Path("runs/st/study.yaml").write_text(STUDY_TITLE)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("runs/a/main/seed-0/model", "runs/a/main/seed-0"),
        ("runs/a/main/seed-0", "runs/a/main/seed-0"),
        ("runs/a/erm/seed-0", "runs/a/erm/seed-0"),
        ("runs/a/main", "runs/a/main/seed-0"),
        ("runs/a", "runs/a/main/seed-0"),
        ("runs/st", f"runs/st/nli/{CELL}"),
        ("runs/st/nli", f"runs/st/nli/{CELL}"),
        ("runs/st/nli/main/large", f"runs/st/nli/{CELL}"),
    ],
)
def test_the_only_main_model(given, meant):
    assert model_folder(Path(given)) == Path(meant, "model")


@pytest.mark.parametrize("given", ["runs/a", "runs/st", "runs/st/nli"])
def test_of_several_main_models_each_is_named(given):
    trained("runs/a/main/seed-1", f"runs/st/nli/{CELL.replace('seed-0', 'seed-1')}")
    with pytest.raises(ModelError) as refused:
        model_folder(Path(given))
    said = str(refused.value)
    assert said.count("seed-0/model") == said.count("seed-1/model") == 1
    assert "reference/" not in said


def test_several_runs_mean_none():
    Path("runs/st").rename("st")
    with pytest.raises(ModelError, match=r"Give runs/a/main/seed-0/model or runs/a/reference"):
        model_folder(Path("runs"))


def test_a_stage_of_others_means_none_of_ftft():
    trained("runs/a/erm/seed-1")
    with pytest.raises(ModelError, match="Give runs/a/erm/seed-0/model or runs/a/erm/seed-1/model"):
        model_folder(Path("runs/a/erm"))


def test_nothing_below():
    Path("runs/a/.seed-0.previous/model").mkdir(parents=True)
    Path("runs/a/.seed-0.previous/model/config.json").touch()
    Path("runs/empty").mkdir()
    with pytest.raises(ModelError, match=r"none is below it\. Give one such as runs/NAME/main"):
        model_folder(Path("runs/empty"))
    assert len(files_below(Path("runs/a"), "config.json")) == 3


def test_a_large_tree_is_not_searched_to_its_end(monkeypatch):
    monkeypatch.setattr("ftft.utils.below._SEARCHED", 3)
    assert files_below(Path("runs"), "experiment.yaml") == [Path("runs/a/experiment.yaml")]
    assert files_below(Path("runs"), "config.json") == []


def test_a_folder_that_is_not_there():
    with pytest.raises(ModelError) as caught:
        model_folder(Path("runs/aa"))
    start = "runs/aa does not exist. Did you mean 'a'? Give the folder of a run, "
    assert str(caught.value).startswith(start)
    with pytest.raises(ModelError, match=r"elsewhere/a does not exist\. Give the folder"):
        model_folder(Path("elsewhere/a"))
