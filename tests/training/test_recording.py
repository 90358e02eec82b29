"""Which logits a training records, and that recording changes nothing else."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from ftft import DynamicsRecorder, RecordDynamics
from ftft.config.schema import Recording
from ftft.data.encode import encode
from ftft.dynamics.store import read_dynamics
from ftft.training.trainer import FineTuner
from tiny_task import plan, reviews, same_weights

STEPS_AN_EPOCH = 3  # 40 examples in batches of 16


class ForwardSpy(TrainerCallback):
    """Notes the logits of every training forward pass, from a hook on the model itself."""

    def __init__(self) -> None:
        self.logits: list[np.ndarray] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, model=None, **kwargs: Any):
        model.register_forward_hook(self.note)

    def note(self, model: Any, inputs: Any, outputs: Any) -> None:
        if model.training:
            self.logits.append(outputs.logits.detach().numpy().copy())


@pytest.fixture
def order(monkeypatch) -> list[list[int]]:
    """The examples of every training batch."""
    batches: list[list[int]] = []
    given = FineTuner.training_step

    def step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append(inputs["example_index"].tolist())
        return given(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(FineTuner, "training_step", step)
    return batches


def test_every_example_once_an_epoch_by_id(tune, train, order):
    tuned = tune("run", plan(6, 2), recording=Recording())
    dynamics = read_dynamics(tuned.dynamics_folder)
    assert dynamics.epochs == (0, 1)
    assert dynamics.incomplete == {}
    assert dynamics.example_ids.to_pylist() == train.labelled.example_ids.to_pylist()
    np.testing.assert_array_equal(dynamics.labels, train.labelled.labels)
    assert dynamics.class_names == ("neg", "pos")
    assert [len(batch) for batch in order] == [16, 16, 8, 16, 16, 8]
    for batches in (order[:STEPS_AN_EPOCH], order[STEPS_AN_EPOCH:]):
        assert sorted(row for batch in batches for row in batch) == list(range(40))
    assert order[:3] != order[3:]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_recorded_logits_are_those_of_the_training_forward_pass(
    tune, settings, order, accumulation
):
    chosen = settings(training_arguments={"gradient_accumulation_steps": accumulation})
    tuned = tune("run", plan(6, 2), settings=chosen, recording=Recording())
    recorded = read_dynamics(tuned.dynamics_folder).logits()
    order.clear()
    spy = ForwardSpy()
    tune("again", plan(6, 2), settings=chosen, spies=(spy,))  # the same, without recording
    expected = np.full_like(recorded, np.nan)
    assert len(order) == len(spy.logits) == 2 * (len(order) // 2)
    for number, (rows, logits) in enumerate(zip(order, spy.logits, strict=True)):
        expected[number * 2 // len(order), rows] = logits
    np.testing.assert_array_equal(recorded, expected)
    assert not np.array_equal(recorded[0], recorded[1])


def test_recording_changes_nothing(tune):
    on = tune("on", plan(6, 2, keep="best"), recording=Recording())
    off = tune("off", plan(6, 2, keep="best"))
    assert same_weights(on.model_folder, off.model_folder)
    assert on.history == off.history
    assert on.cost.total.flops == off.cost.total.flops


def test_nothing_is_recorded_in_evaluation(tune, monkeypatch):
    calls = []
    given = DynamicsRecorder.record

    def record(self: Any, epoch: int, rows: Any, logits: Any) -> None:
        calls.append((epoch, len(rows)))
        given(self, epoch, rows, logits)

    monkeypatch.setattr(DynamicsRecorder, "record", record)
    tune("run", plan(4, 1), recording=Recording())  # scored after every step
    assert calls == [(0, 16), (0, 16), (0, 8), (1, 16)]


def test_an_epoch_that_was_not_finished_is_said_to_be(tune):
    dynamics = read_dynamics(tune("run", plan(5), recording=Recording()).dynamics_folder)
    assert dynamics.epochs == (0,)
    assert dynamics.incomplete == {1: 32}


def test_only_the_selected_examples_are_recorded(tune, train):
    ids = ["train-7", "train-3", "train-30", "train-21", "train-8"]
    tuned = tune("run", plan(2), train=train.take(ids), recording=Recording())
    dynamics = read_dynamics(tuned.dynamics_folder)
    assert dynamics.example_ids.to_pylist() == ids
    assert dynamics.epochs == (0, 1)


def test_notes_say_where_the_dynamics_come_from(tune, settings, train):
    chosen = settings(layers=1)
    tuned = tune("run", plan(3, seed=4), settings=chosen, recording=Recording())
    assert read_dynamics(tuned.dynamics_folder).meta == {
        "model": chosen.model,
        "layers": 1,
        "seed": 4,
        "data": train.labelled.fingerprint,
    }


# --- separate passes in evaluation mode


class PassSpy(TrainerCallback):
    """Scores the training set by itself after some steps, one example at a time."""

    def __init__(self, train: Any, steps: tuple[int, ...]) -> None:
        self.rows = [{k: torch.tensor([v]) for k, v in row.items()} for row in train.inputs()]
        self.steps = steps
        self.logits: list[np.ndarray] = []

    def on_step_end(self, args: Any, state: Any, control: Any, model=None, **kwargs: Any):
        if state.global_step not in self.steps:
            return
        model.eval()
        with torch.no_grad():
            self.logits.append(np.concatenate([model(**row).logits.numpy() for row in self.rows]))
        model.train()


@pytest.mark.parametrize(
    ("points", "steps"),
    [
        (1, (3, 6)),
        (2, (2, 3, 5, 6)),
        (3, (1, 2, 3, 4, 5, 6)),
        (4, (1, 2, 3, 3, 4, 5, 6, 6)),  # more points than steps: two fall on one step
    ],
)
def test_passes_record_at_their_points(tune, train, points, steps):
    spy = PassSpy(train, tuple(set(steps)))
    recording = Recording(mode="evaluation", points_per_epoch=points)
    tuned = tune("run", plan(6, 4), recording=recording, spies=(spy,))
    dynamics = read_dynamics(tuned.dynamics_folder)
    assert dynamics.epochs == tuple(range(2 * points))
    assert dynamics.points == pytest.approx([(k + 1) / points for k in range(2 * points)])
    by_step = dict(zip(sorted(set(steps)), spy.logits, strict=True))
    expected = np.stack([by_step[step] for step in steps])
    np.testing.assert_allclose(dynamics.logits(), expected, atol=1e-5)


def test_more_points_than_an_epoch_has_steps(tune, settings):
    recording = Recording(mode="evaluation", points_per_epoch=3)
    chosen = settings(batch_size=40)  # one step an epoch
    dynamics = read_dynamics(
        tune("run", plan(2), settings=chosen, recording=recording).dynamics_folder
    )
    assert dynamics.epochs == (0, 1, 2, 3, 4, 5)
    logits = dynamics.logits()
    np.testing.assert_array_equal(logits[0], logits[2])
    assert not np.array_equal(logits[2], logits[3])


# --- a user's own Trainer


class Focal(Trainer):
    """A user's Trainer with a loss of its own, which also notes what it saw."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        assert "example_index" not in inputs
        outputs = model(**inputs)
        if model.training:
            self.seen.append(outputs.logits.detach().clone())
        right = outputs.logits.softmax(-1).gather(1, labels[:, None])
        loss = (-((1 - right) ** 2) * right.log()).mean()
        return (loss, outputs) if return_outputs else loss


