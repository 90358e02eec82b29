"""A low-rank adapter that is trained in place of a model's own weights, as a user may write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ftft.config.section import Section

ADAPTER_FILE = "adapter_config.json"

ALL_LINEAR = "all-linear"
"""Every linear layer of the network."""

# What would make PEFT import modules by name.
_IMPORTS = ("megatron_config", "megatron_core", "auto_mapping", "parent_library")
# What follows from the task, the model and whether it is being trained.
_OURS = ("peft_type", "task_type", "base_model_name_or_path", "revision", "inference_mode")
# Ways to start that change the network's own weights, which would have to be saved too.
_CHANGING = "pissa, olora, corda, eva, loftq and the like change the network's own weights"

# PEFT makes matrices of this many rows for each layer.
Rank = Annotated[int, Field(ge=1, le=16_384)]
Alpha = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Names = tuple[Annotated[str, Field(min_length=1)], ...]


class Adapter(Section):
    """Keys of PEFT's ``LoraConfig``, with its defaults but for ``target_modules``."""

    type: Literal["lora"] = Field("lora", description="LoRA; use_dora and use_rslora vary it.")
    r: Rank = Field(8, description="Rank of the matrices that are trained beside a layer's own.")
    lora_alpha: Alpha = Field(
        8, description="What they add is multiplied by lora_alpha / r (by / sqrt(r) if use_rslora)."
    )
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of a layer's inputs that the adapter does not see in training."
    )
    target_modules: str | Names = Field(
        ALL_LINEAR,
        description="Layers that get an adapter: all-linear, or a list of names or ends of names, "
        "or a regular expression that matches whole names.",
    )
    exclude_modules: str | Names | None = Field(
        None, description="Layers that get none, named in the same way."
    )
    bias: Literal["none", "all", "lora_only"] = Field(
        "none", description="Biases that are trained too."
    )
    use_rslora: bool = Field(False, description="Rank-stabilised LoRA (Kalajdzievski 2023).")
    use_dora: bool = Field(False, description="Weight-decomposed LoRA, DoRA (Liu et al. 2024).")
    modules_to_save: Names = Field(
        (),
        description="Further parts that are trained whole; the layers after the network always "
        "are, where they are new.",
    )
    init_lora_weights: bool | Literal["gaussian", "orthogonal"] = Field(
        True, description="How the matrices start; false: so that they change the model at once."
    )
    layers_to_transform: (
        Annotated[int, Field(ge=0)] | tuple[Annotated[int, Field(ge=0)], ...] | None
    ) = Field(None, description="Numbers of the only layers that get an adapter.")
    layers_pattern: str | Names | None = Field(
        None, description="Name of the list of layers that these numbers count."
    )
    rank_pattern: dict[str, Rank] = Field(
        default_factory=dict, description="Another r for some layers, by regular expression."
    )
    alpha_pattern: dict[str, Alpha] = Field(
        default_factory=dict, description="Another lora_alpha for some layers, likewise."
    )

    @model_validator(mode="before")
    @classmethod
    def _names_no_code(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        for key in values:
            if key in _IMPORTS:
                raise ValueError(
                    f"{key} makes PEFT import Python modules by name, which ftft never does; "
                    "leave it out"
                )
            if key in _OURS:
                raise ValueError(f"{key} follows from the task and the model; leave it out")
        start = values.get("init_lora_weights", True)
        if isinstance(start, str) and start not in ("gaussian", "orthogonal"):
            raise ValueError(
                f"init_lora_weights is {start!r}; ftft knows true, false, gaussian and orthogonal "
                f"({_CHANGING})"
            )
        return values

    @property
    def label(self) -> str:
        """How tables name it."""
        kind = "DoRA" if self.use_dora else "rsLoRA" if self.use_rslora else "LoRA"
        return f"{kind} r={self.r}"
