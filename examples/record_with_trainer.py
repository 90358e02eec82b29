"""Record training dynamics from `transformers.Trainer` by two added lines.

    python examples/record_with_trainer.py [FOLDER]

The model is a tiny BERT with random weights and the data are made up, so that nothing is
downloaded and it runs in seconds; put your own model, data and tokenizer in their place.
"""

import sys
import tempfile

import numpy as np
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from ftft import DataMap, DynamicsRecorder, RecordDynamics, select

folder = sys.argv[1] if len(sys.argv) > 1 else "dynamics-trainer"

# 200 token sequences; the label says whether token 1 is among the tokens.
tokens = np.random.default_rng(0).integers(1, 20, size=(200, 8))
labels = (tokens == 1).any(axis=1).astype(int)
ids = [f"sequence-{row}" for row in range(200)]
train = Dataset.from_dict({"input_ids": tokens.tolist(), "labels": labels.tolist()})

# The training set needs this column: the position of each example in `ids`.
train = train.add_column("example_index", range(200))


# Line one: the mixin comes first. It works in front of any Trainer subclass, also of one with a
# compute_loss of its own.
class RecordingTrainer(RecordDynamics, Trainer):
    pass


# Line two: the recorder, given to the trainer below.
recorder = DynamicsRecorder(folder, example_ids=ids, labels=labels)

config = BertConfig(
    vocab_size=20,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    num_labels=2,
)
with tempfile.TemporaryDirectory() as checkpoints:
    trainer = RecordingTrainer(
        model=BertForSequenceClassification(config),
        args=TrainingArguments(
            output_dir=checkpoints,
            num_train_epochs=4,
            per_device_train_batch_size=16,
            learning_rate=5e-3,
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=train,
        recorder=recorder,
    )
    trainer.train()

dynamics = recorder.read()  # also writes what is still held
print(f"recorded {len(dynamics)} examples in epochs {dynamics.epochs}")
datamap = DataMap.from_dynamics(dynamics)
subset = select(datamap, "ambiguous", fraction=0.33)
print(f"selected {len(subset)}, the most ambiguous first: {subset.example_ids[:3].to_pylist()}")
