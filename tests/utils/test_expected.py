"""A wrong type at the prompt is named, with where the right thing comes from."""

import numpy as np
import pytest

import ftft
from ftft import ConfigError, DataMap, DynamicsError, TrainingDynamics, select


@pytest.fixture
def dynamics():
    logits = np.random.default_rng(0).normal(size=(4, 30, 2)).astype(np.float32)
    ids = [f"e{n}" for n in range(30)]
    return TrainingDynamics.from_arrays(logits, [0, 1] * 15, ids, ("no", "yes"))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda d: DataMap.from_dynamics("runs"), DynamicsError, ("str", "read_dynamics")),
        (lambda d: select("map.parquet"), DynamicsError, ("str", "DataMap.read")),
        (lambda d: select(d), DynamicsError, ("TrainingDynamics", "from_dynamics")),
        (lambda d: ftft.run("a.yaml", "runs/a"), ConfigError, ("str", "load_experiment")),
    ],
)
def test_what_was_expected_is_named(dynamics, call, error, words):
    with pytest.raises(error) as caught:
        call(dynamics)
    assert all(word in str(caught.value) for word in words)


def test_each_is_one_line_at_the_prompt(dynamics):
    datamap = DataMap.from_dynamics(dynamics, burn_in=0)
    found = [repr(one) for one in (dynamics, datamap, select(datamap))]
    assert found == [
        "<TrainingDynamics of 30 examples at 4 recording points>",
        "<DataMap of 30 examples, drawn from recording points 1, 2, 3, 4>",
        "<Selection of 10 of 30 examples, ambiguous>",
    ]
