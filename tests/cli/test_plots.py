"""``ftft map --plot`` and ``ftft transfer --plot``."""

from __future__ import annotations

import numpy as np
import pytest

from ftft.dynamics import TrainingDynamics, write_dynamics


@pytest.fixture
def dynamics(tmp_path):
    def make(name, seed):
        logits = np.random.default_rng(seed).normal(size=(3, 40, 2))
        recorded = TrainingDynamics.from_arrays(logits, np.arange(40) % 2)
        write_dynamics(tmp_path / name, recorded)
        return name

    return make


@pytest.mark.parametrize(
    ("name", "start"), [("map.png", b"\x89PNG\r\n"), ("deep/map.SVG", b"<?xml")]
)
def test_a_map_is_drawn_by_the_ending_of_its_name(ftft, dynamics, tmp_path, name, start):
    outcome = ftft("map", dynamics("one", 0), "--plot", name)
    assert outcome.code == 0, outcome.err
    assert f"drawn to {name}" in outcome.out
    assert (tmp_path / name).read_bytes().startswith(start)


def test_overlaps_are_drawn(ftft, dynamics, tmp_path):
    maps = [dynamics(f"seed-{seed}", seed) for seed in range(3)]
    outcome = ftft("transfer", *maps, "--plot", "overlaps.svg", "--differences", 0)
    assert outcome.code == 0, outcome.err
    drawn = (tmp_path / "overlaps.svg").read_text(encoding="utf-8")
    for text in ("seed-0", "seed-2", "ambiguous in common"):
        assert text in drawn


@pytest.mark.parametrize("command", ["map", "transfer"])
class TestRefusals:
    def arguments(self, command, dynamics):
        count = 1 if command == "map" else 2
        return [command, *(dynamics(f"seed-{seed}", seed) for seed in range(count))]

    def test_a_file_that_is_there(self, ftft, dynamics, tmp_path, command):
        arguments = self.arguments(command, dynamics)
        (tmp_path / "there.png").write_text("mine")
        outcome = ftft(*arguments, "--plot", "there.png")
        assert outcome.code == 2
        assert "there.png already exists" in outcome.err
        assert (tmp_path / "there.png").read_text() == "mine"
        assert not (tmp_path / "map.parquet").exists()
        assert ftft(*arguments, "--plot", "there.png", "--overwrite").code == 0
        assert (tmp_path / "there.png").read_bytes().startswith(b"\x89PNG")

    def test_another_ending(self, ftft, dynamics, tmp_path, command):
        outcome = ftft(*self.arguments(command, dynamics), "--plot", "picture.pdf")
        assert outcome.code == 2
        assert "end the name in .png or .svg" in outcome.err
        assert not (tmp_path / "map.parquet").exists()
