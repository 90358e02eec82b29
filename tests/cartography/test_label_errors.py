from __future__ import annotations

import numpy as np
import pytest

from ftft.cartography import DataMap, label_error_candidates, label_quality_probabilities
from ftft.dynamics import TrainingDynamics
from ftft.errors import DynamicsError
from noisy_labels import noisy


@pytest.mark.parametrize("by", ["aum", "confidence"])
def test_flipped_labels_come_first(by):
    dynamics = noisy()
    datamap = DataMap.from_dynamics(dynamics, burn_in=0)
    table = label_error_candidates(datamap, by, 40)
    assert table.column_names == ["example_id", "label", "score", "rank"]
    assert table["rank"].to_pylist() == list(range(40))
    scores = table["score"].to_numpy()
    assert (np.diff(scores) >= 0).all()
    found = sum(int(name) < 40 for name in table["example_id"].to_pylist())
    assert found >= 36
    first = int(table["example_id"][0].as_py())
    assert table["label"][0].as_py() == "xyz"[dynamics.labels[first]]
    assert scores[0] == getattr(datamap, by).min()
    assert len(label_error_candidates(datamap, by)) == 400


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"by": "loss"}, "'loss'"), ({"count": 0}, "from 1 to 400"), ({"count": 401}, "401")],
)
def test_wrong_settings(settings, message):
    with pytest.raises(DynamicsError, match=message):
        label_error_candidates(DataMap.from_dynamics(noisy(), burn_in=0), **settings)


def test_probabilities_are_the_mean_over_epochs():
    logits = np.log([[[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [[0.25, 0.5, 0.25], [0.3, 0.4, 0.3]]])
    dynamics = TrainingDynamics.from_arrays(logits, [0, 1])
    np.testing.assert_allclose(
        label_quality_probabilities(dynamics), [[0.375, 0.375, 0.25], [0.2, 0.3, 0.5]], rtol=1e-6
    )
    np.testing.assert_allclose(
        label_quality_probabilities(dynamics, burn_in=1), np.exp(logits[1]), rtol=1e-6
    )
    with pytest.raises(DynamicsError, match="At least 1"):
        label_quality_probabilities(dynamics, burn_in=2)


def test_probabilities_sum_to_one():
    probabilities = label_quality_probabilities(noisy())
    assert probabilities.shape == (400, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
