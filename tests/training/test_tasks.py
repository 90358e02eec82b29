"""What trains, records and scores asks the task and assumes no classification."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ftft import DataMap
from ftft.config.schema import Recording
from ftft.config.tasks import TASK_METRICS
from ftft.dynamics import read_dynamics
from ftft.dynamics.values import unusable
from ftft.evaluation.metrics import by_slice
from ftft.tasks import TASKS
from ftft.tasks.classification import Classification
from ftft.training.finetune import DevSets
from ftft.training.scoring import score_recorded, score_sets
from ftft.training.trainer import _shape
from tiny_task import plan


class Ranked(Classification):
    """Classes as an answer of which only the values are kept, and a metric of its own."""

    name = "ranked"
    encoding = "values"
    needs_gold = True

    def recorded(self, outputs, labels):
        logits = outputs.logits.float()
        shares = logits.softmax(-1)
        gold = shares.gather(1, labels[:, None])[:, 0]
        at_gold = torch.nn.functional.one_hot(labels, logits.shape[1])
        others = (logits - 1e30 * at_gold).max(-1).values
        margin = logits.gather(1, labels[:, None])[:, 0] - others
        norm = (shares - at_gold).norm(dim=-1)
        return torch.stack([gold, -gold.log(), margin, norm, (margin > 0).float()], dim=1)

    def predictions(self, outputs, labels):
        return self.recorded(outputs, labels)[:, :1]

    def score(self, dataset, predictions, at):
        def measure(rows):
            return {"mean_probability": float(predictions[rows].mean())}

        return by_slice(measure, len(dataset), dataset.slice_columns())

    def floor(self, datasets):
        return None

    def recorder(self, train):
        return {"chance": 0.5}


@pytest.fixture
def ranked(monkeypatch, train, dev_set):
    """The training and development sets of such a task, encoded."""
    monkeypatch.setitem(TASKS, "ranked", Ranked())
    monkeypatch.setitem(TASK_METRICS, "ranked", {"mean_probability": "mean probability"})

    def of(encoded):
        return replace(encoded, labelled=replace(encoded.labelled, task="ranked"))

    return of(train), DevSets({"dev": of(dev_set)}, ("dev",), "mean_probability")


@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_another_task_records_values_and_has_its_own_metric(tune, ranked, mode, settings):
    train, dev = ranked
    recording = Recording(mode=mode)
    usual = tune("usual", plan(6, 3), recording=recording)
    other = tune("other", plan(6, 3), recording=recording, train=train, dev=dev)
    assert set(other.dev_scores["dev"]) == {"mean_probability"}
    logits, values = read_dynamics(usual.dynamics_folder), read_dynamics(other.dynamics_folder)
    assert (values.encoding, values.class_names, values.chance) == ("values", (), 0.5)
    one, same = (DataMap.from_dynamics(each, burn_in=0) for each in (logits, values))
    for name in ("confidence", "variability", "correctness", "aum", "el2n"):
        np.testing.assert_allclose(getattr(one, name), getattr(same, name), atol=1e-5)
    scores = score_sets(other.model_folder, settings(), dict(dev.sets))["dev"]
    kept = other.dev_scores["dev"]["mean_probability"]
    assert scores.metrics["mean_probability"] == pytest.approx(kept, abs=1e-6)
    assert set(scores.slices["parity"]) == {"even", "odd"}


def test_values_of_a_saved_model(tune, ranked, settings):
    train, dev = ranked
    tuned = tune("run", plan(6, 3), train=train, dev=dev)
    found = score_recorded(tuned.model_folder, settings(), train)
    assert found.shape == (len(train), 5)
    assert found.dtype == np.float32
    assert not unusable(found, "values").any()


def test_batches_of_several_texts_an_example_are_counted_as_texts():
    assert _shape({"input_ids": torch.zeros(4, 3, 7)}) == (12, 7)
    assert _shape({"input_ids": torch.zeros(4, 7)}) == (4, 7)
