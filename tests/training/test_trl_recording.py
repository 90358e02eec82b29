"""Recording inside TRL's trainers: the values are those of the trainers' own forward pass."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import peft
import pytest
import torch
import trl
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    set_seed,
)

from completions import commands, make_decoder
from ftft import DataMap, DynamicsRecorder
from ftft.errors import ConfigError, DynamicsError
from ftft.training.trl_recording import RecordCompletions, RecordPreferences, completions_of

ROWS = 20
IDS = [f"command-{row}" for row in range(ROWS)]


class RecordingSFT(RecordCompletions, trl.SFTTrainer):
    pass


class RecordingRewards(RecordPreferences, trl.RewardTrainer):
    pass


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return make_decoder(tmp_path_factory.mktemp("decoder"), kind="llama")


@pytest.fixture
def prompts():
    """Completions that begin with the space between; the last column is kept for the recorder."""
    rows = [
        {"prompt": row["prompt"], "completion": f" {row['completion']}"} for row in commands(ROWS)
    ]
    return Dataset.from_list(rows).add_column("example_index", range(ROWS))


@pytest.fixture
def recorder(tmp_path):
    return DynamicsRecorder(tmp_path / "dynamics", example_ids=IDS, encoding="values", chance=0.0)


def arguments(kind, folder, **changes):
    values = {
        "output_dir": str(folder),
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 0.0,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "max_length": None,
    }
    return kind(**(values | changes))


def sft(decoder, folder, data, recorder=None, resume=None, peft_config=None, **changes):
    set_seed(0)
    made = RecordingSFT(
        model=AutoModelForCausalLM.from_pretrained(decoder),
        args=arguments(trl.SFTConfig, folder, **changes),
        processing_class=AutoTokenizer.from_pretrained(decoder),
        train_dataset=data,
        recorder=recorder,
        peft_config=peft_config,
    )
    made.train(resume_from_checkpoint=resume)
    return made


def expected(trainer):
    """Values of every example, one at a time, from logits."""
    model, found = trainer.model.eval(), []
    for row in trainer.train_dataset:
        tokens = torch.tensor([row["input_ids"]])
        with torch.no_grad():
            logits = model(input_ids=tokens).logits[0, :-1]
        labels = torch.tensor(row["labels"])[1:]
        known = labels != -100
        logs = logits.log_softmax(dim=1)[known, labels[known]]
        right = bool((logits.argmax(dim=1) == labels)[known].all())
        found.append([float(logs.mean().exp()), float(-logs.mean()), float(right)])
    return np.array(found)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss_type": "dft"},
        {"padding_free": True},
        {"label_smoothing_factor": 0.1},
        {"gradient_accumulation_steps": 2},
        {"gradient_checkpointing": True},
    ],
    ids=["padded", "dft", "padding-free", "smoothed", "accumulated", "computed twice"],
)
def test_what_is_recorded_is_how_well_completions_are_predicted(
    decoder, tmp_path, prompts, recorder, changes
):
    trainer = sft(decoder, tmp_path, prompts, recorder, **changes)
    dynamics = recorder.read()
    assert dynamics.epochs == (0, 1)
    assert dynamics.incomplete == {}
    for epoch in dynamics.epochs:
        values = dynamics.point_values(epoch)
        got = np.stack([values.probability, values.loss, values.correct], axis=1)
        assert got == pytest.approx(expected(trainer), rel=1e-4)
    assert len(DataMap.from_dynamics(dynamics, burn_in=0)) == ROWS


@pytest.mark.parametrize("padding_free", [False, True])
def test_a_recorder_that_asks_for_it_gets_the_mean_token_probability(
    decoder, tmp_path, prompts, padding_free
):
    name = "mean-token-probability"
    about = {"encoding": "values", "chance": 0.0, "measures": [name]}
    recorder = DynamicsRecorder(tmp_path / "dynamics", example_ids=IDS, **about)
    trainer = sft(decoder, tmp_path, prompts, recorder, padding_free=padding_free)
    dynamics = recorder.read()
    np.testing.assert_allclose(
        dynamics.measured_by(name).point_values(1).probability, mean_probabilities(trainer), 1e-4
    )
    usual = dynamics.point_values(1).probability
    np.testing.assert_allclose(usual, expected(trainer)[:, 0], rtol=1e-4)


def mean_probabilities(trainer):
    """Of every example, one at a time, from logits."""
    found = []
    for row in trainer.train_dataset:
        with torch.no_grad():
            logits = trainer.model.eval()(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
        labels = torch.tensor(row["labels"])[1:]
        known = labels != -100
        found.append(float(logits.softmax(dim=1)[known, labels[known]].mean()))
    return np.array(found)


def test_training_comes_out_the_same_with_it_and_without(decoder, tmp_path, prompts, recorder):
    changes = {"learning_rate": 1e-3, "max_grad_norm": 1.0}
    plain = sft(decoder, tmp_path / "plain", prompts, **changes)
    recorded = sft(decoder, tmp_path / "recorded", prompts, recorder, **changes)
    before = AutoModelForCausalLM.from_pretrained(decoder).state_dict()
    for name, weights in plain.model.state_dict().items():
        assert torch.equal(weights, recorded.model.state_dict()[name])
    assert any(
        not torch.equal(before[name], weights) for name, weights in plain.model.state_dict().items()
    )
    first, last = (recorder.read().point_values(epoch).loss.mean() for epoch in (0, 1))
    assert last < first


def test_with_peft_the_adapter_alone_is_trained_and_all_is_recorded(
    decoder, tmp_path, prompts, recorder
):
    lora = peft.LoraConfig(r=2, target_modules="all-linear")
    trainer = sft(decoder, tmp_path, prompts, recorder, peft_config=lora)
    assert isinstance(trainer.model, peft.PeftModel)
    for epoch in (0, 1):
        values = recorder.read().point_values(epoch)
        assert values.loss == pytest.approx(expected(trainer)[:, 1], rel=1e-4)


@pytest.mark.parametrize("adapter", [False, True], ids=["whole", "adapter"])
def test_a_resumed_training_records_what_an_uninterrupted_one_does(
    decoder, tmp_path, prompts, recorder, adapter
):
    from peft import LoraConfig

    changes = {
        "peft_config": LoraConfig(r=4, target_modules="all-linear") if adapter else None,
        "learning_rate": 1e-3,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "lr_scheduler_type": "constant",
    }
    sft(decoder, tmp_path / "whole", prompts, recorder, num_train_epochs=3, **changes)
    again = DynamicsRecorder(tmp_path / "again", example_ids=IDS, encoding="values", chance=0.0)
    died = tmp_path / "died"
    sft(decoder, died, prompts, again, save_strategy="epoch", num_train_epochs=1, **changes)
    resumed = DynamicsRecorder(tmp_path / "again", example_ids=IDS, encoding="values", chance=0.0)
    checkpoint = str(died / "checkpoint-3")
    sft(decoder, died, prompts, resumed, checkpoint, num_train_epochs=3, **changes)
    whole, found = recorder.read(), resumed.read()
    assert whole.epochs == found.epochs == (0, 1, 2)
    for epoch in whole.epochs:
        loss = found.point_values(epoch).loss
        assert loss == pytest.approx(whole.point_values(epoch).loss, rel=1e-4)


def test_a_text_counts_as_a_whole(decoder, tmp_path, recorder):
    rows = [{"text": f"{row['prompt']} {row['completion']}"} for row in commands(ROWS)]
    data = Dataset.from_list(rows).add_column("example_index", range(ROWS))
    trainer = sft(decoder, tmp_path, data, recorder, num_train_epochs=1)
    assert recorder.read().point_values(0).loss == pytest.approx(expected(trainer)[:, 1], rel=1e-4)


def test_packing_is_refused_with_what_to_do(decoder, tmp_path, prompts, recorder):
    with pytest.raises(ConfigError, match="padding_free=True"):
        sft(decoder, tmp_path, prompts, recorder, packing=True, max_length=32)


def test_without_the_column_the_column_is_named(decoder, tmp_path, prompts, recorder):
    with pytest.raises(DynamicsError, match="example_index"):
        sft(decoder, tmp_path, prompts.remove_columns("example_index"), recorder)


def test_a_trainer_without_a_recorder_trains_as_ever(decoder, tmp_path, prompts):
    assert sft(decoder, tmp_path, prompts).state.global_step == 6


def test_the_chosen_wins_by_the_sigmoid_of_the_difference(decoder, tmp_path):
    rows = [
        {"prompt": row["prompt"], "chosen": f" {row['completion']}", "rejected": " I_LOOK"}
        for row in commands(ROWS)
    ]
    data = Dataset.from_list(rows).add_column("example_index", range(ROWS))
    folder = tmp_path / "dynamics"
    names = ("chosen", "rejected")
    recorder = DynamicsRecorder(folder, example_ids=IDS, labels=[0] * ROWS, class_names=names)
    set_seed(0)
    trainer = RecordingRewards(
        model=AutoModelForSequenceClassification.from_pretrained(decoder, num_labels=1),
        args=arguments(trl.RewardConfig, tmp_path, num_train_epochs=1, disable_dropout=True),
        processing_class=AutoTokenizer.from_pretrained(decoder),
        train_dataset=data,
        recorder=recorder,
    )
    trainer.train()
    model, differences = trainer.model.eval(), []
    for row in trainer.train_dataset:
        with torch.no_grad():
            rewards = [
                float(model(input_ids=torch.tensor([row[f"{name}_ids"]])).logits) for name in names
            ]
        differences.append(rewards[0] - rewards[1])
    found = recorder.read().point_values(0).probability
    assert found == pytest.approx(1 / (1 + np.exp(-np.array(differences))), rel=1e-4)


class TestOutputs:
    """What other versions of TRL give, or none of them."""

    LABELS = torch.tensor([[-100, -100, 3, 4, -100, 2, 1]])
    STARTS = torch.tensor([[0, 1, 2, 3, 0, 1, 2]])

    def test_logits_of_a_padding_free_row(self):
        logits = torch.randn(1, 7, 6, generator=torch.Generator().manual_seed(0))
        inputs = {"labels": self.LABELS, "position_ids": self.STARTS}
        found = completions_of([SimpleNamespace(logits=logits)], inputs)
        logs = logits.log_softmax(dim=2)[0]
        assert found.count.tolist() == [2, 2]
        both = [-(logs[1, 3] + logs[2, 4]), -(logs[4, 2] + logs[5, 1])]
        assert found.nll.tolist() == pytest.approx([float(one) for one in both], rel=1e-5)

    def test_the_log_probabilities_come_first(self):
        fused = SimpleNamespace(
            log_probs=torch.tensor([[0.0, -1.0, -2.0, 0.0, -3.0, -4.0]]),
            label_mask=torch.tensor([[False, True, True, False, True, True]]),
            is_top1=torch.tensor([[True, True, False, True, True, True]]),
        )
        logits = SimpleNamespace(logits=torch.zeros(1, 7, 6))
        inputs = {"labels": self.LABELS, "position_ids": self.STARTS}
        found = completions_of([fused, logits], inputs)
        assert (found.nll.tolist(), found.right.tolist()) == ([3.0, 7.0], [1.0, 2.0])
        sums = np.exp([[-1.0, -2.0], [-3.0, -4.0]]).sum(axis=1)
        np.testing.assert_allclose(found.probability, sums, rtol=1e-6)

    def test_neither(self):
        with pytest.raises(DynamicsError, match="loss_type='nll'"):
            completions_of([SimpleNamespace(loss=1.0)], {"labels": self.LABELS})
