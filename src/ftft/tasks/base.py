"""What a task has to say. Nothing here or in a task's module loads torch before it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

from ftft.config.data import DataConfig
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.dynamics.values import Encoding
from ftft.evaluation.metrics import SetScores

if TYPE_CHECKING:
    from ftft.data.encode import EncodedDataset

# What a configuration says about the task that a model was trained for before.
_OLD_TASK = ("finetuning_task", "task_specific_params", "function_to_apply")


class Task(Protocol):
    """One kind of answer: how it is read, learnt, recorded and scored.

    Statistics, selection, transfer, budgets, cost, runs and studies see ids, lengths, an optional
    group and five values of an example and recording point, and need no task. Tensors stay on
    their device, and no method waits for it.

    A task with an answer a word may have ``recorded_words`` too, whose tensors go to
    ``DynamicsRecorder.record_words``. A task may have ``token_lengths``, which counts what
    ``tokenize`` would make without making it.

    Attributes:
        name: What an experiment calls it; the key of its metrics in ``ftft.config.tasks``.
        auto_class: The class of ``transformers`` that loads its models.
        encoding: What a dynamics folder holds: ``logits``, or ``values``.
        needs_gold: Whether predictions or what is recorded are made from the gold answers, so that
            batches hold them in scoring too.
        new_head: Whether the layers after the network belong to the task and are drawn anew.
    """

    name: str
    auto_class: str
    encoding: Encoding
    needs_gold: bool
    new_head: bool

    def load(self, config: DataConfig) -> TaskData:
        """Read all data of an experiment; each set is made with ``task=self.name``."""

    def tokenize(self, dataset: LabelledDataset, tokenizer: Any, max_length: int) -> EncodedDataset:
        """The data set as token ids, with a column ``labels`` that the loss is computed from."""

    def collator(self, tokenizer: Any, multiple: int | None) -> Any:
        """What makes a batch of rows; lengths are padded to a multiple."""

    def configure(self, config: Any, outputs: Sequence[str]) -> None:
        """Make a model's configuration that of this task, with these outputs; in place."""

    def as_inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs of a model from tensors (texts, tokens): what costs and checks are run with."""

    def loss(self, outputs: Any, labels: Any, num_items: Any, smoothing: float) -> Any:
        """The loss of a batch, a sum over ``num_items``, those of the whole optimiser step."""

    def recorded(self, outputs: Any, labels: Any) -> Any:
        """What is recorded of a batch of n examples: a tensor (n, W).

        Logits, or float32 values in the order of ``ftft.dynamics.values.COLUMNS``, then the
        recorder's measures; all NaN for an example without an answer.
        """

    def predictions(self, outputs: Any, labels: Any) -> Any:
        """What scoring needs of a batch of n examples: a tensor (n, …), padded with -100."""

    def score(self, dataset: LabelledDataset, predictions: npt.NDArray[Any], at: str) -> SetScores:
        """Metrics of one set, and by slice.

        Args:
            dataset: N examples.
            predictions: (N, …) of all batches, in the order of the examples.
            at: What is scored, for messages.

        Raises:
            DynamicsError: They cannot be used, as those of a model that diverged.
        """

    def floor(self, datasets: Sequence[LabelledDataset]) -> float | None:
        """Accuracy that needs no learning, over some sets together; None where there is none."""

    def recorder(self, train: LabelledDataset) -> dict[str, Any]:
        """What a ``DynamicsRecorder`` has to know: labels and their names, chance, measures."""

    def shown(self, dataset: LabelledDataset) -> list[Any]:
        """What a person reads of each example: Arrow columns of texts, empty ones left out."""

    def check_model(self, model: Any, dataset: LabelledDataset, folder: Path) -> None:
        """Raise a ``ModelError`` where a finished model has other outputs than a set needs."""


def set_outputs(config: Any, names: Sequence[str], problem_type: str | None) -> None:
    """Make a configuration that of a model with these outputs, and of no earlier task.

    Args:
        config: A ``transformers`` configuration, changed in place, with its text part.
        names: Names of the head's outputs, in their order.
        problem_type: As ``transformers`` calls it.
    """
    for part in {id(one): one for one in (config, config.get_text_config())}.values():
        part.num_labels = len(names)
        part.id2label = dict(enumerate(names))
        part.label2id = {name: index for index, name in enumerate(names)}
        # A pipeline would give sigmoids for "multi_label_classification".
        part.problem_type = problem_type
        for name in _OLD_TASK:
            vars(part).pop(name, None)
        # Only logits are wanted, and by their name.
        part.return_dict = True
        part.output_hidden_states = part.output_attentions = False
