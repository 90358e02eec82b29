"""What a user may write in an experiment file, as typed, frozen pydantic models.

An :class:`Experiment` says which data, which reference model, which main model,
how the data map is drawn, which examples are selected, which baselines are run
beside FTFT, and with which seeds. Every field has a default that follows the
paper (Du, Gatt and Nguyen, arXiv 2310.06588, section 3 and appendix A) unless its
description says otherwise.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ftft.config.adapter import Adapter
from ftft.config.columns import check_task, with_defaults
from ftft.config.data import DataConfig
from ftft.config.map import Map
from ftft.config.section import MOST, Fraction, PositiveInt, Section
from ftft.config.selecting import Selection
from ftft.config.tasks import Metric, TaskName
from ftft.config.values import Baseline, expand
from ftft.utils.plural import counted

Batching = Literal["like-length", "shuffled"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Head = Literal["new", "keep"]
Quantization = Literal["4bit", "8bit"]
Attention = Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3"]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
NAME_IN_WORDS = (
    "must begin with a letter or a digit and hold letters, digits, '_', '.' and '-' only, 100 at "
    "most"
)

# Each worker is a process with a copy of what it reads.
_FEWER = {"dataloader_num_workers": 1_000}


def _check_numbers(name: str, value: object) -> None:
    """Refuse whole numbers beyond 64 bits inside lists and mappings, as ``deepspeed`` has them."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_numbers(name, item)
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"{name} holds {value:,}, more than 64 bits can")