class RecordingFocal(RecordDynamics, Focal):
    pass


@pytest.fixture
def own_trainer(tiny_model, tokenizer, train, tmp_path):
    def make(kind: type[Trainer], recorder: DynamicsRecorder | None, **options: Any) -> Trainer:
        torch.manual_seed(0)
        trainer = kind(
            model=AutoModelForSequenceClassification.from_pretrained(tiny_model),
            args=TrainingArguments(
                output_dir=str(tmp_path / "trainer"),
                num_train_epochs=2,
                per_device_train_batch_size=16,
                report_to="none",
                disable_tqdm=True,
                save_strategy="no",
                use_cpu=True,
            ),
            data_collator=DataCollatorWithPadding(tokenizer),
            train_dataset=train.rows,
            **({} if recorder is None else {"recorder": recorder}),
            **options,
        )
        trainer.seen = []
        return trainer

    return make


@pytest.fixture
def recorder(train, tmp_path) -> DynamicsRecorder:
    labelled = train.labelled
    return DynamicsRecorder(
        tmp_path / "dynamics", example_ids=labelled.example_ids, labels=labelled.labels
    )


def test_a_loss_of_the_users_own(own_trainer, recorder, train):
    trainer = own_trainer(RecordingFocal, recorder)
    trainer.train()
    dynamics = recorder.read()
    assert dynamics.epochs == (0, 1)
    recorded = np.sort(dynamics.logits().reshape(2, -1))
    seen = np.concatenate([batch.numpy() for batch in trainer.seen]).reshape(2, -1)
    np.testing.assert_array_equal(recorded, np.sort(seen))


