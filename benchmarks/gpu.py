"""On a GPU: fine-tuning with ftft beside a plain `transformers.Trainer`, and what recording costs.

    FTFT_DATA=... python benchmarks/gpu.py --table gpu.md

The peer has the same tokenised tweets (OLID), model, batch size, learning rate, number of steps,
fused AdamW, SDPA attention and number format, and pads each batch to its longest text. All arms
run in one process, which has done each of them once before it measures; the arms of a pair take
turns at going first. Counted are the seconds of the training loop, after waiting for the device;
nothing is saved, since that is not counted and takes longer.
MiniLM has its published weights; BERT-large has random ones, since its speed is all that is asked.
Ratios above 1 say that ftft is faster.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import datasets
import throughput
import torch
import transformers

Results = dict[str, list[dict[str, Any]]]

FLOAT32 = {"plain Trainer, float32": (throughput.run_plain, "fp32", {})}
ARMS = {
    "plain Trainer, bf16": (throughput.run_plain, "bf16", {}),
    "ftft": (throughput.run_ftft, "auto", {}),
    "ftft, not recording": (throughput.run_ftft, "auto", {"records": False}),
}
COMPILED = {"ftft, compiled": (throughput.run_ftft, "auto", {"compiled": True})}
# Name: title, batch size, steps, arms.
ROWS = {
    "minilm": ("MiniLM", 32, 150, FLOAT32 | ARMS),
    "large": ("BERT-large", 32, 40, ARMS),
    "large-128": ("BERT-large", 128, 40, ARMS),
}
PEERS = ("plain Trainer, float32", "plain Trainer, bf16")


def bert_large(folder: Path) -> Path:
    """BERT-large's architecture with random weights and MiniLM's tokenizer."""
    from ftft.training.models import resolve_model

    if not folder.is_dir():
        tokenizer = transformers.AutoTokenizer.from_pretrained(resolve_model(throughput.MODEL))
        config = transformers.AutoConfig.for_model(
            "bert",
            vocab_size=len(tokenizer),
            hidden_size=1024,
            num_hidden_layers=24,
            num_attention_heads=16,
            intermediate_size=4096,
        )
        with torch.device("cuda"):
            model = transformers.AutoModel.from_config(config)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def loaded_once(load: Callable[..., Any]) -> Callable[..., Any]:
    """``throughput.load``, which reads and tokenises the data for the first training only."""
    kept: list[Any] = []

    def loaded(options: argparse.Namespace, chosen: Any) -> Any:
        if not kept:
            kept.append(load(options, chosen))
        return kept[0]

    return loaded


def measure(name: str, options: argparse.Namespace, arms: dict[str, Any]) -> dict[str, Any]:
    """One training in this process."""
    from ftft.training import finetune

    run, precision, changes = arms[name]
    gc.collect()
    torch.cuda.empty_cache()
    with (
        patch.object(finetune, "_save_model"),
        patch.object(finetune.FineTuner, "_save_checkpoint"),
        tempfile.TemporaryDirectory() as folder,
    ):
        return dict(run(options, precision, Path(folder), **changes))


def compare(options: argparse.Namespace, arms: dict[str, Any], pairs: int) -> Results:
    """Every arm once to warm up, then ``pairs`` times, in an order that turns round."""
    for name in arms:
        measure(name, options, arms)
    found: Results = {name: [] for name in arms}
    for pair in range(pairs):
        for name in list(arms)[:: (-1) ** pair]:
            found[name].append(measure(name, options, arms))
    return found


def ratios(found: Results, peer: str, own: str) -> list[float]:
    """Seconds of the peer over ftft's, pair by pair."""
    both = zip(found[peer], found[own], strict=True)
    return [plain["seconds"] / ours["seconds"] for plain, ours in both]


def lines(title: str, found: Results) -> list[str]:
    """Rows of the table, one an arm."""
    rows = []
    for name, results in found.items():
        rate = throughput.spread([one["examples"] / one["seconds"] for one in results])
        tokens = statistics.median(one["tokens"] for one in results)
        peak = max(one["peak_device_gb"] for one in results)
        beside = [
            throughput.spread(ratios(found, peer, name))
            if peer in found and name not in PEERS
            else ""
            for peer in PEERS
        ]
        cells = [title, name, rate, f"{tokens:,.0f}", f"{peak:.2f} GB", *beside]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("FTFT_DATA"))
    parser.add_argument("--model", default=throughput.MODEL, help="in MiniLM's place")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="of the table")
    parser.add_argument("--compile", action="store_true", help="MiniLM compiled, too: minutes more")
    parser.add_argument("--table", type=Path, help="write the table to this Markdown file")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("There is no GPU here that PyTorch can use: nothing was measured.")
    if not chosen.data:
        parser.error("name the folder of the published files with --data or FTFT_DATA")
    datasets.disable_progress_bars()
    throughput.MODEL = chosen.model
    throughput.load = loaded_once(throughput.load)
    given = {"held_out": 16, "epochs": 1, "log_every": 50, "layers": None, "seed": 0}
    given |= {"examples": 12_000, "max_length": 128, "learning_rate": 1e-4, "set": "olid"}
    given |= {"data": chosen.data}
    table = [
        f"{torch.cuda.get_device_name()}, {platform.machine()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, {chosen.pairs} pairs.",
        "",
        "| model, batch size, steps | | examples a second | tokens | peak on the device | "
        "times as fast as plain, float32 | as plain, bf16 |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for row in chosen.rows:
            title, batch, steps, arms = ROWS[row]
            small = title == "MiniLM"
            model = chosen.model if small else str(bert_large(Path(scratch) / "bert-large"))
            options = argparse.Namespace(**given, model=model, batch_size=batch, steps=steps)
            arms = arms | (COMPILED if chosen.compile and small else {})
            found = compare(options, arms, chosen.pairs)
            cost = ratios(found, "ftft, not recording", "ftft")
            new = lines(f"{title}, {batch}, {steps}", found)
            new.append(f"| | recording | | | | time: {throughput.spread(cost)} | |")
            print("\n".join(new), flush=True)
            table += new
            if chosen.table:  # what is measured stays, whatever becomes of the next row
                chosen.table.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
