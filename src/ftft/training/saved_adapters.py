"""Finished adapters as files: a few megabytes that are loaded onto the model they were made for.

The folder holds ``adapter_model.safetensors`` and ``adapter_config.json``, as PEFT reads them, the
``config.json`` of the model with its head, the tokenizer, and ``adapter_base.json``: the checksums
of the weights that the adapter was trained on. What is read back is built from a few checked
values; PEFT never sees the file, whose keys may name modules to import.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors.torch import load_file

from ftft.config.adapter import ADAPTER_FILE, Adapter, Names
from ftft.config.schema import FineTuning
from ftft.config.wording import in_words
from ftft.errors import ModelError
from ftft.tasks.base import Task
from ftft.training.adapters import DEFAULT, TASK_TYPES, targets
from ftft.training.models import resolve_model
from ftft.training.quantized import Rounding, rounding_of
from ftft.training.weights import WEIGHTS, check_header
from ftft.utils.atomic import sha256_of

ADAPTER_WEIGHTS, BASE = "adapter_model.safetensors", "adapter_base.json"

_MAX_BYTES = 10_000_000
# Only how the network was chosen when it was trained; the whole names of its layers are written.
_CHOICE = ("type", "exclude_modules", "layers_to_transform", "layers_pattern", "init_lora_weights")


class SavedAdapter(Adapter):
    """``adapter_config.json`` as it is written here; any other key is refused."""

    peft_type: Literal["LORA"]
    task_type: Literal["SEQ_CLS", "TOKEN_CLS", "CAUSAL_LM"] | None = None
    base_model_name_or_path: str = Field(min_length=1, max_length=4_096)
    revision: str | None = None
    inference_mode: Literal[True] = True
    target_modules: Names

    @model_validator(mode="before")
    @classmethod
    def _names_no_code(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            raise ValueError("a JSON object was expected")
        extra = sorted(set(values) - (set(cls.model_fields) - set(_CHOICE)))
        if extra:
            raise ValueError(
                f"it has {', '.join(extra)}, which ftft does not write; keys of PEFT can make it "
                "import modules by name"
            )
        return values

    @model_validator(mode="after")
    def _patterns_are_names(self) -> SavedAdapter:
        # PEFT takes them for regular expressions, which can run without end.
        if not {*self.rank_pattern, *self.alpha_pattern} <= set(self.target_modules):
            raise ValueError("rank_pattern or alpha_pattern names a layer without an adapter")
        return self

    @property
    def adapter(self) -> Adapter:
        """What to put into a model."""
        return Adapter(**self.model_dump(include=set(Adapter.model_fields) - set(_CHOICE)))


class _Base(BaseModel):
    """``adapter_base.json``: file name to SHA-256 of the weights; none for a hub model.

    And how they were rounded, if they were.
    """

    model_config = ConfigDict(extra="forbid")

    weights: dict[str, str] = {}
    rounding: Rounding | None = None


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no whole model."""
    return (folder / ADAPTER_FILE).is_file() and not (folder / WEIGHTS).is_file()


def write_about(model: Any, settings: FineTuning, task: Task, folder: Path) -> None:
    """Write what belongs to an adapter beside its weights, which PEFT has written.

    Args:
        model: The trained ``peft.PeftModel``.
        settings: How it was trained.
        task: What for.
        folder: Where the adapter's weights are.
    """
    assert settings.adapter is not None
    given, config = settings.adapter, model.config
    own = given.model_dump(mode="json", exclude={*_CHOICE, "rank_pattern", "alpha_pattern"})
    layers = {name: model.get_submodule(f"base_model.model.{name}") for name in targets(model)}
    ranks = {name: int(layer.r[DEFAULT]) for name, layer in layers.items()}
    alphas = {name: layer.lora_alpha[DEFAULT] for name, layer in layers.items()}
    values = own | {
        "peft_type": "LORA",
        "task_type": TASK_TYPES.get(task.name),
        "base_model_name_or_path": settings.model,
        "revision": model.peft_config[DEFAULT].revision,
        "inference_mode": True,
        "target_modules": list(layers),
        "modules_to_save": list(model.peft_config[DEFAULT].modules_to_save or []),
        "rank_pattern": {name: rank for name, rank in ranks.items() if rank != given.r},
        "alpha_pattern": {n: alpha for n, alpha in alphas.items() if alpha != given.lora_alpha},
    }
    _write(folder / ADAPTER_FILE, values)
    base = Path(resolve_model(settings.model))
    rounding = rounding_of(settings)
    rounded = {} if rounding is None else {"rounding": asdict(rounding)}
    _write(folder / BASE, {"weights": weight_sums(base) if base.is_dir() else {}, **rounded})
    if rounding is not None:
        # It is of the network's weights, which are not in this folder.
        config = copy.deepcopy(config)
        del config.quantization_config
    config.architectures = [type(model.get_base_model()).__name__]
    config.save_pretrained(folder)


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def read_about(folder: Path) -> SavedAdapter:
    """Read and check ``adapter_config.json``, and that the weights are a whole file.

    Raises:
        ModelError: A key is not one that ftft writes, a value is out of its range, or a file is
            missing or damaged.
    """
    about: SavedAdapter = _read(folder / ADAPTER_FILE, SavedAdapter)
    _read(folder / BASE, _Base)
    check_header(folder / ADAPTER_WEIGHTS, str(folder))
    return about


