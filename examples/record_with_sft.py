"""Record training dynamics inside TRL's `SFTTrainer`, then train on what was selected.

    python examples/record_with_sft.py [FOLDER]

The model is a tiny Llama with random weights and the data are made up, so that nothing is
downloaded and it runs in seconds; put your own model, data and tokenizer in their place.
"""

import random
import sys
import tempfile

from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

from ftft import DataMap, DynamicsRecorder, RecordCompletions, select

folder = sys.argv[1] if len(sys.argv) > 1 else "dynamics-sft"

# 200 prompts with their completions: a word, and how often to write it.
words, times = ["red", "green", "blue", "black"], {"once": 1, "twice": 2, "thrice": 3}
chance = random.Random(0)
pairs = [(chance.choice(words), chance.choice(list(times))) for _ in range(200)]
train = Dataset.from_list(
    [
        {"prompt": f"{word} {often}", "completion": f" {word}" * times[often]}
        for word, often in pairs
    ]
)
ids = [f"prompt-{row}" for row in range(200)]

# The training set needs this column: the position of each example in `ids`.
indexed = train.add_column("example_index", range(200))

vocabulary = {word: n for n, word in enumerate(["<pad>", "<end>", *words, *times])}
splitter = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
splitter.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("<end>", "isolated")]
)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=splitter, pad_token="<pad>", eos_token="<end>", unk_token="<pad>"
)


def model(layers: int) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=4,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=1,
        )
    )


def arguments(epochs: int) -> SFTConfig:
    return SFTConfig(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=epochs,
        per_device_train_batch_size=16,
        learning_rate=5e-3,
        bf16=False,
        save_strategy="no",
        report_to="none",
    )


# The mixin comes first; the recorder takes values and not logits, which have a vocabulary's size.
class RecordingTrainer(RecordCompletions, SFTTrainer):
    pass


recorder = DynamicsRecorder(folder, example_ids=ids, encoding="values", chance=0.0)
RecordingTrainer(
    model=model(layers=1),
    args=arguments(epochs=4),
    train_dataset=indexed,
    processing_class=tokenizer,
    recorder=recorder,
).train()

dynamics = recorder.read()  # also writes what is still held
print(f"recorded {len(dynamics)} examples in epochs {dynamics.epochs}")
subset = select(DataMap.from_dynamics(dynamics), "hard-to-learn", fraction=0.33)
print(f"selected {len(subset)}, the hardest first: {subset.example_ids[:3].to_pylist()}")

# The main model, for fewer steps, on those only.
rows = [ids.index(one) for one in subset.example_ids.to_pylist()]
main = SFTTrainer(
    model=model(layers=4),
    args=arguments(epochs=3),
    train_dataset=train.select(rows),
    processing_class=tokenizer,
)
main.train()
print(f"the main model took {main.state.global_step} steps")
