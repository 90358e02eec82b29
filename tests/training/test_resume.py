"""A training that is killed and run again ends as if it had never been killed, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ftft.config.schema import Recording
from ftft.training.trainer import FineTuner
from killing import EVALUATION, KilledError, Killer, check_same, scores
from tiny_task import plan


# 40 examples in batches of 16: an epoch is 3 steps, and every second step is a checkpoint.
@pytest.mark.parametrize(
    ("step", "schedule", "recording"),
    [
        (1, plan(8, 2), Recording()),  # before any checkpoint
        (5, plan(8, 2), Recording()),  # resumed in the middle of an epoch
        (7, plan(8, 2, keep="best"), Recording()),  # resumed at the end of an epoch
        (8, plan(8, 2), Recording()),  # in the last step
        (5, plan(8, 2), EVALUATION),
        (6, plan(8, 3, horizon=20, keep="best", patience=2), None),
    ],
)
def test_killed_in_training(tune, whole, step, schedule, recording):
    with pytest.raises(KilledError):
        tune("again", schedule, recording=recording, spies=(Killer(step),))
    check_same(tune("again", schedule, recording=recording), whole(schedule, recording))


def test_killed_three_times(tune, whole):
    for step in (3, 5, 8):
        with pytest.raises(KilledError):
            tune("again", plan(8, 2, keep="best"), recording=Recording(), spies=(Killer(step),))
    again = tune("again", plan(8, 2, keep="best"), recording=Recording())
    check_same(again, whole(plan(8, 2, keep="best"), Recording()))


def test_killed_while_workers_prepare_batches(tune, settings):
    """They read ahead of the steps, and past the end of an epoch where they last."""
    loading = {"dataloader_num_workers": 1, "dataloader_persistent_workers": True}
    chosen, schedule = settings(training_arguments=loading), plan(8, 2)
    whole = tune("whole", schedule, settings=chosen, recording=Recording())
    with pytest.raises(KilledError):
        tune("again", schedule, settings=chosen, recording=Recording(), spies=(Killer(5),))
    check_same(tune("again", schedule, settings=chosen, recording=Recording()), whole)


def test_killed_with_gradient_accumulation_and_a_frozen_part(tune, settings):
    chosen = settings(
        freeze_embeddings=True, layers=1, training_arguments={"gradient_accumulation_steps": 2}
    )
    whole = tune("whole", plan(8, 2), settings=chosen, recording=Recording())
    with pytest.raises(KilledError):
        tune("again", plan(8, 2), settings=chosen, recording=Recording(), spies=(Killer(5),))
    check_same(tune("again", plan(8, 2), settings=chosen, recording=Recording()), whole)


def raising(*args: Any, **kwargs: Any) -> None:
    raise KilledError


@pytest.mark.parametrize("steps", [6, 8])  # at the end of an epoch and in the middle of one
@pytest.mark.parametrize("keep", ["best", "last"])
def test_killed_after_the_last_checkpoint(tune, whole, monkeypatch, steps, keep):
    schedule = plan(steps, 2, keep=keep)
    with monkeypatch.context() as patch:
        patch.setattr(FineTuner, "_finalize_training", raising)
        with pytest.raises(KilledError):
            tune("again", schedule, recording=Recording())
    check_same(tune("again", schedule, recording=Recording()), whole(schedule, Recording()))


def test_killed_after_patience_had_run_out(tune, monkeypatch):
    scores(monkeypatch, {2: 0.8, 4: 0.7, 6: 0.7, 8: 0.9})
    schedule = plan(8, 2, keep="best", patience=2)
    whole = tune("whole", schedule)
    assert (whole.steps, whole.kept_step) == (6, 2)
    with monkeypatch.context() as patch:
        patch.setattr(FineTuner, "_finalize_training", raising)
        with pytest.raises(KilledError):
            tune("again", schedule)
    check_same(tune("again", schedule), whole)


def test_patience_goes_on_counting(tune, monkeypatch):
    scores(monkeypatch, {2: 0.8, 4: 0.7, 6: 0.7, 8: 0.9, 10: 0.9})
    schedule = plan(10, 2, keep="best", patience=2)
    whole = tune("whole", schedule)
    with pytest.raises(KilledError):
        tune("again", schedule, spies=(Killer(5),))
    check_same(tune("again", schedule), whole)


def test_killed_while_writing_a_checkpoint(tune, whole, monkeypatch, tmp_path):
    written = []

    def torn(trainer: FineTuner, *args: Any, **kwargs: Any) -> None:
        written.append(trainer.state.global_step)
        given(trainer, *args, **kwargs)
        if len(written) == 2:
            raise KilledError

    given = FineTuner._save_optimizer_and_scheduler
    with monkeypatch.context() as patch:
        patch.setattr(FineTuner, "_save_optimizer_and_scheduler", torn)
        with pytest.raises(KilledError):
            tune("again", plan(8, 2), recording=Recording())
    left = sorted(path.name for path in (tmp_path / "again" / "checkpoints").iterdir())
    assert left == ["checkpoint-2", "checkpoint-4"]
    again = tune("again", plan(8, 2), recording=Recording())
    check_same(again, whole(plan(8, 2), Recording()))


def test_killed_while_the_state_of_a_checkpoint_is_written(tune, tmp_path):
    whole = tune("whole", plan(8, 2))
    with pytest.raises(KilledError):
        tune("again", plan(8, 2), spies=(Killer(5),))
    checkpoints = tmp_path / "again" / "checkpoints"
    state = checkpoints / "checkpoint-4" / "trainer_state.json"
    state.write_text(state.read_text()[:200])
    check_same(tune("again", plan(8, 2)), whole)


def test_killed_while_saving_the_model(tune, whole, monkeypatch):
    def torn(trainer: FineTuner, output_dir: str | None = None, **options: Any) -> None:
        if output_dir is not None and not options.get("_internal_call"):
            Path(output_dir).mkdir()
            (Path(output_dir) / "model.safetensors").write_bytes(b"torn")
            raise KilledError
        given(trainer, output_dir, **options)

    given = FineTuner.save_model
    with monkeypatch.context() as patch:
        patch.setattr(FineTuner, "save_model", torn)
        with pytest.raises(KilledError):
            tune("again", plan(6, 2), recording=Recording())
    again = tune("again", plan(6, 2), recording=Recording())
    check_same(again, whole(plan(6, 2), Recording()))


@pytest.mark.parametrize("gone", ["model.safetensors", "trainer_state.json", "checksums.json"])
def test_killed_while_removing_an_old_checkpoint(tune, whole, monkeypatch, gone):
    def half(folder: Any, **options: Any) -> None:
        if Path(folder).name != "checkpoint-4":
            return given(folder, **options)
        for path in Path(folder).glob(f"**/{gone}"):
            path.unlink()
        raise KilledError

    given = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", half)
        with pytest.raises(KilledError):
            tune("again", plan(6, 2), recording=Recording())
    again = tune("again", plan(6, 2), recording=Recording())
    check_same(again, whole(plan(6, 2), Recording()))


def test_dynamics_without_a_checkpoint_are_recorded_anew(tune, tmp_path):
    with pytest.raises(KilledError):
        tune("again", plan(6, 6), recording=Recording(), spies=(Killer(4),))
    folder = tmp_path / "again" / "dynamics"
    assert folder.is_dir()
    (folder / "epoch-007.from-elsewhere").write_text("stale")
    check_same(
        tune("again", plan(6, 6), recording=Recording()),
        tune("whole", plan(6, 6), recording=Recording()),
    )
    assert not (folder / "epoch-007.from-elsewhere").exists()