def test_the_mixin_leaves_the_users_training_as_it_was(own_trainer, recorder):
    weights = []
    for kind, given in ((RecordingFocal, recorder), (Focal, None)):
        trainer = own_trainer(kind, given)
        trainer.train()
        weights.append(trainer.model.state_dict())
    left, right = weights
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_without_a_recorder_the_mixin_does_nothing(own_trainer):
    trainer = own_trainer(type("Plain", (RecordDynamics, Trainer), {}), None)
    trainer.train()
    assert trainer.state.global_step == 6


@pytest.mark.parametrize("labelled", [True, False])
def test_predicting_a_set_with_the_index_column(own_trainer, recorder, train, labelled):
    trainer = own_trainer(type("Recording", (RecordDynamics, Trainer), {}), recorder)
    rows = train.rows if labelled else train.rows.remove_columns("labels")
    assert trainer.predict(rows).predictions.shape == (40, 2)
    assert recorder.finish_epoch(0).seen == 0


# --- the loss


@pytest.fixture
def plain_model(tiny_model, tmp_path):
    """The tiny model without dropout."""
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(tmp_path / "plain")
    return tmp_path / "plain"


class GradientSpy(TrainerCallback):
    def __init__(self) -> None:
        self.gradients: list[torch.Tensor] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model=None, **kwargs):
        parts = [p.grad.flatten().clone() for p in model.parameters() if p.grad is not None]
        self.gradients.append(torch.cat(parts))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradient_is_the_same_however_a_step_is_accumulated(
    tune, settings, tokenizer, plain_model, smoothing
):
    # 37 examples: the last step of an epoch has 5, in micro-batches of 5, 5 and 4 + 1.
    train = encode(reviews("train", 37), tokenizer, max_length=16)
    gradients = []
    for accumulation in (1, 2, 4):
        arguments = {
            "gradient_accumulation_steps": accumulation,
            "max_grad_norm": 0.0,
            "label_smoothing_factor": smoothing,
        }
        chosen = settings(model=str(plain_model), learning_rate=1e-12, training_arguments=arguments)
        spy = GradientSpy()
        tune(f"run-{accumulation}", plan(6), settings=chosen, train=train, spies=(spy,))
        gradients.append(torch.stack(spy.gradients))
    assert gradients[0].shape[0] == 6
    assert gradients[0].abs().max() > 1e-2
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradient_is_that_of_the_mean_cross_entropy(
    tune, settings, train, tokenizer, plain_model, order, smoothing
):
    arguments = {"max_grad_norm": 0.0, "label_smoothing_factor": smoothing}
    chosen = settings(model=str(plain_model), learning_rate=1e-12, training_arguments=arguments)
    spy = GradientSpy()
    tuned = tune("run", plan(1), settings=chosen, spies=(spy,))
    model = AutoModelForSequenceClassification.from_pretrained(tuned.model_folder).train()
    batch = DataCollatorWithPadding(tokenizer)([train.rows[row] for row in order[0]])
    labels = batch.pop("labels")
    batch.pop("example_index")
    losses = -model(**batch).logits.log_softmax(-1)
    gold = losses.gather(1, labels[:, None]).mean()
    ((1 - smoothing) * gold + smoothing * losses.mean()).backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    torch.testing.assert_close(spy.gradients[0], expected, atol=1e-6, rtol=0)


def test_a_model_that_gives_tuples_is_trained_and_recorded_alike(
    tune, settings, tiny_model, tmp_path
):
    expected = tune("named", plan(6, 2), recording=Recording())
    shutil.copytree(tiny_model, tmp_path / "tuples")
    config = AutoConfig.from_pretrained(tiny_model, return_dict=False, output_hidden_states=True)
    config.save_pretrained(tmp_path / "tuples")
    chosen = settings(model=str(tmp_path / "tuples"))
    found = tune("tuples-run", plan(6, 2), settings=chosen, recording=Recording())
    # Nothing of the starting model's old settings stays.
    assert AutoConfig.from_pretrained(found.model_folder).return_dict is True
    assert same_weights(expected.model_folder, found.model_folder)
    assert found.history == expected.history
    logits = [read_dynamics(tuned.dynamics_folder).logits() for tuned in (expected, found)]
    np.testing.assert_array_equal(*logits)
