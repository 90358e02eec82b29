"""The benchmarks' peers are run as their own code expects it; the figures are not tested."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reading(ending):
    """As cartography's `selection_utils`: counts all files, and asserts those it looks for."""

    def read_training_dynamics(model_dir):
        folder = Path(model_dir) / "training_dynamics"
        found = [path for path in folder.iterdir() if path.is_file()]
        wanted = [folder / f"dynamics_epoch_{epoch}.{ending}" for epoch in range(len(found))]
        assert all(path.exists() for path in wanted)
        return [path.read_text() for path in wanted]

    return SimpleNamespace(read_training_dynamics=read_training_dynamics, __file__="utils.py")


@pytest.fixture
def dynamics(tmp_path):
    module = load("dynamics")
    (tmp_path / "jsonl").mkdir()
    for epoch in range(module.EPOCHS):
        (tmp_path / "jsonl" / f"dynamics_epoch_{epoch}.jsonl").write_text(str(epoch))
    return module


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_cartography_finds_the_files_of_either_of_its_versions(
    dynamics, tmp_path, monkeypatch, ending
):
    monkeypatch.chdir(tmp_path)  # a relative folder, as with --folder .
    _, found = dynamics._published_dynamics(reading(ending), Path("jsonl"), tmp_path / "model")
    assert found == ["0", "1", "2", "3", "4"]


def test_a_checkout_that_reads_neither_is_named(dynamics, tmp_path):
    with pytest.raises(SystemExit, match=r"utils\.py reads neither"):
        dynamics._published_dynamics(reading("csv"), tmp_path / "jsonl", tmp_path / "model")


@pytest.fixture
def judged(monkeypatch):
    spec = importlib.util.spec_from_file_location("judged", BENCHMARKS / "judged.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for their module.
    monkeypatch.setitem(sys.modules, "judged", module)
    spec.loader.exec_module(module)
    return module


def test_limits_are_chosen_without_the_data_they_are_tried_on(judged):
    def reference(data, unlearnt, gain):
        return judged.Reference(data, "one", ("good",), {"ambiguous_unlearnt": unlearnt}, gain, ())

    known = [
        *(reference("a", 0.04, 3.0), reference("b", 0.12, -2.0)),
        *(reference("c", 0.20, -5.0), reference("d", 0.30, 1.0)),
    ]
    # Less is better: halfway between the worst that gained, 0.30, and the best that lost, 0.12.
    assert judged.limit(known, "ambiguous_unlearnt") == pytest.approx(0.21)
    # Without d, whose own call is then wrong: (0.04 + 0.12) / 2.
    right, called, limits = judged.right_calls(known, "ambiguous_unlearnt")
    assert (right, called) == (1, 4)
    assert limits == pytest.approx([0.21, 0.25, 0.21, 0.08])
    assert judged.right_calls(known, "easy") == (0, 0, [])
    gained = [reference("a", 0.04, 3.0), reference("b", 0.12, 2.0)]
    assert judged.right_calls(gained, "ambiguous_unlearnt") == (0, 0, [])
