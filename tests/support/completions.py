"""Prompts and completions as small as can be learnt, and decoders of random weights."""

from __future__ import annotations

import json
import random
from pathlib import Path

ACTIONS = ("walk", "run", "jump", "look")
TIMES = {"once": 1, "twice": 2, "thrice": 3}
WORDS = [*ACTIONS, *TIMES, *(f"I_{action.upper()}" for action in ACTIONS)]


def commands(rows: int, *, seed: int = 0) -> list[dict[str, str]]:
    """Commands such as ``run twice`` and the actions that they ask for."""
    chance = random.Random(seed)
    made = []
    for row in range(rows):
        action, times = chance.choice(ACTIONS), chance.choice(list(TIMES))
        completion = " ".join([f"I_{action.upper()}"] * TIMES[times])
        made.append({"id": f"c{seed}-{row}", "prompt": f"{action} {times}", "kind": times})
        made[-1]["completion"] = completion
    return made


def write_commands(path: Path, rows: int, *, seed: int = 0) -> Path:
    """The same as a JSON-lines file."""
    lines = [json.dumps(row) for row in commands(rows, seed=seed)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def make_decoder(
    folder: Path, *, kind: str = "gpt2", layers: int = 2, pad: bool = True, positions: int = 64
) -> Path:
    """Write a tiny GPT-2, Llama or Pythia of random weights and a whole-word tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        PreTrainedTokenizerFast,
        set_seed,
    )

    special = ["[PAD]", "[UNK]", "[END]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        eos_token="[END]",
        **({"pad_token": "[PAD]"} if pad else {}),
    )
    set_seed(0)
    sizes = {
        "gpt2": {"n_embd": 32, "n_layer": layers, "n_head": 4, "n_positions": positions},
        "llama": {
            "hidden_size": 32,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": positions,
        },
        "gpt_neox": {
            "hidden_size": 32,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": positions,
        },
    }[kind]
    config = AutoConfig.for_model(
        kind, vocab_size=len(vocabulary), bos_token_id=None, eos_token_id=2, pad_token_id=0, **sizes
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


EXPERIMENT = """\
name: commands
task: causal-lm
data:
  train: {{path: train.jsonl, prompt: prompt, completion: completion, id: id}}
  dev: {{dev: {{path: dev.jsonl, id: id}}}}
  test: {{test: {{path: test.jsonl, id: id, slices: [kind]}}}}
  test_ood: {{ood: {{path: ood.jsonl, id: id}}}}
reference:
  {{model: {model}, layers: 1, learning_rate: 1.0e-2, epochs: 4, batch_size: 16, max_length: 16}}
main:
  {{model: {model}, learning_rate: 1.0e-2, epochs: 4, batch_size: 16, max_length: 16,
    evaluations: 3}}
map: {{burn_in: 0}}
baselines: [erm, erm_budget, random]
"""


def write_experiment(folder: Path, model: Path, **changes: str) -> Path:
    """Training, development and test files, and their experiment, with parts of it replaced."""
    for seed, (name, rows) in enumerate({"train": 64, "dev": 24, "test": 24, "ood": 24}.items()):
        write_commands(folder / f"{name}.jsonl", rows, seed=seed)
    text = EXPERIMENT.format(model=model)
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "experiment.yaml"
    path.write_text(text, encoding="utf-8")
    return path