def _read(path: Path, schema: Any) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
        return schema.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        problem = f"{key}: {in_words(first)}" if key else in_words(first)
    except (OSError, ValueError, RecursionError) as error:
        problem = str(error)
    raise ModelError(
        f"model {path.parent}: {path.name} is not as ftft writes it: {problem}. ftft loads "
        "adapters that it trained itself; merge another one with PEFT, where you trust it "
        "(merge_and_unload(), then save_pretrained), and name that folder."
    )


def rounding_in(folder: Path) -> Rounding | None:
    """How the network of an adapter was held when it was trained; None: as it is.

    Raises:
        ModelError: ``adapter_base.json`` is not as ftft writes it.
    """
    found: _Base = _read(folder / BASE, _Base)
    return found.rounding


def find_base(folder: Path, about: SavedAdapter, given: str | None) -> tuple[str, str | None]:
    """The model that an adapter was trained on: its name and revision.

    Args:
        folder: The adapter's folder, for its checksums and messages.
        about: What its ``adapter_config.json`` says.
        given: Another name that the same model may have here; None: there is none.

    Raises:
        ModelError: It is not here, has other weights by now, or is a hub model whose name a
            folder has here.
    """
    expected = _read(folder / BASE, _Base).weights
    if not expected:
        # The hub's commit says which weights; another name could hold any.
        return _on_the_hub(folder, about), about.revision
    problems = []
    for name in dict.fromkeys(one for one in (about.base_model_name_or_path, given) if one):
        try:
            place = Path(resolve_model(name))
        except ModelError as error:
            problems.append(str(error))
            continue
        if not place.is_dir():
            problems.append(f"there is no folder {name}")
        elif weight_sums(place) != expected:
            problems.append(f"{name} has other weights than those it was trained on")
        else:
            return name, None
    raise ModelError(
        f"model {folder}: this is an adapter, and the model that it was trained on is not here: "
        f"{'; '.join(problems)}. Name the folder of that model as main.model, to ftft export "
        "--merge as --base, or write it as base_model_name_or_path into "
        f"{ADAPTER_FILE} of a copy of this folder."
    )


def _on_the_hub(folder: Path, about: SavedAdapter) -> str:
    """The name of an adapter's hub model; a folder of that name may hold any weights."""
    name = about.base_model_name_or_path
    if Path(resolve_model(name)).is_dir():
        raise ModelError(
            f"model {folder}: this adapter was trained on the hub model {name}, but here a folder "
            f"has that name, and {BASE} has no checksums to compare its weights with. Rename the "
            "folder, or use the adapter from another working directory."
        )
    return name


def weight_sums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of weights in a folder."""
    return {path.name: sha256_of(path) for path in sorted(folder.glob("*.safetensors"))}


def load_weights(model: Any, folder: Path) -> None:
    """Give a model with a fresh adapter the weights of a saved one.

    Raises:
        ModelError: They are not those of this adapter, or damaged.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    path = folder / ADAPTER_WEIGHTS
    found: dict[str, torch.Tensor] = load_file(path)
    expected = get_peft_model_state_dict(model, save_embedding_layers=False)
    shapes = [{key: tuple(one.shape) for key, one in each.items()} for each in (found, expected)]
    if shapes[0] != shapes[1]:
        other = sorted(key for key, _ in shapes[0].items() ^ shapes[1].items())
        raise ModelError(
            f"model {folder}: {path.name} does not fit its model: {len(set(other))} weights are "
            f"missing, not known there or of another shape (first: {other[0]}). Copy the folder "
            "again."
        )
    set_peft_model_state_dict(model, found)
