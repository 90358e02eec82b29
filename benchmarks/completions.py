"""What recording costs the training of a language model, in time and memory.

    python benchmarks/completions.py --pairs 5

A decoder with a vocabulary of 32,768 words is trained on prompts and completions by `ftft`'s own
trainer, with and without recording, in pairs of processes that take turns at going first. Logits
are by far the largest tensors of such a step: were they kept or copied for the record, the peak
memory would be higher by at least their size, which is printed beside it.

On a processor the decoder is small and computes in fp32 with one thread; the peak is that of the
process. Where there is a GPU it has twelve layers, longer examples and bf16, and the peak is what
was allocated on the GPU; `CUDA_VISIBLE_DEVICES=` in front of the command keeps to the processor.
Seconds are those of the steps after the first few, which also set things up: of the clock, the GPU
waited for before each look at it, and, without a GPU, of the processor, on which other load counts
little. What was recorded is written once, at the end of the epoch; those seconds are printed by
themselves, since they would count far more in these few steps than in a real epoch.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

VOCABULARY, WARM_UP = 32_768, 3
Measured = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """Sizes of model and data, and what they are trained on."""

    gpu: bool
    steps: int
    layers: int
    width: int
    prompt: int
    completion: int
    batch: int = 32

    @property
    def tokens(self) -> int:
        """Of an example: a token is the end."""
        return self.prompt + self.completion + 1

    def logits_mb(self) -> float:
        """Megabytes of a batch's logits, as the model gives them."""
        return self.batch * self.tokens * VOCABULARY * (2 if self.gpu else 4) / 1e6


CPU = Setting(gpu=False, steps=20, layers=2, width=64, prompt=16, completion=32)
GPU = Setting(gpu=True, steps=200, layers=12, width=768, prompt=128, completion=128)


def train(model: str, folder: str, setting: Setting, recording: bool) -> Measured:
    """One training in this process, and what it took."""
    import datasets
    import torch

    from ftft.config.schema import FineTuning, Recording
    from ftft.tasks.completions import encode_completions
    from ftft.training import finetune as module
    from ftft.training.arguments import Plan
    from ftft.training.finetune import DevSets, finetune
    from ftft.training.models import load_tokenizer

    datasets.disable_progress_bars()
    if not setting.gpu:
        torch.set_num_threads(1)
    settings = FineTuning(
        model=model,
        max_length=setting.tokens,
        batch_size=setting.batch,
        precision="bf16" if setting.gpu else "fp32",
    )
    tokenizer = load_tokenizer(settings)
    steps = WARM_UP + setting.steps
    data = commands(setting, steps * setting.batch)
    train_set = encode_completions(data, tokenizer, max_length=setting.tokens)
    dev = encode_completions(data.take(data.example_ids[:2]), tokenizer, max_length=setting.tokens)
    plan = Plan(
        steps=steps, evaluate_every=steps, horizon=steps, patience=None, keep="last", seed=0
    )
    # Neither is measured, and both take longer than the steps.
    with (
        patch.object(module, "_save_model"),
        patch.object(module.FineTuner, "_save_checkpoint"),
        clocks(setting.gpu) as seconds,
    ):
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
    return {**seconds, "peak_mb": _peak(setting.gpu)}


def commands(setting: Setting, size: int) -> Any:
    """Prompts and completions of random words."""
    import numpy as np
    import pyarrow as pa

    from ftft.data.dataset import LabelledDataset

    chance = np.random.default_rng(0)

    def words(length: int) -> list[str]:
        drawn = chance.integers(0, 30_000, (size, length))
        return [" ".join(f"w{number}" for number in row) for row in drawn]

    columns = {
        "example_id": [f"e{row}" for row in range(size)],
        "text_0": words(setting.prompt),
        "text_1": words(setting.completion),
        "label": np.zeros(size, dtype=np.int64),
    }
    return LabelledDataset.from_table("train", pa.table(columns), (), task="causal-lm")