class FineTuning(Section):
    """A model and how it is fine-tuned; common to reference and main."""

    model: str = Field(
        description="Hub id, local folder, or package:NAME/PATH for weights inside an "
        "installed Python package."
    )
    revision: str | None = Field(None, description="Branch, tag or commit on the hub.")
    layers: PositiveInt | None = Field(
        None, description="Keep only the first layers of the network; null keeps all."
    )
    head: Head = Field(
        "new",
        description="new: the layers after the network are drawn from the seed, also where the "
        "model has a head already. keep: that head, its outputs put into the order of the data's "
        "classes by name.",
    )
    adapter: Adapter | None = Field(
        None,
        description="Train a low-rank adapter (LoRA) and the head, and leave the network frozen.",
    )
    quantization: Quantization | None = Field(
        None,
        description="Hold the network's weights in so many bits, frozen under the adapter (QLoRA); "
        "needs bitsandbytes. null: in float32.",
    )
    trust_remote_code: bool = Field(
        False, description="Run Python code that comes with the model. Off unless you ask."
    )
    max_length: Annotated[int, Field(ge=8, le=MOST)] = Field(
        300, description="Tokens kept of an example, special tokens counted."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1e38, allow_inf_nan=False)] = 2e-5
    batch_size: PositiveInt = Field(
        32,
        description="Examples in one optimiser step, over all processes and "
        "gradient-accumulation steps together.",
    )
    eval_batch_size: PositiveInt = 64
    epochs: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = Field(
        5, description="Length of training on the full training set."
    )
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="Share of the learning-rate horizon spent warming up."
    )
    freeze_embeddings: bool = Field(
        False, description="Leave the embedding layer untrained, which saves its gradient."
    )
    batching: Batching = Field(
        "like-length",
        description="like-length: shuffled batches of examples of like length, which pad little. "
        "shuffled: a plain shuffle.",
    )
    precision: Precision = Field(
        "auto",
        description="Mixed precision of matrix products. auto: bf16 where the machine has "
        "instructions for it, else fp32.",
    )
    attn_implementation: Attention | None = Field(
        None,
        description="What computes attention, by transformers' name; null: what transformers "
        "chooses. Flash attention needs a GPU, a package of its own and 16 bits; it skips padding.",
    )
    training_arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Any further transformers.TrainingArguments field (report_to, deepspeed, "
        "fsdp, torch_compile, gradient_accumulation_steps, ...).",
    )

    @field_validator("model")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; name a hub id, a folder or package:NAME/PATH")
        return expand(value)

    @field_validator("training_arguments")
    @classmethod
    def _sensible(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, item in value.items():
            if isinstance(item, float) and not math.isfinite(item):
                raise ValueError(f"{name} is {item}; it must be a finite number")
            most = _FEWER.get(name, MOST)
            if isinstance(item, int) and abs(item) > most:
                raise ValueError(f"{name} is {item:,}; it may be {most:,} at most")
            _check_numbers(name, item)
        steps = value.get("gradient_accumulation_steps", 1)
        if type(steps) is not int or steps < 1:
            raise ValueError(
                f"gradient_accumulation_steps is {steps!r}; it must be a whole number from 1"
            )
        return value

    @model_validator(mode="after")
    def _quantised_under_an_adapter(self) -> Self:
        if self.quantization is None:
            return self
        if self.adapter is None:
            raise ValueError(
                f"quantization is {self.quantization} without an adapter, but quantised weights "
                "cannot be trained; add adapter (adapter: {r: 16}), or leave quantization out"
            )
        return self

    def resolved(self, folder: Path) -> Self:
        """Return a copy whose model, where it is a folder in ``folder``, is a whole path."""
        beside = Path(folder) / self.model
        # os.path's answer is no where a name is too long; that of Path is an OSError.
        if not self.model.startswith(".") and not os.path.isdir(beside):
            return self
        return self.model_copy(update={"model": os.path.normpath(beside)})

    @property
    def label(self) -> str:
        """The model's name as tables show it; with its layers if cut, and its adapter."""
        cut = [] if self.layers is None else [counted(self.layers, "layer")]
        added = [*cut, *([] if self.adapter is None else [self.adapter.label])]
        added += [] if self.quantization is None else [self.quantization]
        return f"{self.model} ({', '.join(added)})" if added else self.model


class Recording(Section):
    """Which logits become training dynamics."""

    mode: Literal["training", "evaluation"] = Field(
        "training",
        description="training: the logits of the training forward pass itself (no extra "
        "cost, as in the paper). evaluation: a separate pass over the training set at every "
        "recording point, counted as cost.",
    )
    points_per_epoch: PositiveInt = Field(
        1, description="Recording points in an epoch; above 1 needs mode: evaluation."
    )

    @model_validator(mode="after")
    def _whole_epochs_in_training(self) -> Self:
        if self.mode == "training" and self.points_per_epoch != 1:
            raise ValueError(
                "points_per_epoch must be 1 with mode: training, where an example is seen once "
                "an epoch; use mode: evaluation for recording points within an epoch"
            )
        return self


class Reference(FineTuning):
    """The small model whose training dynamics select the examples."""

    recording: Recording = Recording()
    stop: Literal["stable", "full"] = Field(
        "full",
        description="stable: stop after the recording point that left the map's ambiguous region "
        "all but as it was, once preflight finds that the reference has learnt its data. full: "
        "train all epochs, as in the paper.",
    )
    stable_share: Fraction = Field(
        0.8,
        description="Share of the ambiguous region that a recording point must leave as it was, "
        "for stop: stable.",
    )
    if_bad: Literal["continue", "stop"] = Field(
        "continue",
        description="What to do where the preflight check finds the reference bad, before the "
        "main model is trained.",
    )


class Main(FineTuning):
    """The large model, trained on the selection; ERM is the same model on everything."""

    evaluations: PositiveInt = Field(
        12, description="How often development sets are scored over ERM's full length."
    )
    evaluate_every: PositiveInt | None = Field(
        None, description="Steps between these scorings, instead of `evaluations`."
    )
    budget: Fraction = Field(
        1 / 3, description="Steps the main model takes at most, as a share of ERM's full length."
    )
    horizon: Literal["erm", "budget"] = Field(
        "erm",
        description="Where the learning rate reaches zero: after ERM's full number of steps, "
        "as in the paper, or at the end of the budget.",
    )
    patience: PositiveInt | None = Field(
        2, description="Evaluations without improvement before training stops; null: never."
    )
    watch: Literal["id", "ood"] = Field(
        "id",
        description="Development sets whose mean score stopping and the choice of weights "
        "look at. ood is the paper's protocol and needs data.dev_ood.",
    )
    keep: Literal["best", "last"] = Field(
        "best", description="Weights that become the model: best on the watched sets, or last."
    )


class DataMapBaseline(Section):
    """Classic dataset cartography: the main model is its own reference."""

    budget: Fraction = Field(
        1.0, description="Steps of its second training, as a share of ERM's full length."
    )
    patience: PositiveInt | None = Field(
        None,
        description="Evaluations without improvement before its second training stops; null: "
        "never, as in the paper.",
    )


class Experiment(Section):
    """A whole experiment, as one file describes it."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    output: str | None = Field(None, description="Run folder; runs/NAME if left out.")
    task: TaskName = Field("classification", description="What an example's answer is.")
    data: DataConfig
    metric: Metric = "accuracy"
    reference: Reference
    main: Main
    map: Map = Map()
    selection: Selection = Selection()
    baselines: tuple[Baseline, ...] = ("erm",)
    dm: DataMapBaseline = DataMapBaseline()
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1)] = (0,)

    _of_the_task = model_validator(mode="before")(with_defaults)
    _fits_the_task = model_validator(mode="after")(check_task)

    @field_validator("baselines", "seeds")
    @classmethod
    def _no_repeats(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        repeated = sorted({str(item) for item in value if value.count(item) > 1})
        if repeated:
            raise ValueError(f"names {', '.join(repeated)} more than once; each may stand once")
        return value

    @field_validator("output")
    @classmethod
    def _expanded(cls, value: str | None) -> str | None:
        return None if value is None else expand(value)

    def resolved(self, folder: Path) -> Self:
        """Return a copy whose relative data paths and models are taken from ``folder``."""
        parts = ("data", "reference", "main")
        return self.model_copy(
            update={name: getattr(self, name).resolved(folder) for name in parts}
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.main.watch == "ood" and not self.data.dev_ood:
            raise ValueError(
                "main.watch is ood but data.dev_ood names no development set; add one, "
                "or watch id. Test sets are never watched"
            )
        return self
