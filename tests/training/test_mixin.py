"""The mixin in other people's Trainers: their passes, outputs and checkpoints."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset
from transformers import Trainer, TrainerCallback, TrainingArguments

from ftft import DynamicsRecorder, RecordDynamics
from ftft.dynamics.store import read_dynamics
from ftft.errors import DynamicsError

EXAMPLES, BATCH, CLASSES = 20, 4, 3
BATCHES = EXAMPLES // BATCH  # of one pass
LABELS = np.arange(EXAMPLES) % CLASSES
FEATURES = np.random.default_rng(0).normal(size=(EXAMPLES, 4)).astype(np.float32)


def row(index: int) -> dict[str, Any]:
    return {"x": FEATURES[index], "labels": int(LABELS[index]), "example_index": index}


class Sized(Dataset):
    def __len__(self) -> int:
        return EXAMPLES

    def __getitem__(self, index: int) -> dict[str, Any]:
        return row(index)


class Endless(IterableDataset):
    """Gives every example once a pass, in an order of its own, and does not say how many."""

    def __init__(self, size: int = EXAMPLES) -> None:
        self.passes = 0
        self.size = size

    def __iter__(self) -> Any:
        order = np.random.default_rng(self.passes).permutation(EXAMPLES)[: self.size]
        self.passes += 1
        return map(row, order.tolist())


class WrongLength(Endless):
    """Says that it has one batch more than it gives."""

    def __len__(self) -> int:
        return EXAMPLES + BATCH


class Model(torch.nn.Module):
    """One layer; takes nothing but what it names, and notes what it computed in training."""

    def __init__(self, shape: str = "dict") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, CLASSES)
        self.shape = shape
        self.config = SimpleNamespace()
        self.seen: list[np.ndarray] = []
        self.inputs: list[np.ndarray] = []

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        logits = self.layer(x)
        if self.training:
            self.seen.append(logits.detach().numpy().copy())
            self.inputs.append(x.numpy().copy())
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        hidden = torch.stack([logits, -logits], dim=1)
        if self.shape == "one":
            return (logits,) if loss is None else (loss, logits)
        if self.shape == "many":
            return (logits, hidden, -logits) if loss is None else (loss, logits, hidden, -logits)
        named = {"logits": logits, "hidden": hidden}
        return named if loss is None else {"loss": loss, **named}

    def expected(self) -> list[np.ndarray]:
        """Logits (N, C) of every pass, by example."""
        logits, inputs = np.concatenate(self.seen), np.concatenate(self.inputs)
        passes = []
        for start in range(0, len(logits), EXAMPLES):
            where = slice(start, start + EXAMPLES)
            rows = (inputs[where, None] == FEATURES[None]).all(-1).argmax(1)
            values = np.full((EXAMPLES, CLASSES), np.nan, dtype=np.float32)
            values[rows] = logits[where]
            passes.append(values)
        return passes


class Recording(RecordDynamics, Trainer):
    pass


class DiedError(Exception):
    pass


class Dies(TrainerCallback):
    """The process dies after a step: what was not written by then is lost."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise DiedError


def arguments(folder: Path, **changes: Any) -> TrainingArguments:
    given = {"per_device_train_batch_size": BATCH, "learning_rate": 0.1, "save_strategy": "no"}
    given |= {"report_to": "none", "disable_tqdm": True, "use_cpu": True, "num_train_epochs": 3}
    return TrainingArguments(output_dir=str(folder / "trainer"), **(given | changes))


def recorder(folder: Path, **changes: Any) -> DynamicsRecorder:
    ids = [f"ex-{index}" for index in range(EXAMPLES)]
    given = {"example_ids": ids, "labels": LABELS, "num_classes": CLASSES} | changes
    return DynamicsRecorder(folder / "dynamics", **given)


def trainer(
    folder: Path,
    data: Any = None,
    *,
    kind: type[Trainer] = Recording,
    model: Model | None = None,
    given: DynamicsRecorder | None = None,
    callbacks: tuple[TrainerCallback, ...] = (),
    options: dict[str, Any] | None = None,
    **changes: Any,
) -> Any:
    return kind(
        model=model or Model(),
        args=arguments(folder, **changes),
        train_dataset=Sized() if data is None else data,
        recorder=given or recorder(folder),
        callbacks=list(callbacks),
        **(options or {}),
    )


def assert_recorded(folder: Path, expected: list[np.ndarray]) -> None:
    dynamics = read_dynamics(folder / "dynamics")
    assert dynamics.epochs == tuple(range(len(expected)))
    np.testing.assert_array_equal(dynamics.logits(), expected)


