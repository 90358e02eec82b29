"""What recording costs the training of a language model, in time and memory.

    python benchmarks/completions.py --pairs 5

A small decoder with a vocabulary of 32,768 words is trained on prompts and completions by
`ftft`'s own trainer, with and without recording, in pairs of processes that take turns at going
first. Logits are by far the largest tensors of such a step: were they kept or copied for the
record, the peak memory would be higher by at least their size, which is printed beside it. Seconds
are those of the steps: of the processor (one thread, so that other load on the machine counts
little) and of the clock.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

VOCABULARY, BATCH, PROMPT, COMPLETION = 32_768, 32, 16, 32
Measured = dict[str, float]


def train(model: str, folder: str, steps: int, recording: bool) -> Measured:
    """One training in this process, and what it took."""
    import datasets
    import numpy as np
    import pyarrow as pa
    import torch

    from ftft.config.schema import FineTuning, Recording
    from ftft.data.dataset import LabelledDataset
    from ftft.tasks.completions import encode_completions
    from ftft.training.arguments import Plan
    from ftft.training.finetune import DevSets, finetune
    from ftft.training.models import load_tokenizer
    from ftft.training.trainer import FineTuner

    datasets.disable_progress_bars()
    torch.set_num_threads(1)
    chance, size = np.random.default_rng(0), steps * BATCH

    def words(length: int) -> list[str]:
        drawn = chance.integers(0, 30_000, (size, length))
        return [" ".join(f"w{number}" for number in row) for row in drawn]

    columns = {
        "example_id": [f"e{row}" for row in range(size)],
        "text_0": words(PROMPT),
        "text_1": words(COMPLETION),
        "label": np.zeros(size, dtype=np.int64),
    }
    data = LabelledDataset.from_table("train", pa.table(columns), (), task="causal-lm")
    settings = FineTuning(model=model, max_length=64, batch_size=BATCH, precision="fp32")
    tokenizer = load_tokenizer(settings)
    train_set = encode_completions(data, tokenizer, max_length=64)
    dev = encode_completions(data.take(data.example_ids[:2]), tokenizer, max_length=64)
    plan = Plan(
        steps=steps, evaluate_every=steps, horizon=steps, patience=None, keep="last", seed=0
    )
    seconds = {"clock": 0.0, "processor": 0.0}
    step = FineTuner.training_step

    def timed(*args, **kwargs):  # type: ignore[no-untyped-def]  # as it is
        clock, processor = time.perf_counter(), time.process_time()
        loss = step(*args, **kwargs)
        seconds["clock"] += time.perf_counter() - clock
        seconds["processor"] += time.process_time() - processor
        return loss

    FineTuner.training_step = timed
    before = _peak()
    finetune(
        settings,
        plan,
        train_set,
        DevSets({"dev": dev}, ("dev",), "token_accuracy"),
        tokenizer,
        Path(folder),
        recording=Recording() if recording else None,
        say=lambda line: None,
    )
    return {**seconds, "peak_mb": _peak(), "peak_before_mb": before}


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def in_process(model: Path, folder: Path, steps: int, recording: bool) -> Measured:
    """A training in a fresh process, whose peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(train, (str(model), str(folder), steps, recording))


def logits_mb() -> float:
    """Megabytes of a batch's logits, float32; a token of each row is the end."""
    return BATCH * (PROMPT + COMPLETION + 1) * VOCABULARY * 4 / 1e6


def main() -> None:
    """Train in pairs, print each, and medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs of trainings")
    parser.add_argument("--steps", type=int, default=20, help="steps of each training")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()

    from ftft.demo.decoder import SPECIAL, write_decoder

    print(f"{platform.machine()}, Python {platform.python_version()}, one thread")
    print(f"logits of a batch: {logits_mb():.0f} MB")
    ratios: dict[str, list[float]] = {"processor": [], "clock": []}
    more: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ftft-bench-") as name:
        model = Path(name) / "model"
        words = [f"w{number}" for number in range(VOCABULARY - len(SPECIAL))]
        write_decoder(model, words, layers=2, width=64, seed=0)
        for pair in range(arguments.pairs):
            runs: dict[bool, Measured] = {}
            for recording in (True, False)[:: (-1) ** pair]:
                place = Path(name) / f"{pair}-{recording}"
                runs[recording] = in_process(model, place, arguments.steps, recording)
            on, off = runs[True], runs[False]
            for kind, values in ratios.items():
                values.append(on[kind] / off[kind])
            more.append(on["peak_mb"] - off["peak_mb"])
            print(
                f"pair {pair}: processor {on['processor']:.2f} s with recording, "
                f"{off['processor']:.2f} s without ({ratios['processor'][-1] - 1:+.1%}); clock "
                f"{on['clock']:.2f} and {off['clock']:.2f} s; peak {on['peak_mb']:.0f} and "
                f"{off['peak_mb']:.0f} MB ({more[-1]:+.0f} MB)",
                flush=True,
            )
    for kind, values in ratios.items():
        print(f"median of {arguments.pairs} pairs, {kind} seconds: {_spread(values)}")
    print(f"median difference of the peaks: {statistics.median(more):+.0f} MB")
    if arguments.json:
        found = {"ratios": ratios, "peak_difference_mb": more, "logits_mb": logits_mb()}
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


def _spread(ratios: list[float]) -> str:
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return f"{middle - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%})"


if __name__ == "__main__":
    main()
