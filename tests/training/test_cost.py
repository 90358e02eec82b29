"""What a training is said to have cost, against what it did."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from ftft.config.schema import Recording
from ftft.data.encode import encode
from ftft.evaluation.training import Amount, TrainingCost
from ftft.training.arguments import full_steps
from ftft.training.cost import CostMeter, planned_cost
from ftft.training.erm_cost import plan_cost
from ftft.training.finetune import DevSets
from ftft.training.flops import FlopCounter, flop_counter, token_count
from ftft.training.models import load_model
from ftft.training.trainer import FineTuner
from tiny_task import CHECKPOINTING, plan, reviews


@pytest.fixture
def batches(monkeypatch) -> dict[str, Counter]:
    """The shapes of all batches that go through the model, by what they were for."""
    seen: dict[str, Counter] = {"training": Counter(), "evaluation": Counter()}

    def watch(method: str, purpose: str) -> None:
        given = getattr(FineTuner, method)

        def step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            seen[purpose][tuple(inputs["attention_mask"].shape)] += 1
            return given(self, model, inputs, *args, **kwargs)

        monkeypatch.setattr(FineTuner, method, step)

    watch("training_step", "training")
    watch("prediction_step", "evaluation")
    return seen


def test_every_batch_is_counted_once(tune, settings, batches, train):
    tuned = tune("run", plan(6, 2), settings=settings(eval_batch_size=5))
    assert sum(batches["training"].values()) == 6
    assert sum(size * count for (size, _), count in batches["training"].items()) == 2 * len(train)
    assert sum(batches["evaluation"].values()) == 3 * 3  # 12 examples, three times
    flops = flop_counter(load_model(settings(), ("neg", "pos"), seed=0))
    assert tuned.cost.training.flops == flops.training(batches["training"])
    assert tuned.cost.training.tokens == token_count(batches["training"])
    assert tuned.cost.evaluation.flops == flops.inference(batches["evaluation"])
    assert tuned.cost.evaluation.tokens == token_count(batches["evaluation"])


def test_micro_batches_are_counted_as_they_are(tune, settings, batches):
    chosen = settings(training_arguments={"gradient_accumulation_steps": 4})
    tuned = tune("run", plan(3), settings=chosen)
    assert {size for size, _ in batches["training"]} == {4}
    assert tuned.cost.training.tokens == token_count(batches["training"])


def test_recording_passes_count_as_evaluation(tune, settings, batches, train):
    recording = Recording(mode="evaluation", points_per_epoch=1)
    tuned = tune("run", plan(3), settings=settings(eval_batch_size=8), recording=recording)
    assert sum(size * n for (size, _), n in batches["evaluation"].items()) == 12 + len(train)
    assert tuned.cost.evaluation.tokens == token_count(batches["evaluation"])


def test_seconds_are_split_and_add_up(tune):
    start = time.perf_counter()
    cost = tune("run", plan(4, 2)).cost
    wall = time.perf_counter() - start
    parts = (cost.training.seconds, cost.evaluation.seconds, cost.overhead_seconds)
    assert all(part > 0 for part in parts)
    assert sum(parts) < wall
    assert cost.peak_memory_bytes > 10_000_000
    assert not cost.estimated


def test_frozen_embeddings_make_training_cheaper(tune, settings):
    whole = tune("whole", plan(2)).cost
    frozen = tune("frozen", plan(2), settings=settings(freeze_embeddings=True)).cost
    assert frozen.training.flops < whole.training.flops
    assert frozen.training.tokens == whole.training.tokens
    assert frozen.evaluation.flops == whole.evaluation.flops


def test_meter_survives_a_checkpoint():
    meter = CostMeter()
    for shape in [(16, 9), (16, 9), (8, 5)]:
        meter.count_training(shape)
    meter.count_evaluation((64, 30))
    meter.gather()
    meter.add_time("training")
    meter.add_time("overhead")
    kept = json.loads(json.dumps(meter.state()))
    again = CostMeter.from_state(kept)
    again.count_training((8, 5))
    again.gather()
    assert again.training_shapes == {"16x9": 2, "8x5": 2}
    assert again.evaluation_shapes == {"64x30": 1}
    assert again.training_seconds == meter.training_seconds > 0
    assert again.overhead_seconds == meter.overhead_seconds


def test_cost_adds_up_and_survives_json():
    cost = TrainingCost(Amount(3.0, 2.0, 1.0), Amount(30.0, 20.0, 10.0), 0.5, 7, estimated=True)
    assert cost.total == Amount(33.0, 22.0, 11.0)
    assert TrainingCost.from_dict(json.loads(json.dumps(cost.to_dict()))) == cost


# --- the cost of a training that is not run


def test_planned_seconds_follow_the_measured_speed(settings):
    flops = flop_counter(load_model(settings(), ("neg", "pos"), seed=0))
    training, evaluation = {(16, 9): 10}, {(64, 12): 3}
    measured = TrainingCost(
        training=Amount(flops.training(training) / 2, 1.0, 4.0),
        evaluation=Amount(flops.inference(evaluation) * 3, 1.0, 6.0),
        peak_memory_bytes=11,
    )
    cost = planned_cost(flops, training, evaluation, measured=measured)
    assert cost.training.seconds == pytest.approx(8.0)
    assert cost.evaluation.seconds == pytest.approx(2.0)
    assert cost.training.tokens == 1440
    assert (cost.estimated, cost.peak_memory_bytes) == (True, 11)


def test_planned_seconds_without_a_measurement_are_none(settings):
    flops = flop_counter(load_model(settings(), ("neg", "pos"), seed=0))
    nothing = TrainingCost(Amount(), Amount())
    assert planned_cost(flops, {(2, 3): 1}, {}, measured=nothing).total.seconds == 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"freeze_embeddings": True, "layers": 1},
        {"attn_implementation": "eager"},
        {"training_arguments": {"gradient_accumulation_steps": 4}},
        {"training_arguments": {CHECKPOINTING: True}, "batching": "shuffled"},
    ],
)
def test_computed_cost_of_erm_is_what_erm_costs(tune, settings, tokenizer, changes):
    chosen = settings(eval_batch_size=5, epochs=4, **changes)
    train = encode(reviews("train", 69), tokenizer, max_length=16)  # 5 steps an epoch
    dev = {name: encode(reviews(name, 12), tokenizer, max_length=16) for name in "ab"}
    sets = DevSets(dev, ("a",), "accuracy")
    erm = plan(full_steps(chosen, len(train)), 6)
    run = tune("run", erm, settings=chosen, train=train, dev=sets).cost
    planned = plan_cost(chosen, erm, train, sets.sets.values(), measured=run)
    assert planned.estimated
    assert planned.evaluation.tokens == run.evaluation.tokens
    assert planned.evaluation.flops == run.evaluation.flops
    assert planned.training.tokens == run.training.tokens
    assert planned.training.flops == pytest.approx(run.training.flops, rel=1e-9)
    assert planned.training.seconds == pytest.approx(run.training.seconds, rel=1e-9)


def test_counter_of_a_loaded_model_is_that_of_its_config(settings):
    # ERM's computed cost counts a model made from its configuration, without weights.
    from transformers import AutoModelForSequenceClassification

    from ftft.training.models import load_config

    config = load_config(settings())
    config.num_labels = 2
    made = FlopCounter(AutoModelForSequenceClassification.from_config(config))
    loaded = FlopCounter(load_model(settings(), ("neg", "pos"), seed=0))
    assert made.batch((5, 12)) == loaded.batch((5, 12))


def test_recomputed_activations_are_part_of_a_trainings_cost(tune, settings):
    plain = tune("plain", plan(2))
    arguments = {CHECKPOINTING: True}
    recomputing = tune("again", plan(2), settings=settings(training_arguments=arguments))
    assert recomputing.cost.training.tokens == plain.cost.training.tokens
    ratio = recomputing.cost.training.flops / plain.cost.training.flops
    assert 1.2 < ratio < 4 / 3
    assert recomputing.cost.evaluation == replace(
        plain.cost.evaluation, seconds=recomputing.cost.evaluation.seconds
    )
