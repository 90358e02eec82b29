"""Which networks read from left to right, so that no completion is seen while it is predicted."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from ftft.errors import ModelError

_INSTEAD = "Name a decoder-only model, such as one of the GPT-2, Pythia, Llama or Qwen families"


def check_decoder(config: PretrainedConfig, name: str) -> None:
    """Refuse a network that sees the tokens it is to predict, or that is half of another.

    Transformers loads an encoder such as BERT as a causal language model too. Its attention then
    reads the whole text, and every completion looks easy.

    Args:
        config: The model's configuration, as it was loaded.
        name: The model's name, for the message.

    Raises:
        ModelError: It is no decoder, or has no form that writes text.
    """
    kind = config.model_type
    if config.is_encoder_decoder:
        raise ModelError(
            f"model {name}: it is an encoder-decoder ({kind}), but causal-lm needs one network "
            f"that reads prompt and completion from left to right. {_INSTEAD}."
        )
    own_code = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    if not own_code and kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelError(
            f"model {name}: transformers has no causal language model of its kind ({kind}), "
            f"which causal-lm needs. {_INSTEAD}."
        )
    if key := _reads_both_ways(config):
        raise ModelError(
            f"model {name}: its attention also reads what comes after a token ({key} in its "
            "config.json), so it would see the completion that it is to predict. "
            f"{_INSTEAD}; change config.json only if the model was trained to read from left to "
            "right."
        )


def _reads_both_ways(config: Any) -> str:
    """The setting by which a network reads both ways; empty where it reads from left to right."""
    encoder = config.model_type in {*MODEL_FOR_MASKED_LM_MAPPING_NAMES, "bert-generation"}
    # GPT-NeoX has the key too, reads from left to right either way, and fills in no masks.
    if encoder and getattr(config, "is_decoder", None) is False:
        return "is_decoder: false"
    if getattr(config, "causal", None) is False:  # XLM
        return "causal: false"
    if getattr(config, "attn_type", None) == "bi":  # XLNet
        return "attn_type: bi"
    text = config.get_text_config()
    if getattr(text, "use_bidirectional_attention", None) in (True, "all"):  # Gemma
        return "use_bidirectional_attention"
    return ""
