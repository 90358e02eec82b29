"""A damaged checkpoint is noticed and said; the training then starts earlier, to the same end."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from ftft.config.schema import Recording
from ftft.errors import DynamicsError, WorkspaceError
from ftft.training.arguments import Plan
from ftft.training.checkpoints import damage, writing
from killing import KilledError, Killer, check_same, scores
from tiny_task import plan

FILES = (
    *("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"),
    "checksums.json",
)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.fixture
def killed(tune, trained, tmp_path):
    """Put a training that was killed at step 5 into ``again``; killed once for each plan."""

    def of(schedule: Plan) -> None:
        folder = trained[0] / f"killed-{schedule.steps}"
        if not folder.exists():
            with pytest.raises(KilledError):
                tune(str(folder), schedule, recording=Recording(), spies=(Killer(5),))
        shutil.copytree(folder, tmp_path / "again")

    return of


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_not_used(tune, whole, killed, tmp_path, file, harm):
    killed(plan(6, 2))
    path = tmp_path / "again/checkpoints/checkpoint-4" / file
    assert damage(path.parent) == ""
    harm(path)
    said: list[str] = []
    again = tune("again", plan(6, 2), recording=Recording(), say=said.append)
    assert said[0].startswith("  not used: ")
    named = path.parent if (file, harm) == ("checksums.json", Path.unlink) else path
    assert str(named) in said[0]
    # The best one so far is still there, or none is.
    assert said[-1] in (
        "  resumes from step 2",
        "  no checkpoint can be used: this training starts anew",
    )
    check_same(again, whole(plan(6, 2), Recording()))


def test_without_the_best_weights_it_starts_earlier(tune, tmp_path, monkeypatch):
    scores(monkeypatch, {2: 0.9, 4: 0.4, 6: 0.4})
    whole = tune("whole", plan(6, 2, keep="best"))
    assert whole.kept_step == 2
    with pytest.raises(KilledError):
        tune("again", plan(6, 2, keep="best"), spies=(Killer(5),))
    flip(tmp_path / "again/checkpoints/checkpoint-2/model.safetensors")
    said: list[str] = []
    again = tune("again", plan(6, 2, keep="best"), say=said.append)
    assert "since the best weights are lost" in said[0]
    check_same(again, whole)


def test_best_weights_damaged_at_the_very_end_are_not_kept(tune, tmp_path, monkeypatch):
    scores(monkeypatch, {2: 0.9, 4: 0.4, 6: 0.4})
    best = tmp_path / "again/checkpoints/checkpoint-2/model.safetensors"

    class Harm(Killer):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            if args[1].global_step == self.step:
                flip(best)

    with pytest.raises(WorkspaceError, match=r"checkpoint-2/model\.safetensors is damaged"):
        tune("again", plan(6, 2, keep="best"), spies=(Harm(6),))
    check_same(tune("again", plan(6, 2, keep="best")), tune("whole", plan(6, 2, keep="best")))


def test_a_moved_folder_keeps_its_best_weights(tune, tmp_path, monkeypatch):
    scores(monkeypatch, {2: 0.9, 4: 0.4, 6: 0.4})
    whole = tune("whole", plan(6, 6 // 3, keep="best"))
    with monkeypatch.context() as patch:
        patch.setattr("ftft.training.trainer.FineTuner._finalize_training", raising)
        with pytest.raises(KilledError):
            tune("before", plan(6, 2, keep="best"))
    shutil.move(tmp_path / "before", tmp_path / "after")
    again = tune("after", plan(6, 2, keep="best"))
    assert again.kept_step == 2
    check_same(again, whole)


def raising(*args: Any, **kwargs: Any) -> None:
    raise KilledError


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
@pytest.mark.parametrize("file", ["epoch-000.rank-00.000000.parquet", "header.json"])
def test_damaged_dynamics_are_recorded_again(tune, whole, killed, tmp_path, file, harm):
    killed(plan(8, 2))
    harm(tmp_path / "again/dynamics" / file)
    said: list[str] = []
    again = tune("again", plan(8, 2), recording=Recording(), say=said.append)
    assert "since recorded dynamics are lost" in said[0]
    assert str(tmp_path / "again/dynamics") in said[0]
    assert file in said[0]
    check_same(again, whole(plan(8, 2), Recording()))


def test_dynamics_damaged_in_the_running_training_are_noticed(tune, whole, tmp_path):
    class Harm(Killer):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            if args[1].global_step == self.step:
                flip(tmp_path / "again/dynamics/epoch-000.rank-00.000000.parquet")

    with pytest.raises(DynamicsError, match=r"epoch-000\.rank-00\.000000\.parquet is damaged"):
        tune("again", plan(8, 2), recording=Recording(), spies=(Harm(7),))
    check_same(
        tune("again", plan(8, 2), recording=Recording()),
        whole(plan(8, 2), Recording()),
    )


def test_a_checkpoint_that_version_0_1_sealed_is_used_where_it_is_whole(tmp_path):
    (tmp_path / "state").write_bytes(b"weights")
    content = {"files": {"state": sha256(b"weights").hexdigest()}, "dynamics": []}
    own = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (tmp_path / "checksums.json").write_text(json.dumps({**content, "sha256": own}))
    assert damage(tmp_path) == ""
    flip(tmp_path / "state")
    assert "does not match its checksum" in damage(tmp_path)


@pytest.mark.parametrize(
    "problem",
    [
        OSError(28, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        RuntimeError("PytorchStreamWriter failed writing file"),
        Exception("No space left on device (os error 28)"),  # tokenizers
    ],
)
def test_what_libraries_raise_when_they_cannot_write(tmp_path, problem):
    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    with pytest.raises(WorkspaceError, match="checkpoint-4: cannot be written: "), writing(folder):
        raise problem
    assert not folder.exists()


def test_another_process_that_is_gone_is_no_full_disk(tmp_path):
    lost = RuntimeError("[pair.cc:537] Read error [127.0.0.1]:23436: Connection reset by peer")
    with pytest.raises(RuntimeError, match="reset by peer"), writing(tmp_path):
        raise lost


def test_a_defect_is_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(TypeError), writing(tmp_path):
        raise TypeError


def test_checksums_are_of_all_files(tune, tmp_path):
    with pytest.raises(KilledError):
        tune("again", plan(6, 2), spies=(Killer(3),))
    folder = tmp_path / "again/checkpoints/checkpoint-2"
    names = {path.name for path in folder.iterdir()} - {"checksums.json"}
    assert {*FILES} - {"checksums.json"} <= names
    for name in names:
        whole = (folder / name).read_bytes()
        flip(folder / name)
        assert str(folder / name) in damage(folder)
        (folder / name).write_bytes(whole)
    assert damage(folder) == ""
    assert torch.load(folder / "optimizer.pt", weights_only=True)
