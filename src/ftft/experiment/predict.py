"""Scoring rows without labels with a finished model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ftft.config.load import load_experiment
from ftft.config.schema import Experiment, FineTuning, Main
from ftft.data.unlabelled import has_column, read_unlabelled, with_predictions
from ftft.dynamics.checks import check_finite
from ftft.errors import ConfigError, FtftError
from ftft.results.read import read_run
from ftft.tasks.classification import CLASSIFICATION
from ftft.training.saved import load_finetuned, task_of
from ftft.training.scoring import predict_set
from ftft.utils import distributed
from ftft.workspace.layout import EXPERIMENT_NAME, run_folder_of
from ftft.workspace.models import model_folder
from ftft.workspace.stage_record import read_record
from ftft.workspace.workspace import check_artifact


@dataclass(frozen=True)
class Predictions:
    """What a model predicts of rows.

    Attributes:
        table: A row each, an Arrow table: the row of the file, its id and texts, ``prediction``,
            ``probability`` and the probability of each class.
        left_out: Rows without a text, which are not in it.
        max_length: Tokens kept of a text.
        cut: Rows that had as many, so that some of their texts may be cut.
        id_column: The column of ids that is written, asked for or of the run; None where none is.
        weak: Why the model is not to be trusted, a sentence for each development set.
    """

    table: Any
    left_out: int
    max_length: int
    cut: int
    id_column: str | None = None
    weak: tuple[str, ...] = ()


def predict(
    model: Path,
    data: Path,
    *,
    text: Sequence[str] = (),
    example_id: str | None = None,
    max_length: int | None = None,
) -> Predictions:
    """Give the classes of a model for rows without labels, with their probabilities.

    Args:
        model: A model folder that ftft wrote, the folder of its training, or a run or a study
            with one of FTFT's main models.
        data: A CSV, TSV, JSON-lines or Parquet file.
        text: Its text columns; those of the run that trained the model where empty.
        example_id: A column to write beside the predictions; that of the run's ids where it is
            None and the data have it.
        max_length: Tokens kept of a text; as in the run, else 300.

    Raises:
        FtftError: The model or the data are not as they should be.
    """
    if distributed.count() > 1:
        raise ConfigError("predict is one process: start it without torchrun or accelerate.")
    folder = model_folder(model)
    check_artifact(folder)
    task = task_of(folder)
    if task.name != CLASSIFICATION.name:
        raise ConfigError(
            f"{folder}: a model for task {task.name}; predict gives classes, of models for "
            "classification. Load it with from_pretrained for other answers, or give rows with "
            "answers to ftft evaluate."
        )
    experiment = _experiment_of(folder)
    settings = _settings(folder, experiment, max_length)
    columns = list(text) or _text_of(experiment, folder)
    example_id = example_id or _id_of(experiment, data)
    trusted = settings.trust_remote_code
    base = settings.model
    loaded, tokenizer = load_finetuned(folder, task=task, trust_remote_code=trusted, base=base)
    classes = [str(loaded.config.id2label[place]) for place in range(loaded.config.num_labels)]
    rows = read_unlabelled(data, columns, example_id, classes, as_in_run=not text)
    with_predictions(rows.columns.slice(0, 0), classes, np.zeros((0, len(classes))))  # names fit
    length = min(settings.max_length, tokenizer.model_max_length)
    encoded = task.tokenize(rows.dataset, tokenizer, length)
    logits = predict_set(folder, settings, encoded)
    check_finite(logits, rows.dataset.example_ids, str(folder))
    return Predictions(
        with_predictions(rows.columns, classes, _softmax(logits.astype(np.float64))),
        rows.left_out,
        length,
        int((encoded.lengths >= length).sum()),
        example_id,
        tuple(_weak(folder)),
    )


def _weak(folder: Path) -> Iterator[str]:
    """On which development sets a model is no better than always giving one answer.

    Its training's record has the scores and, as the results of its run, what that answer scores.
    """
    stage, run = folder.absolute().parent, run_folder_of(folder)
    record = read_record(stage, stage.name) or {}
    result = record.get("result", {})
    floors = result.get("dev_floors")
    if floors is None and run is not None:  # of an older version
        floors = _floors_of(run)
    for name, floor in (floors or {}).items():
        accuracy = result.get("dev_scores", {}).get(name, {}).get("accuracy")
        if accuracy is not None and accuracy <= floor:
            yield (
                f"on {name} this model was no better than always answering with the most frequent "
                f"class (accuracy {accuracy:.3f}, against {floor:.3f}): do not rely on what it "
                "predicts"
            )


def _floors_of(run: Path) -> dict[str, float]:
    try:
        floors: dict[str, float] = read_run(run).values["data"].get("floors", {})
    except FtftError:
        return {}
    return floors


def _softmax(logits: Any) -> Any:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _experiment_of(folder: Path) -> Experiment | None:
    """The experiment of the run that a model is of, if it is one's."""
    run = run_folder_of(folder)
    try:
        return None if run is None else load_experiment(run / EXPERIMENT_NAME)
    except FtftError:
        return None


def _settings(folder: Path, experiment: Experiment | None, max_length: int | None) -> FineTuning:
    settings: FineTuning = Main(model=str(folder))
    if experiment is not None:
        is_reference = folder.absolute().parents[1].name == "reference"
        settings = experiment.reference if is_reference else experiment.main
    if max_length is None:
        return settings
    return settings.model_copy(update={"max_length": max_length})


def _id_of(experiment: Experiment | None, data: Path) -> str | None:
    name = None if experiment is None else experiment.data.train[0].id
    return name if name is not None and has_column(data, name) else None


def _text_of(experiment: Experiment | None, folder: Path) -> list[str]:
    if experiment is None:
        raise ConfigError(
            f"{folder}: not in a run folder, which would say which columns it reads; name the text "
            "column with --text, twice for pairs."
        )
    return list(experiment.data.train[0].text)
