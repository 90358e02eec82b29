"""How long a training runs, what it looks at and which weights it keeps."""

from __future__ import annotations

import math
import shutil
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainerCallback

from ftft.data.dataset import LabelledDataset
from ftft.data.encode import encode
from ftft.errors import ModelError
from ftft.evaluation.metrics import SetScores
from ftft.evaluation.training import Training
from ftft.training.arguments import main_plan, reference_plan
from ftft.training.early_stopping import watched_floor
from ftft.training.finetune import DevSets
from ftft.training.models import load_model
from ftft.training.scoring import score_sets
from ftft.training.trainer import FineTuner
from tiny_task import plan, reviews, same_weights, weights


class OptimizerSpy(TrainerCallback):
    """Notes what the optimiser is about to do at every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.norms: list[float] = []
        self.optimizer: Any = None

    def on_pre_optimizer_step(self, args, state, control, model=None, optimizer=None, **kwargs):
        self.optimizer = optimizer
        self.rates.append(optimizer.param_groups[0]["lr"])
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        self.norms.append(float(torch.cat(gradients).norm()))


@pytest.fixture
def scripted(monkeypatch):
    """Give the development sets scores out of a list, one an evaluation, the last again."""

    def script(**scores: list[float]) -> None:
        names = list(scores)
        calls = dict.fromkeys(names, 0)

        def score(trainer: FineTuner, dataset: Any) -> SetScores:
            name = next(name for name in names if trainer.dev[name] is dataset)
            value = scores[name][min(calls[name], len(scores[name]) - 1)]
            calls[name] += 1
            return SetScores({"accuracy": value, "macro_f1": value / 2, "examples": 1.0}, {})

        monkeypatch.setattr(FineTuner, "score", score)

    return script


def linear(step: int, horizon: int, warmup: float = 0.1) -> float:
    """Share of the learning rate in the step after ``step`` finished ones."""
    rising = math.ceil(warmup * horizon)
    if step < rising:
        return step / rising
    return max(0.0, (horizon - step) / (horizon - rising))


@pytest.mark.parametrize("horizon", [6, 40])
def test_learning_rate_follows_the_horizon_and_not_the_budget(tune, settings, horizon):
    spy = OptimizerSpy()
    tune("run", plan(6, horizon=horizon), settings=settings(learning_rate=1e-3), spies=(spy,))
    expected = [1e-3 * linear(step, horizon) for step in range(6)]
    assert spy.rates == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("warmup", [0.0, 0.5])
def test_warmup_is_a_share_of_the_horizon(tune, settings, warmup):
    spy = OptimizerSpy()
    chosen = settings(learning_rate=1e-3, warmup=warmup)
    tune("run", plan(5, horizon=8), settings=chosen, spies=(spy,))
    assert spy.rates == pytest.approx([1e-3 * linear(step, 8, warmup) for step in range(5)])


def test_optimiser_is_that_of_the_paper(tune, settings):
    spy = OptimizerSpy()
    tune("run", plan(3), settings=settings(learning_rate=5e-2, warmup=0.0), spies=(spy,))
    inner = spy.optimizer.optimizer
    assert isinstance(inner, torch.optim.AdamW)
    for group in inner.param_groups:
        assert (group["eps"], group["weight_decay"]) == (1e-6, 0.0)
    assert max(spy.norms) <= 1 + 1e-5
    assert max(spy.norms) > 0.99  # and it was cut, not small by chance


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_budget_is_exact(tune, steps):
    spy = OptimizerSpy()
    tuned = tune("run", plan(steps, 3), spies=(spy,))
    assert tuned.steps == len(spy.rates) == steps


def test_a_budget_that_is_no_multiple_of_the_interval_ends_with_an_evaluation(tune):
    tuned = tune("run", plan(7, 3))
    assert [entry["step"] for entry in tuned.history] == [3, 6, 7]
    assert tuned.kept_step == 7
    assert tuned.dev_scores["dev"]["accuracy"] == tuned.history[-1]["dev_accuracy"]


def test_a_budget_that_is_a_multiple_is_not_evaluated_twice_at_its_end(tune):
    assert [entry["step"] for entry in tune("run", plan(6, 3)).history] == [3, 6]


@pytest.mark.parametrize(
    ("scores", "patience", "stops_at"),
    [
        ([0.8, 0.85, 0.9, 0.95], 1, 8),  # never stalls
        ([0.8, 0.7], 1, 2),
        ([0.8, 0.8], 1, 2),  # no better is a stall
        ([0.8, 0.7, 0.9, 0.8, 0.9, 0.9], 2, 5),  # one stall is forgiven by a better score
        ([0.8, 0.7, 0.7, 0.9], 2, 3),
        ([0.8, 0.7, 0.7, 0.7], None, 8),
        ([0.5, 0.5, 0.3, 0.8, 0.7, 0.7], 2, 6),  # none counts before one is above the floor
        ([0.8, 0.5, 0.5], 2, 3),  # and after it, one at the floor does
    ],
)
def test_patience_stops_when_the_score_stalls_and_not_before(
    tune, scripted, scores, patience, stops_at
):
    scripted(dev=[*scores, *[1.0 + step for step in range(8)]])
    tuned = tune("run", plan(8, 1, patience=patience))
    assert tuned.steps == stops_at
    assert len(tuned.history) == stops_at


@pytest.mark.parametrize(
    ("task", "metric", "floor"),
    [
        ("classification", "accuracy", 0.75),
        ("classification", "macro_f1", 3 / 7),  # F1 6/7 of the one, 0 of the other
        ("token-classification", "accuracy", 0.0),
        ("classification", "entity_f1", 0.0),
    ],
)
def test_what_needs_no_learning(task, metric, floor):
    few, even = (labelled(labels, task=task) for labels in ([0, 1, 0, 0], [0, 1, 0, 1]))
    assert watched_floor([few], metric) == pytest.approx(floor)
    if floor == 0.75:
        assert watched_floor([few, even], metric) == 0.625


def labelled(labels, **others):
    table = reviews("dev", len(labels)).table
    column = pa.array(labels, pa.int64())
    place = table.column_names.index("label")
    return LabelledDataset.from_table(
        "dev", table.set_column(place, "label", column), ("neg", "pos"), **others
    )


def test_watched_is_the_mean_over_the_named_sets(tune, scripted, dev_set, tokenizer):
    names = {name: encode(reviews(name, 4), tokenizer, max_length=16) for name in "abc"}
    scripted(a=[0.2, 0.4], b=[0.6, 0.7], c=[0.9, 0.1])
    tuned = tune("run", plan(2, 1, keep="best"), dev=DevSets(names, ("a", "b"), "macro_f1"))
    assert [entry["watched"] for entry in tuned.history] == pytest.approx([0.2, 0.275])
    assert tuned.history[1]["c_accuracy"] == 0.1
    assert tuned.dev_scores == {
        "a": {"accuracy": 0.4, "macro_f1": 0.2},
        "b": {"accuracy": 0.7, "macro_f1": 0.35},
        "c": {"accuracy": 0.1, "macro_f1": 0.05},
    }


def test_an_unwatched_set_neither_stops_nor_keeps(tune, scripted, tokenizer):
    names = {name: encode(reviews(name, 4), tokenizer, max_length=16) for name in "ab"}
    scripted(a=[0.1, 0.2, 0.3, 0.4], b=[0.9, 0.1, 0.1, 0.1])
    watched = DevSets(names, ("a",), "accuracy")
    tuned = tune("run", plan(4, 1, keep="best", patience=1), dev=watched)
    assert (tuned.steps, tuned.kept_step) == (4, 4)


def test_best_weights_are_those_of_the_best_evaluation_and_last_those_of_the_end(tune, scripted):
    rises_then_falls = [0.5, 0.9, 0.6, 0.7]
    scripted(dev=rises_then_falls)
    best = tune("best", plan(8, 2, keep="best"))
    scripted(dev=rises_then_falls)
    last = tune("last", plan(8, 2))
    until_best = tune("until-best", plan(4, 2, horizon=8))
    assert (best.kept_step, best.steps) == (4, 8)
    assert best.dev_scores["dev"]["accuracy"] == 0.9
    assert (last.kept_step, last.steps) == (8, 8)
    assert last.dev_scores["dev"]["accuracy"] == 0.7
    assert same_weights(best.model_folder, until_best.model_folder)
    assert not same_weights(best.model_folder, last.model_folder)


def test_best_of_equal_scores_is_the_later(tune, scripted):
    scripted(dev=[0.5, 0.9, 0.9, 0.9])
    assert tune("run", plan(4, 1, keep="best")).kept_step == 4


def test_last_weights_can_be_kept_with_patience(tune, scripted):
    scripted(dev=[0.9, 0.5, 0.5, 0.5])
    tuned = tune("run", plan(8, 1, patience=2))
    assert (tuned.steps, tuned.kept_step) == (3, 3)
    assert tuned.dev_scores["dev"]["accuracy"] == 0.5


def test_a_training_learns_and_its_model_folder_scores_the_same(tune, settings, dev_set):
    chosen = settings(learning_rate=1e-2, eval_batch_size=5)
    tuned = tune("run", plan(40, 20, keep="best"), settings=chosen)
    assert tuned.dev_scores["dev"]["accuracy"] == 1.0
    scores = score_sets(tuned.model_folder, chosen, {"dev": dev_set})["dev"]
    assert scores.metrics["accuracy"] == 1.0
    assert set(scores.slices["parity"]) == {"even", "odd"}
    assert scores.slices["parity"]["odd"]["examples"] == 6


def test_what_is_left_in_the_folder(tune, tmp_path):
    tuned = tune("run", plan(3))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoints", "model"]
    model = AutoModelForSequenceClassification.from_pretrained(tuned.model_folder)
    assert model.config.id2label == {0: "neg", 1: "pos"}
    assert AutoTokenizer.from_pretrained(tuned.model_folder)("liked")["input_ids"]
    assert not (tuned.model_folder / "training_args.bin").exists()
    assert tuned.dynamics_folder is None


def test_a_finished_training_survives_json(tune):
    import json

    tuned = tune("run", plan(3))
    again = Training.from_dict(json.loads(json.dumps(tuned.to_dict())))
    assert vars(again).items() <= vars(tuned).items()


def test_the_seed_decides_everything(tune):
    runs = {name: tune(name, plan(3, seed=name == "c")) for name in "abc"}
    assert same_weights(runs["a"].model_folder, runs["b"].model_folder)
    assert not same_weights(runs["a"].model_folder, runs["c"].model_folder)


def test_frozen_embeddings_stay(tune, settings, tiny_model):
    tuned = tune("run", plan(3), settings=settings(freeze_embeddings=True))
    before, after = weights(tiny_model), weights(tuned.model_folder)
    moved = {k for k in before if not torch.equal(before[k], after[f"bert.{k}"])}
    assert not any(name.startswith("embeddings.") for name in moved)
    assert any(name.startswith("encoder.layer.0") for name in moved)


# --- scoring


@pytest.fixture
def trainer(tune, monkeypatch) -> FineTuner:
    """The trainer of a short training."""
    kept = []
    given = FineTuner.__init__

    def init(self, **options):
        kept.append(self)
        given(self, **options)

    monkeypatch.setattr(FineTuner, "__init__", init)
    tune("run", plan(1))
    return kept[0]


def by_hand(model: Any, dataset: Any) -> np.ndarray:
    """Logits one example at a time, without padding."""
    model.eval()
    rows = [{k: torch.tensor([v]) for k, v in row.items()} for row in dataset.inputs()]
    with torch.no_grad():
        return np.concatenate([model(**row).logits.numpy() for row in rows])


def test_logits_are_in_the_order_of_the_data_set(trainer, train):
    trainer.args.per_device_eval_batch_size = 7
    found = trainer.predict_all(train)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(trainer.model, train), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 7)])
def test_the_estimate_of_operations_is_the_trainers(trainer, shape):
    batch = {"input_ids": torch.ones(shape, dtype=torch.long)}
    estimate = trainer.floating_point_ops(batch)
    assert estimate == Trainer.floating_point_ops(trainer, batch) > 0


def test_scoring_pads_like_with_like(trainer, train):
    trainer.args.per_device_eval_batch_size = 8
    trainer.meter.gather()
    before = dict(trainer.meter.evaluation_shapes)
    trainer.predict_all(train)
    trainer.meter.gather()
    added = {
        shape: count - before.get(shape, 0)
        for shape, count in trainer.meter.evaluation_shapes.items()
        if count != before.get(shape, 0)
    }
    longest = sorted(train.lengths.tolist(), reverse=True)
    expected = {f"8x{longest[start]}" for start in range(0, 40, 8)}
    assert set(added) == expected
    assert sum(added.values()) == 5


def test_classes_of_a_coarser_set_are_merged(trainer, tokenizer):
    # Both classes of the model count as one class here; it cannot be wrong.
    table = pa.table(
        {
            "example_id": pa.array(["a", "b"]),
            "text_0": pa.array(["liked it", "hated it"]),
            "label": pa.array([1, 1], pa.int64()),
        }
    )
    coarse = LabelledDataset.from_table(
        "coarse", table, ("x", "y"), model_classes=("neg", "pos"), class_of_model_class=(1, 1)
    )
    scores = trainer.score(encode(coarse, tokenizer, max_length=16))
    assert scores.metrics == {"accuracy": 1.0, "macro_f1": 1.0, "examples": 2.0}


# --- plans


def test_reference_plan_runs_its_epochs_to_the_end(settings):
    made = reference_plan(settings(epochs=3), 40, seed=5)
    assert made == plan(9, 3, seed=5)
    assert reference_plan(settings(epochs=0.5), 40, seed=0).steps == 2  # round(1.5)
    assert reference_plan(settings(epochs=0.01), 40, seed=0) == plan(1, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, plan(40, 10, horizon=120, patience=2, keep="best")),
        ({"horizon": "budget"}, plan(40, 10, patience=2, keep="best")),
        ({"keep": "last"}, plan(40, 10, horizon=120, patience=2)),
        ({"evaluations": 1}, plan(40, 40, horizon=120, patience=2, keep="best")),
        ({"evaluations": 999}, plan(40, 1, horizon=120, patience=2, keep="best")),
    ],
)
def test_main_plan_has_three_separate_settings(tiny_model, changes, expected):
    from ftft.config.schema import Main

    main = Main(model=str(tiny_model), batch_size=10, epochs=12, **changes)
    assert main_plan(main, 100, budget=1 / 3, patience=2, seed=0) == expected


def test_main_plan_of_the_paper(tiny_model):
    # MultiNLI: 49,088 steps of batch 32, evaluated every 4,090.
    from ftft.config.schema import Main

    for every, expected in ((None, 4_091), (4_090, 4_090), (100_000, 49_088)):
        main = Main(model=str(tiny_model), epochs=4, evaluate_every=every)
        made = main_plan(main, 392_702, budget=1.0, patience=None, seed=0)
        assert (made.steps, made.horizon, made.evaluate_every) == (49_088, 49_088, expected)


class TestDivergence:
    """Of models that are loaded; of those that are being trained: test_diverged.py."""

    def test_scores_of_a_finished_model(self, tune, settings, dev_set):
        folder = tune("run", plan(1)).model_folder
        ruined = weights(folder)
        ruined["classifier.bias"].fill_(math.nan)
        save_file(ruined, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match=r"weight classifier\.bias holds NaN.*copy the model"):
            score_sets(folder, settings(), {"dev": dev_set})

    def test_of_the_starting_weights(self, settings, tiny_model, tmp_path):
        folder = shutil.copytree(tiny_model, tmp_path / "copy")
        ruined = weights(folder)
        ruined["embeddings.word_embeddings.weight"][7, 0] = math.nan
        save_file(ruined, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match=rf"model {folder}: the weight bert\.embeddings\.word"):
            load_model(settings(model=str(folder)), ("a", "b"), seed=0)
