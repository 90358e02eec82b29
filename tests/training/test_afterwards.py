"""Dynamics computed from the checkpoints of a training that nobody recorded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from ftft import DataMap
from ftft.dynamics.store import read_dynamics
from ftft.errors import DynamicsError, ModelError
from ftft.training.afterwards import dynamics_of_checkpoints

STEPS = (4, 8, 12)  # of 3 an epoch; by name, 12 would be the first


@pytest.fixture(scope="module")
def trained(tiny_model, tokenizer, train, tmp_path_factory) -> Path:
    """The output folder of somebody's Trainer."""
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(
        tiny_model, id2label={0: "neg", 1: "pos"}, label2id={"neg": 0, "pos": 1}
    )
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=4,
        per_device_train_batch_size=16,
        learning_rate=3e-3,
        save_steps=4,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    Trainer(
        model=model,
        args=arguments,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=train.rows.remove_columns("example_index"),
    ).train()
    return folder


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    return shutil.copytree(trained, tmp_path / "copied")


def change_state(folder: Path, step: int, content: object) -> None:
    path = folder / f"checkpoint-{step}" / "trainer_state.json"
    path.write_text(json.dumps(content))


def test_they_are_the_logits_of_every_checkpoint_in_the_order_of_steps(
    trained, settings, train, tmp_path
):
    dynamics = dynamics_of_checkpoints(trained, settings(), train.labelled, tmp_path / "dynamics")
    expected = []
    for step in STEPS:
        model = AutoModelForSequenceClassification.from_pretrained(trained / f"checkpoint-{step}")
        rows = [{k: torch.tensor([v]) for k, v in row.items()} for row in train.inputs()]
        with torch.no_grad():
            expected.append(np.concatenate([model.eval()(**row).logits.numpy() for row in rows]))
    np.testing.assert_allclose(dynamics.logits(), expected, atol=1e-5)
    assert np.ptp(np.stack(expected), axis=0).max() > 0.01
    assert dynamics.points == pytest.approx([4 / 3, 8 / 3, 4])
    assert dynamics.example_ids.to_pylist() == train.labelled.example_ids.to_pylist()
    np.testing.assert_array_equal(dynamics.labels, train.labelled.labels)
    assert dynamics.class_names == ("neg", "pos")
    assert dynamics.meta["checkpoints"] == [f"checkpoint-{step}" for step in STEPS]
    assert len(DataMap.from_dynamics(dynamics, first_epochs=3)) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["dynamics"]  # and nothing unfinished


def test_a_folder_that_is_there_is_refused_before_anything_is_scored(
    trained, settings, train, tmp_path
):
    (tmp_path / "mine").write_text("mine")
    for to in (tmp_path, tmp_path / "mine"):
        with pytest.raises(DynamicsError, match="already exists"):
            dynamics_of_checkpoints(trained, settings(), train.labelled, to)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda at: shutil.rmtree(at), "copied: 0 checkpoints"),
        (
            lambda at: [shutil.rmtree(at / f"checkpoint-{n}") for n in (4, 8)],
            "1 checkpoint .*two",
        ),
        (lambda at: change_state(at, 8, {"epoch": 1.0}), "checkpoint-8 .*different trainings"),
        (lambda at: change_state(at, 8, {"epoch": None}), "checkpoint-8/trainer_state.json does"),
        (lambda at: change_state(at, 8, []), "checkpoint-8/trainer_state.json does not say"),
        (
            lambda at: (at / "checkpoint-8/config.json").unlink(),
            "checkpoint-8 is not a model folder",
        ),
        (
            lambda at: (at / "checkpoint-8/model.safetensors").unlink(),
            "checkpoint-8: .*safetensors only",
        ),
    ],
)
def test_checkpoints_that_will_not_do(copied, settings, train, tmp_path, damage, message):
    damage(copied)
    with pytest.raises(ModelError, match=message):
        dynamics_of_checkpoints(copied, settings(), train.labelled, tmp_path / "dynamics")
    assert not (tmp_path / "dynamics").exists()


def test_a_checkpoint_of_nan_is_refused(copied, settings, train, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(copied / "checkpoint-8")
    with torch.no_grad():
        model.classifier.bias.fill_(torch.nan)
    model.save_pretrained(copied / "checkpoint-8")
    with pytest.raises(ModelError, match=r"checkpoint-8: the weight classifier\.bias holds NaN"):
        dynamics_of_checkpoints(copied, settings(), train.labelled, tmp_path / "dynamics")
    assert [path.name for path in tmp_path.iterdir()] == ["copied"]


class TestCommand:
    @pytest.fixture
    def checkpoints(self, ftft, experiment_file) -> Path:
        """Those of a training by the command itself, two copies of its model."""
        assert ftft("record", experiment_file, "-o", "run").code == 0
        for step in (1, 2):
            at = Path(f"checkpoints/checkpoint-{step}")
            shutil.copytree("run/reference/seed-0/model", at)
            (at / "trainer_state.json").write_text(json.dumps({"epoch": step / 2}))
        return Path("checkpoints")

    def test_writes_dynamics(self, ftft, experiment_file, checkpoints):
        ended = ftft("record", experiment_file, "--checkpoints", checkpoints)
        assert ended.code == 0, ended.err
        assert ended.out.endswith("after 0.5, 1 epochs, written to dynamics\n")
        dynamics = read_dynamics("dynamics")
        recorded = read_dynamics("run/reference/seed-0/dynamics")
        assert dynamics.example_ids.equals(recorded.example_ids)
        np.testing.assert_array_equal(*dynamics.logits())
        again = ftft("record", experiment_file, "--checkpoints", checkpoints)
        assert (again.code, "already exists" in again.err) == (2, True)

    @pytest.mark.parametrize(
        "options",
        [
            ("--checkpoints", "c", "-o", "run"),
            ("--checkpoints", "c", "--force-stage", "reference/seed-0"),
            ("--dynamics", "d"),
        ],
    )
    def test_options_without_effect_are_refused(self, ftft, experiment_file, options):
        ended = ftft("record", experiment_file, *options)
        assert ended.code == 2
        assert "--checkpoints" in ended.err
