"""The tasks: what the rest does not know about an example's answer."""

from __future__ import annotations

from ftft.config.schema import Experiment
from ftft.data.dataset import TaskData
from ftft.tasks.base import Task
from ftft.tasks.causal_lm import CAUSAL_LM
from ftft.tasks.classification import CLASSIFICATION
from ftft.tasks.multiple_choice import MULTIPLE_CHOICE
from ftft.tasks.token_classification import TOKEN_CLASSIFICATION

_ALL = (CLASSIFICATION, CAUSAL_LM, MULTIPLE_CHOICE, TOKEN_CLASSIFICATION)
TASKS: dict[str, Task] = {task.name: task for task in _ALL}
"""Every task by the name that an experiment calls it."""


def load_data(experiment: Experiment) -> TaskData:
    """Read, check and join all the data of an experiment.

    Raises:
        DataError: Something cannot be read or does not fit.
    """
    return TASKS[experiment.task].load(experiment.data)