@contextmanager
def clocks(gpu: bool) -> Iterator[Measured]:
    """Seconds of the steps of trainings in this block, and of writing what was recorded."""
    import torch

    from ftft.dynamics.recorder import DynamicsRecorder
    from ftft.training.trainer import FineTuner

    seconds = {"clock": 0.0, "processor": 0.0, "writing": 0.0}
    step, write = FineTuner.training_step, DynamicsRecorder.flush
    taken = 0

    def now() -> tuple[float, float]:
        if gpu:
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()

    def timed_step(*args: Any, **kwargs: Any) -> Any:
        nonlocal taken
        clock, processor = now()
        loss = step(*args, **kwargs)
        clock_after, processor_after = now()
        taken += 1
        if taken > WARM_UP:
            seconds["clock"] += clock_after - clock
            seconds["processor"] += processor_after - processor
        return loss

    def timed_write(*args: Any, **kwargs: Any) -> None:
        before, _ = now()
        write(*args, **kwargs)
        seconds["writing"] += now()[0] - before

    patched: list[tuple[Any, str, Callable[..., Any], Callable[..., Any]]] = [
        (FineTuner, "training_step", timed_step, step),
        (DynamicsRecorder, "flush", timed_write, write),
    ]
    for place, name, timed, _ in patched:
        setattr(place, name, timed)
    try:
        yield seconds
    finally:
        for place, name, _, plain in patched:
            setattr(place, name, plain)


def _peak(gpu: bool) -> float:
    """Megabytes: allocated on the GPU at most, or of this process."""
    if gpu:
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def in_process(model: Path, folder: Path, setting: Setting, recording: bool) -> Measured:
    """A training in a fresh process, whose peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(train, (str(model), str(folder), setting, recording))


def write_model(folder: Path, setting: Setting) -> None:
    """A decoder of random weights with room for the examples."""
    from ftft.demo.decoder import SPECIAL, write_decoder

    words = [f"w{number}" for number in range(VOCABULARY - len(SPECIAL))]
    write_decoder(folder, words, layers=setting.layers, width=setting.width, seed=0)
    config = folder / "config.json"
    held = json.loads(config.read_text()) | {"max_position_embeddings": setting.tokens}
    config.write_text(json.dumps(held))


def main() -> None:
    """Train in pairs, print each, and medians."""
    arguments = _arguments()
    import torch

    setting = GPU if torch.cuda.is_available() else CPU
    if arguments.steps:
        setting = replace(setting, steps=arguments.steps)
    where = f"{torch.cuda.get_device_name()}, bf16" if setting.gpu else "fp32, one thread"
    print(f"{platform.machine()}, Python {platform.python_version()}, {where}")
    print(f"{setting.layers} layers of width {setting.width}, {setting.batch} examples a batch")
    print(f"logits of a batch: {setting.logits_mb():.0f} MB")
    kinds = ("clock",) if setting.gpu else ("processor", "clock")
    ratios: dict[str, list[float]] = {kind: [] for kind in kinds}
    more: list[float] = []
    pairs: list[dict[str, Measured]] = []
    with tempfile.TemporaryDirectory(prefix="ftft-bench-") as name:
        write_model(Path(name) / "model", setting)
        for pair in range(arguments.pairs):
            runs: dict[bool, Measured] = {}
            for recording in (True, False)[:: (-1) ** pair]:
                place = Path(name) / f"{pair}-{recording}"
                runs[recording] = in_process(Path(name) / "model", place, setting, recording)
            on, off = runs[True], runs[False]
            pairs.append({"recording": on, "plain": off})
            for kind, values in ratios.items():
                values.append(on[kind] / off[kind])
            more.append(on["peak_mb"] - off["peak_mb"])
            print(f"pair {pair}: {_sentence(on, off, ratios)}", flush=True)
    for kind, values in ratios.items():
        print(f"median of {arguments.pairs} pairs, {kind} seconds: {_spread(values)}")
    print(f"median difference of the peaks: {statistics.median(more):+.0f} MB")
    if arguments.json:
        found = {
            "where": where,
            "setting": asdict(setting),
            "ratios": ratios,
            "peak_difference_mb": more,
            "logits_mb": setting.logits_mb(),
            "pairs": pairs,
        }
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs of trainings")
    parser.add_argument(
        "--steps", type=int, help=f"measured steps of each ({CPU.steps}; on a GPU {GPU.steps})"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _sentence(on: Measured, off: Measured, ratios: dict[str, list[float]]) -> str:
    seconds = "; ".join(
        f"{kind} {on[kind]:.2f} s with recording, {off[kind]:.2f} s without ({values[-1] - 1:+.1%})"
        for kind, values in ratios.items()
    )
    peaks = f"peak {on['peak_mb']:.0f} and {off['peak_mb']:.0f} MB"
    difference = f"({on['peak_mb'] - off['peak_mb']:+.0f} MB)"
    return f"{seconds}; {peaks} {difference}; writing {on['writing']:.2f} s"


def _spread(ratios: list[float]) -> str:
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return f"{middle - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%})"


if __name__ == "__main__":
    main()
