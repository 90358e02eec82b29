"""Scoring a finished model on the sets of an experiment, apart from any run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ftft.config.schema import Experiment
from ftft.errors import ConfigError, WorkspaceError
from ftft.evaluation.metrics import SetScores
from ftft.experiment.room import usable_data
from ftft.tasks import TASKS
from ftft.training.saved import load_finetuned
from ftft.training.scoring import score_sets
from ftft.utils import distributed
from ftft.workspace.layout import check_writable
from ftft.workspace.models import model_folder
from ftft.workspace.own_files import check_output
from ftft.workspace.stage_record import write_json
from ftft.workspace.workspace import check_artifact


def evaluate_model(
    experiment: Experiment,
    model: Path,
    sets: str,
    output: Path | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, SetScores]:
    """Score a finished model on an experiment's development or test sets.

    Args:
        experiment: Names the sets, and the main model's batch size, length and precision.
        model: A model folder that ftft wrote, the folder of its training, or a run or a study
            with one of FTFT's main models.
        sets: ``dev`` or ``test``, in-distribution and out-of-distribution both.
        output: Also write the scores there, as JSON.
        overwrite: Replace a file that is there; otherwise it is refused.

    Returns:
        Set name to scores.

    Raises:
        ModelError: The folder is not a model, or has other classes than the data.
        ConfigError: The experiment has no such sets, or there are several processes.
        WorkspaceError: The output cannot be written, or the model is damaged.
    """
    if distributed.count() > 1:
        raise ConfigError("evaluate is one process: start it without torchrun or accelerate.")
    model = model_folder(model)  # who has it wrong need not free a name first
    if output is not None:
        check_output(output, overwrite=overwrite, error=WorkspaceError)
        check_writable(output.absolute().parent)
    check_artifact(model)
    task, trusted = TASKS[experiment.task], experiment.main.trust_remote_code
    base = experiment.main.model
    _, tokenizer = load_finetuned(model, task=task, trust_remote_code=trusted, base=base)
    data = usable_data(experiment)
    chosen = {**getattr(data, sets), **getattr(data, f"{sets}_ood")}
    if not chosen:
        raise ConfigError(
            f"experiment {experiment.name}: there are no {sets} sets; name some under "
            f"data.{sets} or data.{sets}_ood."
        )
    length = experiment.main.max_length
    encoded = {name: task.tokenize(dataset, tokenizer, length) for name, dataset in chosen.items()}
    scores = score_sets(model, experiment.main, encoded)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, {name: asdict(result) for name, result in scores.items()})
    return scores
