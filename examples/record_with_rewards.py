"""Record training dynamics inside TRL's `RewardTrainer`: which preferences are learnt, and when.

    python examples/record_with_rewards.py [FOLDER]

The model is a tiny Llama with random weights and the data are made up, so that nothing is
downloaded and it runs in seconds; put your own model, data and tokenizer in their place.
"""

import random
import sys
import tempfile

from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast
from trl import RewardConfig, RewardTrainer

from ftft import DataMap, DynamicsRecorder, RecordPreferences, select

folder = sys.argv[1] if len(sys.argv) > 1 else "dynamics-rewards"

# 200 questions; the polite answer is preferred, but in one of ten it is the other way round.
polite, blunt = ["please", "thanks", "kindly"], ["no", "why", "bah"]
chance = random.Random(0)
rows = []
for row in range(200):
    better, worse = chance.choice(polite), chance.choice(blunt)
    chosen, rejected = (worse, better) if row % 10 == 0 else (better, worse)
    rows.append({"prompt": "answer", "chosen": f" {chosen}", "rejected": f" {rejected}"})
ids = [f"question-{row}" for row in range(200)]

# The training set needs this column: the position of each example in `ids`.
train = Dataset.from_list(rows).add_column("example_index", range(200))

vocabulary = {word: n for n, word in enumerate(["<pad>", "<end>", "answer", *polite, *blunt])}
splitter = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
splitter.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("<end>", "isolated")]
)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=splitter, pad_token="<pad>", eos_token="<end>", unk_token="<pad>"
)
config = LlamaConfig(
    vocab_size=len(vocabulary),
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_labels=1,
    pad_token_id=0,
    bos_token_id=None,
    eos_token_id=1,
)


# The mixin comes first. The probability that the chosen answer wins is that of the first class.
class RecordingTrainer(RecordPreferences, RewardTrainer):
    pass


recorder = DynamicsRecorder(
    folder, example_ids=ids, labels=[0] * len(ids), class_names=("chosen", "rejected")
)
trainer = RecordingTrainer(
    model=LlamaForSequenceClassification(config),
    args=RewardConfig(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=4,
        per_device_train_batch_size=16,
        learning_rate=5e-3,
        bf16=False,
        save_strategy="no",
        report_to="none",
    ),
    train_dataset=train,
    processing_class=tokenizer,
    recorder=recorder,
)
trainer.train()

dynamics = recorder.read()  # also writes what is still held
print(f"recorded {len(dynamics)} examples in epochs {dynamics.epochs}")
subset = select(DataMap.from_dynamics(dynamics), "hard-to-learn", fraction=0.1)
reversed_ones = sum(int(one.split("-")[1]) % 10 == 0 for one in subset.example_ids.to_pylist())
print(f"selected {len(subset)}, the hardest first; {reversed_ones} of them were reversed")
