"""From ftft's settings to the Trainer's: what is set, what passes through, what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from tiny_task import plan
from transformers import TrainingArguments

from ftft.errors import ConfigError
from ftft.training.arguments import (
    GOVERNED,
    OWN_KEYS,
    check_training_arguments,
    full_steps,
    per_device_batch,
    training_arguments,
)


def check(section: str = "main", **given: object) -> list[str]:
    return check_training_arguments({section: {"training_arguments": given}})


def test_settings_of_the_paper(settings, tmp_path):
    made = training_arguments(settings(learning_rate=2e-5), plan(10, 5, seed=3), tmp_path)
    assert (made.adam_epsilon, made.weight_decay, made.max_grad_norm) == (1e-6, 0.0, 1.0)
    assert (made.lr_scheduler_type, made.warmup_steps) == ("linear", 0.1)
    assert (made.learning_rate, made.seed) == (2e-5, 3)
    assert (made.max_steps, made.eval_steps, made.save_steps) == (10, 5, 5)
    assert (made.per_device_train_batch_size, made.per_device_eval_batch_size) == (16, 64)


def test_best_weights_are_loaded_only_where_asked(settings, tmp_path):
    kept = [
        training_arguments(settings(), plan(4, keep=keep), tmp_path) for keep in ("best", "last")
    ]
    assert [made.load_best_model_at_end for made in kept] == [True, False]


def test_fields_pass_through_and_win(settings, tmp_path):
    given = {
        "weight_decay": 0.01,
        "gradient_accumulation_steps": 4,
        "lr_scheduler_type": "cosine",
        "tf32": None,
        "dataloader_num_workers": 2,
        "max_grad_norm": 0.5,
        "optim": "sgd",
    }
    made = training_arguments(settings(training_arguments=given), plan(4), tmp_path)
    assert {name: getattr(made, name) for name in given} == given
    assert made.per_device_train_batch_size == 4


def test_a_passed_field_reaches_the_training(tune, settings):
    tuned = tune("run", plan(2), settings=settings(training_arguments={"weight_decay": 0.1}))
    assert tuned.steps == 2


@pytest.mark.parametrize("given", [{"optim": "no-such"}, {"save_strategy": "no-such"}, {"x": 1}])
def test_values_that_the_trainer_refuses(settings, tmp_path, given):
    with pytest.raises(ConfigError, match=r"refused by transformers\.TrainingArguments"):
        training_arguments(settings(training_arguments=given), plan(4), tmp_path)


def test_good_fields_are_no_problem():
    assert check(tf32=True, report_to="wandb", deepspeed="x.json", torch_compile=True) == []
    assert check_training_arguments({}) == []
    assert check_training_arguments({"main": None, "reference": {"training_arguments": 3}}) == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("learning_rate", "use main.learning_rate."),
        ("num_train_epochs", "use main.epochs."),
        ("max_steps", "use main.budget."),
        ("seed", "use seeds."),
        ("output_dir", "use output."),
        ("load_best_model_at_end", "use main.keep."),
        ("per_device_train_batch_size", "use main.batch_size (examples per optimiser step"),
        ("metric_for_best_model", "use metric and main.watch."),
    ],
)
def test_fields_that_ftft_sets_name_its_own_key(name, instead):
    (problem,) = check(**{name: 1})
    assert problem.startswith(f"main.training_arguments.{name}: ftft sets this itself")
    assert instead in problem


def test_the_own_key_is_that_of_the_section():
    (problem,) = check("reference", learning_rate=1)
    assert "use reference.learning_rate." in problem


def test_fields_that_ftft_needs():
    (problem,) = check(remove_unused_columns=False)
    assert "ftft needs its own value here" in problem


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("weight_decy", "weight_decay"),
        ("gradient_acumulation_steps", "gradient_accumulation_steps"),
    ],
)
def test_misspelt_fields_get_the_nearest_name(name, near):
    (problem,) = check(**{name: 1})
    assert f"no such field; did you mean {near}?" in problem


def test_a_name_like_no_field():
    assert check(zzzzz=1) == [
        "main.training_arguments.zzzzz: transformers.TrainingArguments has no such field."
    ]


def test_all_problems_are_reported_together():
    raw = {
        "reference": {"training_arguments": {"seed": 1, "zzzzz": 2}},
        "main": {"training_arguments": {"do_eval": True, "tf32": True}},
    }
    assert len(check_training_arguments(raw)) == 3


def test_refused_names_exist():
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    assert set(OWN_KEYS) <= known
    assert known >= GOVERNED


@pytest.mark.parametrize(
    ("batch", "accumulation", "processes", "expected"),
    [(16, 1, 1, 16), (16, 4, 1, 4), (16, 4, 2, 2), (16, 16, 1, 1)],
)
def test_batch_of_one_device(settings, monkeypatch, batch, accumulation, processes, expected):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    given = {"gradient_accumulation_steps": accumulation}
    assert per_device_batch(settings(batch_size=batch, training_arguments=given)) == expected


@pytest.mark.parametrize(("accumulation", "processes"), [(3, 1), (32, 1), (1, 3), (8, 4)])
def test_a_batch_that_does_not_divide(settings, monkeypatch, accumulation, processes):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    chosen = settings(training_arguments={"gradient_accumulation_steps": accumulation})
    with pytest.raises(
        ConfigError,
        match=f"batch_size 16 .* by {processes} processes times {accumulation} gradient",
    ):
        per_device_batch(chosen)


@pytest.mark.parametrize("accumulation", [0, 1.5, "two", None])
def test_accumulation_that_is_no_number_of_steps(settings, accumulation):
    with pytest.raises(ValueError, match="must be a whole number from 1"):
        settings(training_arguments={"gradient_accumulation_steps": accumulation})


@pytest.mark.parametrize(
    ("epochs", "examples", "expected"), [(2, 40, 6), (0.5, 40, 2), (1, 1, 1), (0.1, 16, 1)]
)
def test_full_steps(settings, epochs, examples, expected):
    assert full_steps(settings(epochs=epochs), examples) == expected
