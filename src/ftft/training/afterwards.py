"""The dynamics of a training that is over: its saved checkpoints scored on the training set.

For trainings that nobody recorded. S2L (Yang et al. 2024, section 3) takes the dynamics of its
small model like this, from checkpoints saved at intervals.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from transformers.trainer import TRAINER_STATE_NAME

from ftft.config.schema import FineTuning
from ftft.data.dataset import LabelledDataset
from ftft.data.encode import EncodedDataset
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import read_dynamics, write_dynamics
from ftft.dynamics.values import COLUMNS, Recorded
from ftft.dynamics.words import WordRecorder
from ftft.errors import DynamicsError, ModelError
from ftft.tasks import TASKS
from ftft.training.checkpoints import checkpoint, steps_of
from ftft.training.saved import load_finetuned
from ftft.training.scoring import score_with_words
from ftft.utils.atomic import atomic_path
from ftft.utils.plural import counted


@dataclass(frozen=True)
class _Saved:
    """A checkpoint: its folder, and the epochs of training done by then."""

    folder: Path
    epochs: float


def dynamics_of_checkpoints(
    folder: Path, settings: FineTuning, train: LabelledDataset, to: Path
) -> TrainingDynamics:
    """Score every checkpoint of a training on its training set, in evaluation mode.

    The recording points are the checkpoints in the order of their steps.

    Args:
        folder: Where the training saved its ``checkpoint-STEP`` folders, each with model and
            tokenizer: The ``output_dir`` of a ``transformers.Trainer``.
        settings: The batch size, length and precision to score with.
        train: The examples that it was trained on, or others.
        to: The dynamics folder to write; absent or empty.

    Returns:
        What was written.

    Raises:
        ModelError: There are no two checkpoints, or one is no model or has other classes.
        DynamicsError: A model gives NaN or infinite logits, or ``to`` cannot be written.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise DynamicsError(
            f"{to} already exists. Dynamics are written to a folder of their own: give a new one."
        )
    saved = _saved(folder)
    task, trusted = TASKS[train.task], settings.trust_remote_code
    _, tokenizer = load_finetuned(saved[0].folder, trust_remote_code=trusted, task=task)
    encoded = task.tokenize(train, tokenizer, settings.max_length)
    with atomic_path(to) as temporary:
        words = WordRecorder(temporary, rank=0)
        write_dynamics(temporary, _dynamics(saved, settings, encoded, words))
    return read_dynamics(to)


def _dynamics(
    saved: list[_Saved], settings: FineTuning, encoded: EncodedDataset, words: WordRecorder
) -> TrainingDynamics:
    labelled = encoded.labelled

    def read(epoch: int, start: int, stop: int) -> Recorded:
        recorded, of_words = score_with_words(saved[epoch].folder, settings, encoded)
        if of_words:
            given, preferred, probability = of_words
            words.record(epoch, np.arange(len(encoded)), given, preferred, probability)
            words.flush()
        return recorded[start:stop]

    task = TASKS[labelled.task]
    about = {"encoding": task.encoding, **task.recorder(labelled)}
    measures = about.pop("measures", ())
    width = len(labelled.class_names) if task.encoding == "logits" else len(COLUMNS)
    empty = np.zeros((0, len(labelled), width), dtype=np.float32)
    return replace(
        TrainingDynamics.from_arrays(empty, example_ids=labelled.example_ids, **about),
        measures=measures,
        lengths=encoded.lengths.astype(np.int32),
        epochs=tuple(range(len(saved))),
        points=tuple(item.epochs for item in saved),
        reader=read,
        meta={
            "data": labelled.fingerprint,
            "checkpoints": [item.folder.name for item in saved],
        },
    )


def _saved(folder: Path) -> list[_Saved]:
    steps = sorted(steps_of(folder)) if folder.is_dir() else []
    saved = [_Saved(path, _epochs(path)) for step in steps for path in [checkpoint(folder, step)]]
    if len(saved) < 2:
        raise ModelError(
            f"{folder}: {counted(len(saved), 'checkpoint')} found (folders checkpoint-STEP), but "
            "dynamics need at least two. Give the output_dir of a transformers.Trainer that kept "
            "them (save_total_limit: null)."
        )
    for one, other in itertools.pairwise(saved):
        if other.epochs <= one.epochs:
            raise ModelError(
                f"{other.folder} was saved after {other.epochs:g} epochs, no later than "
                f"{one.folder} ({one.epochs:g}), so they are of different trainings. Give a folder "
                "with the checkpoints of one."
            )
    return saved


def _epochs(folder: Path) -> float:
    path = folder / TRAINER_STATE_NAME
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["epoch"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{path} does not say how many epochs were trained ({error}); it is written with every "
            "checkpoint of a transformers.Trainer. Copy the checkpoint again, or remove its folder."
        ) from error
