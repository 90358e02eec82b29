"""From ftft's settings to the Trainer's: what is set, what passes through, what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from transformers import TrainingArguments

from ftft.config.load import load_experiment
from ftft.errors import ConfigError
from ftft.training.arguments import (
    GOVERNED,
    OUTSIDE,
    OWN_KEYS,
    check_training_arguments,
    full_steps,
    per_device_batch,
    training_arguments,
)
from ftft.training.rehearsal import check_training
from ftft.training.sharding import sharding_notes
from tiny_task import CHECKPOINTING, plan


def check(section: str = "main", **given: object) -> list[str]:
    found = check_training_arguments({section: {"training_arguments": given}})
    return [problem.in_words() for problem in found]


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


def test_a_refused_value_is_named(settings, tmp_path):
    given = {"weight_decay": 0.1, "accelerator_config": str(tmp_path / "none.json")}
    with pytest.raises(
        ConfigError, match=r"model .*: accelerator_config '.*none\.json': refused by"
    ):
        training_arguments(settings(training_arguments=given), plan(4), tmp_path)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("push_to_hub", "`ftft push`"),
        ("hub_model_id", "`ftft push`"),
        ("hub_token", "`hf auth login`"),
        ("logging_dir", "TENSORBOARD_LOGGING_DIR"),
        ("resume_from_checkpoint", "resumes by itself"),
        ("overwrite_output_dir", "--force-stage"),
    ],
)
def test_what_acts_outside_the_run_folder(settings, tmp_path, name, instead):
    (problem,) = check(**{name: True})
    assert problem.startswith(f"main.training_arguments.{name}: ")
    assert instead in problem
    with pytest.raises(ConfigError, match=f"{name}: ") as caught:
        training_arguments(settings(training_arguments={name: True}), plan(4), tmp_path)
    assert instead in str(caught.value)


def test_every_field_that_uploads_or_writes_elsewhere_is_refused():
    """Also those of a later version: figures for a tracker, which report_to asks for, apart."""
    names = {field.name for field in dataclasses.fields(TrainingArguments) if field.init}
    ways = ("hub", "push", "upload", "output", "logging_dir", "resume", "overwrite", "jit")
    acting = {name for name in names if any(way in name for way in ways)}
    assert acting == {
        *("push_to_hub", "hub_token", "hub_private_repo", "hub_model_id", "hub_strategy"),
        *("hub_always_push", "hub_revision", "output_dir", "resume_from_checkpoint"),
        "enable_jit_checkpoint",
    }
    for name in acting:
        assert check(**{name: "x"}) != [], name
    assert names & OUTSIDE.keys() <= acting


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
    both = rf"\({processes} process(es)? x {accumulation} accumulation steps?\)"
    with pytest.raises(ConfigError, match=f"batch_size 16 .* by {processes * accumulation} {both}"):
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


REHEARSED = [
    {"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": {"num_decay_steps": 3}},
    {"lr_scheduler_type": "reduce_lr_on_plateau"},
    {"optim": "adafactor", CHECKPOINTING: True},
    {"gradient_accumulation_steps": 4, "label_smoothing_factor": 0.1, "dataloader_num_workers": 2},
    {"fsdp": True, "torch_compile": True},
    {"torch_compile_backend": "aot_eager"},
    {"dataloader_num_workers": 2, "dataloader_prefetch_factor": 4},
    {"report_to": "none", "logging_steps": 1},
    {},
]


@pytest.mark.parametrize("given", REHEARSED, ids=str)
def test_a_training_that_can_start(settings, given, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    check_training(settings(training_arguments=given))
    assert list(tmp_path.iterdir()) == []
    assert "loss" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("given", "named", "reason"),
    [
        ({"lr_scheduler_type": "warmup_stable_decay"}, "lr_scheduler_type", "num_decay_steps"),
        ({"lr_scheduler_kwargs": {"cycles": 1}}, "lr_scheduler_kwargs", "cycles"),
        ({"optim": "adamw_bnb_8bit"}, "optim", "pip install -U bitsandbytes"),
        ({"optim": "lomo"}, "optim", "lomo-optim"),
        ({"optim_args": "x"}, "optim_args", "expected 2"),
        ({"adam_beta1": 2.0}, "adam_beta1", "Invalid beta"),
        ({"weight_decay": "much"}, "weight_decay", "'much'"),
        ({"max_grad_norm": "x"}, "max_grad_norm", "'str'"),
        ({"use_liger_kernel": True}, "use_liger_kernel", "liger-kernel"),
        ({"dataloader_num_workers": -1}, "dataloader_num_workers", "non-negative"),
        ({"dataloader_persistent_workers": True}, "dataloader_persistent_workers", "num_workers"),
        ({"torch_compile_mode": "fast"}, "torch_compile_mode", "Unrecognized mode=fast"),
        ({"torch_compile_backend": "fast"}, "torch_compile_backend", "Invalid backend"),
    ],
)
def test_a_training_that_cannot_start_names_the_field(settings, given, named, reason):
    given = {"max_grad_norm": 0.5, "dataloader_pin_memory": False} | given
    with pytest.raises(ConfigError) as caught:
        check_training(settings(training_arguments=given))
    message = str(caught.value)
    assert f"no training can start with {named} {given[named]!r}: " in message
    assert reason in message
    assert "pin_memory" not in message


def test_of_several_processes_each_makes_the_optimiser_alone(settings, monkeypatch):
    """A step would wait for the others, which come here one after the other."""
    monkeypatch.setattr("ftft.training.rehearsal.distributed.count", lambda: 2)
    monkeypatch.setattr("transformers.Trainer.train", lambda *args, **kwargs: 1 / 0)
    check_training(settings(training_arguments={"optim": "sgd"}))
    with pytest.raises(ConfigError, match="lr_scheduler_type"):
        check_training(settings(training_arguments={"lr_scheduler_type": "warmup_stable_decay"}))


def test_deepspeed_has_to_be_installed(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("ftft.training.sharding.find_spec", lambda name: None)
    given = settings(training_arguments={"deepspeed": "zero2.json"})
    with pytest.raises(ConfigError, match=r"pip install deepspeed.*or leave deepspeed out"):
        training_arguments(given, plan(4), tmp_path)


@pytest.mark.parametrize(("has_gpu", "noted"), [(False, ["main"]), (True, [])])
def test_fsdp_without_a_gpu_is_noted(experiment_file, monkeypatch, has_gpu, noted):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: has_gpu)
    whole = load_experiment(experiment_file)
    sharded = load_experiment(experiment_file, ["main.training_arguments={fsdp: true}"])
    found = sharding_notes([whole, sharded, sharded])
    assert [line.partition(".")[0] for line in found] == [f"note: {name}" for name in noted]
    assert all("each process holds the whole model" in line for line in found)
