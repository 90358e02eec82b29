"""``ftft push`` and ``ftft pull``, and what follows: a pulled map for another main model."""

from __future__ import annotations

import json

import pytest

from ftft import load_experiment
from ftft import run as run_pipeline


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_experiment):
    folder = tmp_path_factory.mktemp("to-share")
    file = make_experiment(folder)
    run_pipeline(load_experiment(file, ["baselines=[]"]), str(folder / "run"), lambda line: None)
    return folder


def test_a_pulled_map_trains_another_main_model(ftft, finished, tmp_path, model_maker):
    pushed = ftft("push", finished / "run/map/seed-0", "./shared")
    assert pushed.code == 0, pushed.err
    assert pushed.out == "written to shared\n"
    assert "map: map.parquet, selection.parquet" in pushed.err

    experiment = finished / "experiment.yaml"
    pulled = ftft("pull", "./shared", "pulled", "--data", experiment)
    assert pulled.code == 0, pulled.err
    assert "the training data are the same, row by row" in pulled.err
    assert "written to pulled" in pulled.out

    assert ftft("select", "pulled/map.parquet", "--fraction", 0.5).code == 0
    other = model_maker(tmp_path / "other", kind="electra", hidden=16)
    changes = ["--set", f"main.model={other}", "-o", "run"]
    for selection, count in (("selection.parquet", 32), ("pulled/selection.parquet", 21)):
        trained = ftft("train", experiment, "--selection", selection, *changes)
        assert trained.code == 0, trained.err
        stage = json.loads((tmp_path / "run/given-selection/seed-0/stage.json").read_text())
        assert stage["result"]["selected"] == count
        config = json.loads((tmp_path / "run/given/seed-0/model/config.json").read_text())
        assert config["model_type"] == "electra"


def test_pulled_dynamics_make_a_map(ftft, finished):
    assert ftft("push", finished / "run/reference/seed-0/dynamics", "file:shared").code == 0
    assert ftft("pull", "file:shared", "pulled").code == 0
    assert ftft("map", "pulled").code == 0
    assert ftft("select", "map.parquet").code == 0
    assert ftft("preflight", "pulled").code == 0


def test_a_pulled_model_is_scored(ftft, finished):
    assert ftft("push", finished / "run/main/seed-0", "./shared").code == 0
    assert ftft("pull", "./shared", "pulled").code == 0
    scored = ftft("evaluate", finished / "experiment.yaml", "pulled")
    assert scored.code == 0, scored.err
    assert "ood" in scored.out


def test_other_data_are_told_before_anything_is_there(ftft, finished, tmp_path):
    assert ftft("push", finished / "run/map/seed-0", "./shared").code == 0
    changes = ["--data", finished / "experiment.yaml", "--set", "data.train.id=null"]
    outcome = ftft("pull", "./shared", "pulled", *changes)
    assert outcome.code == 2
    assert outcome.err.startswith("error: 64 of the 64 examples of this map are not among")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shared"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["push", "nowhere", "./shared"], "nowhere does not exist. Give"),
        (["push", "nowhere", "shared"], "OWNER/NAME"),
        (["pull", "./nowhere", "pulled"], "no such folder"),
        (["pull", "./nowhere", "."], "never replaced"),
        (["pull", "me/map", "pulled"], "HF_HUB_OFFLINE is set"),
    ],
)
def test_refused(ftft, tmp_path, monkeypatch, arguments, expected):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    outcome = ftft(*arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert expected in outcome.err
    assert list(tmp_path.iterdir()) == []
