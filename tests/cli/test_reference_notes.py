"""What commands say of a run whose reference has learnt nothing."""

import json
import shutil

import pytest

from ftft import load_experiment
from ftft import run as run_pipeline
from ftft.workspace.stage_record import read_record, write_record


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_experiment):
    """An experiment and its run, whose reference learns nothing of its 64 random words."""
    folder = tmp_path_factory.mktemp("weak")
    file = make_experiment(folder)
    experiment = load_experiment(file, ["baselines=[]", "reference.learning_rate=1e-9"])
    run_pipeline(experiment, str(folder / "run"), lambda line: None)
    return folder


NOTE = "note: the preflight check calls this map's reference bad: "


def test_select_and_label_errors_say_so(ftft, home, tmp_path):
    said = ftft("select", home / "run", "-o", tmp_path / "selection.parquet")
    assert said.code == 0
    assert NOTE in said.err
    said = ftft("label-errors", home / "run", "--count", 3, "-o", tmp_path / "suspects.csv")
    assert said.code == 0
    assert NOTE in said.err
    assert "3 of 64 examples written to" in said.out
    assert "--count gives more" in said.out


def test_not_of_a_good_one(ftft, home, tmp_path):
    folder = shutil.copytree(home / "run", tmp_path / "run")
    record = read_record(folder / "map/seed-0", "map/seed-0")
    record["result"]["preflight"]["verdict"] = "doubtful"
    write_record(folder / "map/seed-0", record)
    assert NOTE not in ftft("select", folder, "-o", tmp_path / "selection.parquet").err


def test_preflight_takes_the_run_and_the_development_sets_own_floor(ftft, home, tmp_path):
    said = ftft("preflight", home / "run", "-o", tmp_path / "found.json")
    assert said.code == 0
    floor = read_record(home / "run/reference/seed-0", "reference/seed-0")["result"]["dev_floors"]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["dev"]["majority"] == pytest.approx(floor["dev"])
    assert found["signals"]["majority"] != pytest.approx(floor["dev"])


def test_sets_with_problems_are_named_together(ftft, home):
    file = home / "experiment.yaml"
    broken = ("--set", "data.test_ood.ood.path=absent.csv", "--set", "data.test.test.id=absent")
    said = ftft("validate", file, *broken)
    assert said.code == 2
    assert f"error: {file}: 2 problems:\n  - test set 'test': " in said.err
    assert "\n  - test_ood set 'ood': " in said.err
    assert "absent.csv does not exist" in said.err

    # The same beside a problem of a model: none is counted as several, and none is a list.
    said = ftft("validate", file, *broken, "--set", "main.model=./none")
    assert f"error: {file}: 3 problems:\n  - main: " in said.err
    assert said.err.count("\n  - ") == 3
