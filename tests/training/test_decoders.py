"""Only networks that read from left to right learn completions; found out from configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from completions import make_decoder, write_experiment
from ftft.config.schema import FineTuning
from ftft.errors import ModelError
from ftft.tasks.causal_lm import CAUSAL_LM
from ftft.training.decoders import check_decoder
from ftft.training.fitting import check_model
from ftft.training.models import load_model

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SIZES |= {"intermediate_size": 16, "max_position_embeddings": 24, "vocab_size": 25}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 3, "eos_token_id": 3}
XLNET = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "vocab_size": 25}
XLM = {"emb_dim": 16, "n_layers": 1, "n_heads": 2, "vocab_size": 25, "n_langs": 1}
HEADS = {"num_key_value_heads": 1, "head_dim": 8}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert", SIZES),
    "bert as decoder": ("bert", SIZES | {"is_decoder": True}),
    "roberta": ("roberta", SIZES),
    "roberta as decoder": ("roberta", SIZES | {"is_decoder": True}),
    "electra": ("electra", SIZES),
    "roformer": ("roformer", SIZES),
    "rembert": ("rembert", SIZES),
    "bert-generation": ("bert-generation", SIZES),
    "xlnet": ("xlnet", XLNET),
    "xlm": ("xlm", XLM),
    "xlm from left to right": ("xlm", XLM | {"causal": True}),
    "gpt_neox": ("gpt_neox", SIZES),
    "gpt2": ("gpt2", {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 25}),
    "llama": ("llama", SIZES),
    "gemma": ("gemma", SIZES | HEADS),
    "gemma3_text": ("gemma3_text", SIZES | HEADS),
    "gemma3_text both ways": (
        "gemma3_text",
        SIZES | HEADS | {"use_bidirectional_attention": True},
    ),
}


def sees_what_follows(config: Any) -> bool:
    """Whether another last token changes what comes out before it."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        # Larger than a fresh network's, so that a difference shows.
        for weight in model.parameters():
            weight.copy_(torch.randn_like(weight) / 2)
        texts = torch.tensor([[5, 6, 7, last] for last in range(4, 25)])
        logits = model(texts).logits[:, :3]
    return not torch.allclose(logits, logits[:1], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_sees_the_completion_is_refused_and_nothing_else(kind):
    name, sizes = KINDS[kind]
    config = AutoConfig.for_model(name, **SPECIAL, **sizes)
    if sees_what_follows(config):
        with pytest.raises(ModelError, match=r"model m: its attention also reads .*config\.json"):
            check_decoder(config, "m")
    else:
        check_decoder(config, "m")


@pytest.mark.parametrize("kind", ["t5", "bart", "mbart", "pegasus"])
def test_an_encoder_decoder_is_refused(kind):
    with pytest.raises(ModelError, match=f"model m: it is an encoder-decoder \\({kind}\\).*GPT-2"):
        check_decoder(AutoConfig.for_model(kind), "m")


@pytest.mark.parametrize("kind", ["deberta-v2", "distilbert", "albert", "modernbert"])
def test_a_network_that_writes_no_text_is_refused(kind):
    with pytest.raises(ModelError, match=f"no causal language model of its kind \\({kind}\\)"):
        check_decoder(AutoConfig.for_model(kind), "m")


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A BERT with the tokenizer of a decoder."""
    folder = make_decoder(tmp_path / "encoder")
    size = len(AutoTokenizer.from_pretrained(folder))
    config = AutoConfig.for_model("bert", **SPECIAL, **SIZES | {"vocab_size": size})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def test_it_is_refused_wherever_it_is_looked_at_or_loaded(encoder):
    settings = FineTuning(model=str(encoder), max_length=16)
    with pytest.raises(ModelError, match="is_decoder: false"):
        check_model(settings, task=CAUSAL_LM)
    with pytest.raises(ModelError, match="is_decoder: false"):
        load_model(settings, (), seed=0, task=CAUSAL_LM)


def test_validate_names_it_and_says_what_to_take(ftft, encoder, tmp_path):
    outcome = ftft("validate", write_experiment(tmp_path, encoder))
    assert outcome.code == 2
    assert f"model {encoder.name}: its attention also reads what comes after" in outcome.err
    assert "Name a decoder-only model" in outcome.err
