"""The prompt-and-completion demo's model: a decoder of random weights, its tokens whole words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SPECIAL = ("[PAD]", "[UNK]", "[END]")
POSITIONS = 64


def write_decoder(
    folder: Path, words: Sequence[str], *, layers: int, width: int, seed: int
) -> None:
    """Write a Llama of random weights and its tokenizer, as ``from_pretrained`` reads them.

    Args:
        folder: Where the files go.
        words: All words of prompts and completions, each once.
        layers: Of the network.
        width: Of its layers; a multiple of 8.
        seed: Of the weights.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        PreTrainedTokenizerFast,
        logging,
        set_seed,
    )

    vocabulary = {word: index for index, word in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = dict(zip(("pad_token", "unk_token", "eos_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    config = AutoConfig.for_model(
        "llama",
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=2,
    )
    set_seed(seed)
    has_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    if has_bars:
        logging.enable_progress_bar()