# --- which pass it is


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("data", [Sized, Endless, WrongLength])
def test_every_pass_is_recorded_under_its_own_epoch(tmp_path, data, accumulation):
    model = Model()
    steps = {"max_steps": 3 * -(-BATCHES // accumulation)}
    trainer(
        tmp_path, data(), model=model, gradient_accumulation_steps=accumulation, **steps
    ).train()
    # Without a length the Trainer leaves what does not fill a step to the next pass.
    complete = [logits for logits in model.expected() if not np.isnan(logits).any()]
    assert len(complete) >= 3
    assert_recorded(tmp_path, complete)


def test_a_pass_that_was_cut_off_is_not_complete(tmp_path):
    trainer(tmp_path, Endless(), max_steps=2 * BATCHES + 2).train()
    dynamics = read_dynamics(tmp_path / "dynamics")
    assert dynamics.epochs == (0, 1)
    assert dynamics.incomplete == {2: 2 * BATCH}


def test_a_training_loop_whose_passes_cannot_be_told_is_refused(tmp_path):
    own = trainer(tmp_path)
    batch = {name: torch.as_tensor(np.array([value])) for name, value in row(0).items()}
    with pytest.raises(DynamicsError, match=r"Recording .* DynamicsRecorder.record in a training"):
        own.training_step(own.model.train(), batch)


# --- dying and going on


@pytest.mark.parametrize("step", [2 * BATCHES + 2, BATCHES + 1, 2])
@pytest.mark.parametrize("every", [2, BATCHES])
def test_a_training_that_dies_goes_on_from_its_checkpoint(tmp_path, monkeypatch, step, every):
    whole = tmp_path / "whole"
    trainer(whole).train()
    with monkeypatch.context() as patch:
        # A process that is killed writes nothing at its end.
        patch.setattr(DynamicsRecorder, "__exit__", lambda *_: None)
        saving = {"save_strategy": "steps", "save_steps": every}
        with pytest.raises(DiedError):
            trainer(tmp_path, callbacks=(Dies(step),), **saving).train()
    saved = sorted((tmp_path / "trainer").glob("checkpoint-*"))
    resumed = trainer(tmp_path, **saving)
    resumed.train(resume_from_checkpoint=bool(saved))
    assert resumed.state.global_step == 3 * BATCHES
    expected = read_dynamics(whole / "dynamics")
    assert_recorded(tmp_path, list(expected.logits()))


def test_what_is_held_is_written_when_a_training_fails_or_ends(tmp_path):
    with pytest.raises(DiedError):
        trainer(tmp_path, callbacks=(Dies(BATCHES + 1),)).train()
    dynamics = read_dynamics(tmp_path / "dynamics")
    assert (dynamics.epochs, dynamics.incomplete) == ((0,), {1: BATCH})


@pytest.mark.parametrize("data", [Endless, WrongLength])
def test_going_on_in_a_pass_that_cannot_be_known_is_refused(tmp_path, data):
    saving = {"max_steps": 3 * BATCHES, "save_strategy": "steps", "save_steps": 7}
    with pytest.raises(DiedError):
        trainer(tmp_path, data(), callbacks=(Dies(9),), **saving).train()
    before = sorted((tmp_path / "dynamics").iterdir())
    with pytest.raises(DynamicsError, match=r"checkpoint-7 was written after 7 steps in epoch 1"):
        trainer(tmp_path, data(), **saving).train(resume_from_checkpoint=True)
    assert sorted((tmp_path / "dynamics").iterdir()) == before


def test_going_on_in_the_first_pass_needs_no_length(tmp_path):
    whole, saving = tmp_path / "whole", {"save_strategy": "steps", "save_steps": 3}
    trainer(whole, Endless(), max_steps=3 * BATCHES).train()
    with pytest.raises(DiedError):
        trainer(tmp_path, Endless(), callbacks=(Dies(4),), max_steps=3 * BATCHES, **saving).train()
    trainer(tmp_path, Endless(), max_steps=3 * BATCHES, **saving).train(resume_from_checkpoint=True)
    assert_recorded(tmp_path, list(read_dynamics(whole / "dynamics").logits()))


def test_other_batches_than_before_are_refused(tmp_path):
    saving = {"save_strategy": "steps", "save_steps": 7}
    with pytest.raises(DiedError):
        trainer(tmp_path, callbacks=(Dies(9),), **saving).train()
    with pytest.raises(DynamicsError, match="the batch size was changed"):
        trainer(tmp_path, per_device_train_batch_size=5, **saving).train(
            resume_from_checkpoint=True
        )


def test_going_on_without_the_earlier_recordings_is_refused(tmp_path):
    saving = {"save_strategy": "steps", "save_steps": 7}
    with pytest.raises(DiedError):
        trainer(tmp_path, callbacks=(Dies(9),), **saving).train()
    elsewhere = recorder(tmp_path / "elsewhere")
    with pytest.raises(DynamicsError, match=r"no recording of epoch 0.*recorded to"):
        trainer(tmp_path, given=elsewhere, **saving).train(resume_from_checkpoint=True)


def test_checkpoints_of_the_mixin_are_read_without_it(tmp_path):
    trainer(tmp_path, save_strategy="steps", save_steps=7, max_steps=8).train()

    class Plain(Trainer):
        def __init__(self, *, recorder: Any, **options: Any) -> None:
            super().__init__(**options)

    plain = trainer(tmp_path, kind=Plain)
    plain.train(resume_from_checkpoint=str(tmp_path / "trainer" / "checkpoint-7"))
    assert plain.state.global_step == 3 * BATCHES


# --- where the logits are among the outputs


def without_loss(outputs: Any) -> torch.Tensor:
    """The logits that `Model` gives where it was given no labels."""
    return outputs["logits"] if isinstance(outputs, dict) else outputs[0]


class Focal(Trainer):
    """A compute_loss of the user's own, with outputs of its own."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        logits = without_loss(model(**inputs))
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        outputs = self.as_outputs(losses, logits)
        return (losses.mean(), outputs) if return_outputs else losses.mean()


class RecordingFocal(RecordDynamics, Focal):
    pass


def mean_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(without_loss(outputs), labels)


@pytest.mark.parametrize("shape", ["dict", "one", "many"])
@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, {}),
        ({"label_smoothing_factor": 0.1}, {}),
        ({}, {"compute_loss_func": mean_loss}),
        ({"label_smoothing_factor": 0.1}, {"compute_loss_func": mean_loss}),
    ],
    ids=["plain", "smoothed", "function", "both"],
)
def test_logits_are_recorded_wherever_the_loss_comes_from(tmp_path, shape, changes, options):
    model = Model(shape)
    trainer(tmp_path, model=model, options=options, **changes).train()
    assert_recorded(tmp_path, model.expected())


@pytest.mark.parametrize(
    "outputs",
    [
        lambda losses, logits: logits,
        lambda losses, logits: (losses, logits),
        lambda losses, logits: [None, logits],
        lambda losses, logits: OrderedDict(hidden=logits[:, None], logits=logits),
        lambda losses, logits: type("Outputs", (), {"logits": logits})(),
    ],
    ids=["tensor", "losses", "list", "mapping", "object"],
)
def test_outputs_of_a_loss_of_the_users_own(tmp_path, outputs):
    model = Model()
    own = trainer(tmp_path, kind=RecordingFocal, model=model)
    own.as_outputs = outputs
    own.train()
    assert_recorded(tmp_path, model.expected())


@pytest.mark.parametrize(
    "outputs",
    [
        lambda losses, logits: (losses,),
        lambda losses, logits: {"predictions": logits},
        lambda losses, logits: {"logits": None},
        lambda losses, logits: None,
    ],
    ids=["tuple", "mapping", "none in a mapping", "none"],
)
def test_outputs_without_logits_are_refused(tmp_path, outputs):
    own = trainer(tmp_path, kind=RecordingFocal)
    own.as_outputs = outputs
    with pytest.raises(DynamicsError, match=r"hold no logits.*by name"):
        own.train()


def test_a_loss_that_goes_past_the_mixin_is_refused(tmp_path):
    class Past(Recording):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            inputs.pop("example_index")
            return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

    with pytest.raises(DynamicsError, match=r"nothing was recorded in epoch 0.*among the bases"):
        trainer(tmp_path, kind=Past).train()


# --- the column never reaches a model


@pytest.mark.parametrize("left_out", [(), ("labels",)])
@pytest.mark.parametrize("loss_only", [True, False])
def test_scoring_with_and_without_labels(tmp_path, left_out, loss_only):
    """The model takes x and labels and would refuse anything else."""
    own = trainer(tmp_path)
    rows = [{k: v for k, v in row(i).items() if k not in left_out} for i in range(EXAMPLES)]
    result = own.evaluation_loop(own.get_test_dataloader(rows), "scoring", loss_only)
    if not loss_only:
        with torch.no_grad():
            expected = own.model(torch.from_numpy(FEATURES))["logits"]
        np.testing.assert_allclose(result.predictions[0], expected, atol=1e-6)
    assert recorder(tmp_path).finish_epoch(0).seen == 0


# --- integer ids


def test_the_column_may_hold_integer_ids(tmp_path):
    ids = np.arange(EXAMPLES)[::-1] * 10
    rows = [row(index) | {"example_index": int(ids[index])} for index in range(EXAMPLES)]
    model = Model()
    trainer(tmp_path, rows, model=model, given=recorder(tmp_path, example_ids=ids)).train()
    assert_recorded(tmp_path, model.expected())


def test_a_column_that_may_hold_ids_or_positions_is_refused(tmp_path):
    shuffled = np.random.default_rng(1).permutation(EXAMPLES)
    with pytest.raises(DynamicsError, match='integers="ids"'):
        trainer(tmp_path, given=recorder(tmp_path, example_ids=shuffled)).train()
