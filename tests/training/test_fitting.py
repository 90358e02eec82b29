"""Models that do not fit their tokenizer, for every family's way of counting positions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from ftft.config.schema import FineTuning
from ftft.errors import ModelError
from ftft.training import fitting
from ftft.training.fitting import check_model

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZES |= {"intermediate_size": 16, "max_position_embeddings": 24}
SHORTER = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24}
SPECIAL = {f"{name}_token_id": 3 for name in ("bos", "eos", "cls", "sep")}
BART = {f"{part}_{what}": 2 for part in ("encoder", "decoder") for what in ("layers",)}
BART |= {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
BART |= {f"{part}_ffn_dim": 16 for part in ("encoder", "decoder")}
BART |= {"d_model": 16, "max_position_embeddings": 24, "decoder_start_token_id": 3}
NO_LIMIT = None
# Family, its sizes, and how many tokens it takes, as the first test finds with its weights.
FAMILIES: dict[str, tuple[dict[str, Any], int | None]] = {
    "bert": (SIZES, 24),
    # RoBERTa and its like count from the padding id + 1 on.
    "roberta": (SIZES, 23),
    "camembert": (SIZES, 23),
    # Its activations are looked at for NaN while it trains.
    "ibert": (SIZES, 23),
    "esm": (SIZES | {"vocab_size": 25, "position_embedding_type": "absolute"}, 23),
    "albert": (SIZES | {"embedding_size": 8}, 24),
    "electra": (SIZES | {"embedding_size": 8}, 24),
    "distilbert": ({**SIZES, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}, 24),
    "deberta": (SIZES, 24),
    "deberta-v2": (SIZES, 24),
    # DeBERTa-v3: relative positions only.
    "deberta-v2 relative": (
        {
            **SIZES,
            "relative_attention": True,
            "position_biased_input": False,
            "position_buckets": 8,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
        },
        NO_LIMIT,
    ),
    "xlnet": ({"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 16}, NO_LIMIT),
    "gpt2": (SHORTER, 24),
    # Positions start at 2, with two rows more than the number says.
    "opt": (SIZES | {"ffn_dim": 16, "word_embed_proj_dim": 16}, 24),
    "bart": (BART, 24),
    "t5": (
        {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 2, "num_heads": 2}
        | {"decoder_start_token_id": 0},
        NO_LIMIT,
    ),
    "modernbert": (SIZES, NO_LIMIT),
    "llama": (SIZES | {"num_key_value_heads": 2}, NO_LIMIT),
    "funnel": (
        {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16, "block_sizes": [1, 1]},
        NO_LIMIT,
    ),
}
by_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def model(tiny_model, tmp_path):
    """Make a model folder of a family: configuration, tokenizer, and weights that nobody reads."""

    def make(family: str, **changes: Any) -> Path:
        folder = tmp_path / "model"
        sizes = {"vocab_size": 25, "pad_token_id": 0, **SPECIAL, **FAMILIES[family][0]}
        config = AutoConfig.for_model(family.split()[0], **(sizes | changes))
        shutil.copytree(tiny_model, folder)
        config.save_pretrained(folder)
        edit(folder / "tokenizer_config.json", model_max_length=10**30)
        return folder

    return make


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def takes(folder: Path, length: int) -> bool:
    """Whether the network itself, with weights, takes a batch with a text of this many tokens."""
    network = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    words = tokenizer("it")["input_ids"]
    texts = [words[:1] + words[1:2] * (length - len(words) + 1) + words[2:], words]
    batch = tokenizer.pad({"input_ids": texts}, return_tensors="pt")
    assert batch["input_ids"].shape == (2, length)
    try:
        with torch.no_grad():
            network.train()(**batch)
    except (IndexError, RuntimeError):
        return False
    return True


@by_family
def test_the_limits_below_are_those_of_the_networks(model, family):
    folder, limit = model(family), FAMILIES[family][1]
    assert takes(folder, limit or 60)
    assert limit is None or not takes(folder, limit + 1)


@by_family
def test_the_longest_text_is_the_longest_that_the_network_takes(model, family):
    folder, limit = model(family), FAMILIES[family][1]
    check_model(FineTuning(model=str(folder), max_length=limit or 60))
    if limit is not None:
        with pytest.raises(ModelError, match=rf"is {limit + 1}, but the model takes {limit} token"):
            check_model(FineTuning(model=str(folder), max_length=limit + 1))


@by_family
def test_a_padding_token_without_a_row(model, family):
    """The last word of the vocabulary, which is the padding token here."""
    folder = model(family, vocab_size=24)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    last = tokenizer.convert_ids_to_tokens(24)
    edit(folder / "tokenizer_config.json", pad_token=last)
    words = (
        rf"the padding token '{last}' has id 24, but the network's table has 24 rows \(1 tokens"
        if family not in ("roberta", "camembert", "ibert", "esm")
        else "counts positions by the padding id 0"
    )
    with pytest.raises(ModelError, match=words):
        check_model(FineTuning(model=str(folder), max_length=16))


@pytest.mark.parametrize("family", ["bert", "roberta", "xlnet", "gpt2", "bart", "modernbert"])
def test_a_word_without_a_row(model, family):
    folder = model(family, vocab_size=20)
    with pytest.raises(ModelError, match=r"id 24, .* 20 rows \(5 tokens have none\).*resize_token"):
        check_model(FineTuning(model=str(folder), max_length=16))


def test_a_text_type_without_a_row(model):
    folder = model("bert", type_vocab_size=1)
    edit(folder / "tokenizer_config.json", model_input_names=["input_ids", "token_type_ids"])
    chosen = FineTuning(model=str(folder), max_length=16)
    with pytest.raises(ModelError, match=r"gives the text type 1, but the network has 1 types"):
        check_model(chosen, texts=2)
    check_model(chosen, texts=1)


def test_types_that_a_network_counts_in_no_table(model):
    """XLNet's are relative too: its tokenizer gives 0 to 3."""
    folder = model("xlnet")
    edit(
        folder / "tokenizer_config.json",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        pad_token_type_id=3,
    )
    check_model(FineTuning(model=str(folder), max_length=600))


def test_positions_counted_by_another_padding_token(model):
    folder = model("roberta", pad_token_id=1)
    with pytest.raises(
        ModelError, match=r"pads with id 0, .* by the padding id 1; save the tokeni"
    ):
        check_model(FineTuning(model=str(folder), max_length=16))


def test_a_network_that_refuses_every_batch(model):
    folder = model("bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "xmod"}))
    with pytest.raises(ModelError, match=r"refuses a batch of two short texts: Input language unk"):
        check_model(FineTuning(model=str(folder), max_length=16))


def test_what_the_tokenizer_states_counts_too(model):
    folder = model("xlnet")
    edit(folder / "tokenizer_config.json", model_max_length=30)
    with pytest.raises(ModelError, match="takes 30 tokens at most, as its tokenizer states"):
        check_model(FineTuning(model=str(folder), max_length=31))


def test_the_same_model_is_looked_at_once(model, monkeypatch):
    chosen = FineTuning(model=str(model("bert")), max_length=16)
    check_model(chosen)
    monkeypatch.setattr(fitting, "load_tokenizer", lambda settings: 1 / 0)
    check_model(chosen)
    edit(Path(chosen.model) / "config.json", hidden_dropout_prob=0.2)
    with pytest.raises(ZeroDivisionError):
        check_model(chosen)


def test_no_random_number_is_drawn(model):
    folder = model("bert")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    check_model(FineTuning(model=str(folder), max_length=16))
    assert torch.equal(torch.get_rng_state(), before)
