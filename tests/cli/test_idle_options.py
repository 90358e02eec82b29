"""Options that change nothing in a command are said; what changes something is not."""

import numpy as np
import pytest

from ftft.cartography.coordinates import write_coordinates
from ftft.cartography.datamap import DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import write_dynamics


@pytest.fixture
def made(tmp_path):
    """Dynamics, the map drawn from them, and its coordinates."""
    labels = np.arange(40) % 2
    logits = np.random.default_rng(0).normal(size=(4, 40, 2))
    dynamics = TrainingDynamics.from_arrays(logits, labels, [f"t{n}" for n in range(40)])
    write_dynamics(tmp_path / "dynamics", dynamics)
    datamap = DataMap.from_dynamics(dynamics)
    datamap.write(tmp_path / "map.parquet")
    write_coordinates(tmp_path / "points.jsonl", datamap)
    return datamap


@pytest.mark.parametrize(
    ("strategy", "options", "idle"),
    [
        ("ambiguous", ["--easy-share", "0.1"], ["--easy-share"]),
        ("ambiguous", ["--num-clusters", "9", "--dynamics", "dynamics"],
         ["--num-clusters", "--dynamics"]),
        ("hard-to-learn", ["--seed", "0"], ["--seed"]),
        ("random", ["--seed", "1", "--easy-share", "0.2"], ["--easy-share"]),
        ("ambiguous+easy", ["--easy-share", "0.2"], []),
        ("loss-clusters", ["--num-clusters", "9", "--dynamics", "dynamics", "--seed", "2"], []),
        ("ambiguous", [], []),
    ],
)  # fmt: skip
def test_of_a_selection(ftft, made, strategy, options, idle):
    outcome = ftft("select", "map.parquet", "--strategy", strategy, *options)
    assert outcome.code == 0, outcome.err
    noted = [f"note: {option} has no effect with --strategy {strategy}" for option in idle]
    assert sorted(outcome.err.splitlines()) == sorted(noted)


@pytest.mark.parametrize(("maps", "noted"), [(["map.parquet"], True), (["dynamics"], False)])
def test_burn_in_of_maps_that_are_drawn(ftft, made, maps, noted):
    outcome = ftft("transfer", "map.parquet", *maps, "--burn-in", "1")
    assert outcome.code == 0, outcome.err
    assert ("note: --burn-in has no effect on maps" in outcome.err) is noted


@pytest.mark.parametrize(("options", "points"), [([], 4), (["--epochs", "8"], 8)])
def test_the_number_of_epochs_of_coordinates(ftft, made, tmp_path, options, points):
    outcome = ftft("import", "points.jsonl", "-o", "imported.parquet", *options)
    assert outcome.code == 0, outcome.err
    assert ("note: correctness is a share of 4 epochs" in outcome.err) is (not options)
    assert "note: the file holds no labels" in outcome.err
    imported = DataMap.read(tmp_path / "imported.parquet")
    assert len(imported.epochs) == points
    np.testing.assert_allclose(imported.correctness * points, made.correctness * 4)
