"""Where the seconds of a fine-tuning step go, against the floor of its operations.

    FTFT_DATA=... python benchmarks/step_profile.py --arms plain-fp32 ftft-fp32

Trains for 20 steps under PyTorch's profiler. The floor is what the step's floating-point operations
would take at the rate that this machine reaches in one large matrix product of the same number
format. Times are those of operators, without what they call; the rest is Python, batches and the
profiler itself.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import throughput
import torch
from torch.profiler import ProfilerActivity, profile

# Operators by what they are for; the first that fits an operator's name counts.
KINDS = {
    "matrix products": ("mm", "linear", "scaled_dot", "mkldnn", "matmul"),
    "dropout masks": ("bernoulli", "dropout"),
    "optimiser and clipping": ("adam", "vector_norm", "foreach", "Optimizer"),
    "zeroed memory": ("fill_", "zero"),
    "embedding rows": ("index_add", "embedding", "index_select"),
    "copies between formats": ("copy_", "to_copy", "::to"),
    "other arithmetic": ("aten::",),
}


def rate(precision: str) -> float:
    """Operations a second in a large matrix product."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = torch.randn(2048, 1024, dtype=kind), torch.randn(1024, 1024, dtype=kind)
    best = 0.0
    for _ in range(20):
        start = time.perf_counter()
        left @ right
        best = max(best, 2 * 2048 * 1024 * 1024 / (time.perf_counter() - start))
    return best


def kind_of(name: str) -> str:
    fitting = (kind for kind, parts in KINDS.items() if any(part in name for part in parts))
    return next(fitting, "Python, batches, profiler")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("FTFT_DATA"))
    parser.add_argument("--sets", nargs="+", choices=throughput.SETS, default=["olid"])
    parser.add_argument(
        "--arms", nargs="+", default=["plain-fp32", "ftft-fp32", "plain-bf16", "ftft-bf16"]
    )
    chosen = parser.parse_args()
    if not chosen.data:
        parser.error("name the folder of the published files with --data or FTFT_DATA")
    datasets.disable_progress_bars()
    rates = {precision: rate(precision) for precision in ("fp32", "bf16")}
    given = {"held_out": 16, "epochs": 1, "steps": 20, "log_every": 50, "layers": None, "seed": 0}
    given |= {"examples": 12_000, "batch_size": 32, "max_length": 128, "learning_rate": 1e-4}
    given |= {"model": throughput.MODEL}
    for name in chosen.sets:
        for arm in chosen.arms:
            who, _, precision = arm.partition("-")
            options = argparse.Namespace(**given, set=name, data=chosen.data)
            run = throughput.run_ftft if who == "ftft" else throughput.run_plain
            with (
                TemporaryDirectory() as folder,
                contextlib.redirect_stdout(io.StringIO()),
                profile(activities=[ProfilerActivity.CPU]) as seen,
            ):
                result = run(options, precision, Path(folder))
            report(f"{name}, {arm}", result, seen, rates[precision])


def report(title: str, result: dict[str, float], seen: profile, per_second: float) -> None:
    per_step = 1000 / 20
    floor = "" if "gflop" not in result else f", floor {1e9 * result['gflop'] / per_second:.1f} s"
    print(f"\n{title}: {result['seconds']:.1f} s for 20 steps, {result['tokens']:,} tokens{floor}")
    spent: dict[str, float] = {}
    for event in seen.key_averages():
        kind = kind_of(event.key)
        spent[kind] = spent.get(kind, 0.0) + event.self_cpu_time_total / 1e6
    spent.pop("Python, batches, profiler", None)
    spent["Python, batches, profiler"] = result["seconds"] - sum(spent.values())
    for kind, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        share = 100 * seconds / result["seconds"]
        print(f"  {kind:<26} {seconds * per_step:7.1f} ms a step {share:5.1f}%")


if __name__ == "__main__":
    main()
