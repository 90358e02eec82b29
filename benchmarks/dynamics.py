"""From dynamics files to a selection: seconds and peak memory by size, beside peers.

    python benchmarks/dynamics.py --sizes 1e5 1e6 1e7
    python benchmarks/dynamics.py --sizes 1e5 --cartography ~/cartography
    python benchmarks/dynamics.py --sizes --pairs 7        what recording costs a training

Each measurement is a process of its own on at most two cores, so that its peak memory
is its own. The input is written first and not counted. The peers read the same numbers
as the JSON lines of allenai/cartography, up to `--peer-limit` examples:

    pandas         pandas.read_json, then the same statistics vectorised over arrays
    cartography    the published code itself, where `--cartography` names a checkout;
                   its reading and its statistics, which stop short of the selection

With `--pairs`, a small transformer is trained with and without recording, in pairs of
runs that take turns at going first; on one thread, so that other load on the machine
counts little, and in processor seconds beside those of the clock.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

EPOCHS, CLASSES, FRACTION, CORES = 5, 3, 0.33, 2
Measured = dict[str, float]


def make_logits(labels: np.ndarray, epoch: int, generator: np.random.Generator) -> np.ndarray:
    """Logits that drift towards the gold label, float32 (n, C)."""
    logits = generator.standard_normal((len(labels), CLASSES), dtype=np.float32)
    logits[np.arange(len(labels)), labels] += np.float32(0.7 * (epoch + 1))
    return logits


def make_dynamics(folder: Path, size: int) -> None:
    """Record a run of `size` examples in the shuffled order of a training run."""
    from ftft.dynamics import DynamicsRecorder

    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, size)
    ids = np.arange(size) + 10_000_000
    settings = {"example_ids": ids, "labels": labels, "integers": "positions"}
    with DynamicsRecorder(folder, num_classes=CLASSES, **settings) as recorder:
        for epoch in range(EPOCHS):
            order = generator.permutation(size)
            for start in range(0, size, 8192):
                batch = order[start : start + 8192]
                recorder.record(epoch, batch, make_logits(labels[batch], epoch, generator))
            assert recorder.finish_epoch(epoch).complete


def ours(folder: Path, out: Path) -> Measured:
    """Files to map to selection, everything written."""
    from ftft.cartography import DataMap
    from ftft.dynamics import read_dynamics
    from ftft.selection import select

    seconds: Measured = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name], clock = now - clock, now

    dynamics = read_dynamics(folder)
    lap("open")
    datamap = DataMap.from_dynamics(dynamics)
    lap("map")
    datamap.write(out / "map.parquet")
    lap("write map")
    selection = select(datamap, "ambiguous", FRACTION)
    lap("select")
    selection.write(out / "selection.parquet")
    lap("write selection")
    assert len(selection) == round(FRACTION * len(dynamics))
    return seconds


def write_jsonl(folder: Path, out: Path) -> None:
    """The same dynamics as the JSON lines of allenai/cartography."""
    from ftft.dynamics import read_dynamics
    from ftft.dynamics.interop import write_cartography

    write_cartography(out, read_dynamics(folder))


def pandas_peer(folder: Path, out: Path) -> Measured:
    """The statistics in pandas and NumPy, vectorised, from JSON lines."""
    import pandas as pd

    start = time.perf_counter()
    merged: Any = None
    for epoch in range(EPOCHS):
        part = pd.read_json(folder / f"dynamics_epoch_{epoch}.jsonl", lines=True)
        merged = part if merged is None else merged.merge(part.drop(columns="gold"), on="guid")
    read = time.perf_counter()
    columns = [f"logits_epoch_{epoch}" for epoch in range(EPOCHS)]
    logits = np.stack([np.array(merged[column].tolist()) for column in columns])
    gold = merged["gold"].to_numpy()
    rows = np.arange(len(gold))
    shifted = np.exp(logits - logits.max(axis=2, keepdims=True))
    probabilities = shifted / shifted.sum(axis=2, keepdims=True)
    true = probabilities[:, rows, gold]
    correct = logits.argmax(axis=2) == gold
    others = logits.copy()
    others[:, rows, gold] = -np.inf
    error = probabilities.copy()
    error[:, rows, gold] -= 1.0
    frame = pd.DataFrame(
        {
            "guid": merged["guid"],
            "confidence": true.mean(axis=0),
            "variability": true.std(axis=0),
            "correctness": correct.mean(axis=0),
            "forgetting": (correct[:-1] & ~correct[1:]).sum(axis=0),
            "aum": (logits[:, rows, gold] - others.max(axis=2)).mean(axis=0),
            "mean_loss": -np.log(true).mean(axis=0),
            "el2n": np.sqrt(np.square(error).sum(axis=2)).mean(axis=0),
        }
    )
    mapped = time.perf_counter()
    chosen = frame.nlargest(round(FRACTION * len(frame)), "variability")
    chosen.to_parquet(out / "peer.parquet")
    end = time.perf_counter()
    return {"read": read - start, "map": mapped - read, "select": end - mapped}


def cartography_peer(folder: Path, out: Path, checkout: Path) -> Measured:
    """`read_training_dynamics` and `compute_train_dy_metrics` of the published code."""
    # It imports plotting libraries at the top, for other functions.
    for name in ("seaborn", "matplotlib", "matplotlib.pyplot"):
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = types.ModuleType(name)
    sys.path.insert(0, str(checkout))
    from cartography.selection import selection_utils, train_dy_filtering

    start, dynamics = _published_dynamics(selection_utils, folder, out / "model")
    read = time.perf_counter()
    settings = argparse.Namespace(burn_out=100, include_ci=False)
    train_dy_filtering.compute_train_dy_metrics(dynamics, settings)
    return {"read": read - start, "map": time.perf_counter() - read}


def _published_dynamics(selection_utils: Any, folder: Path, model: Path) -> tuple[float, Any]:
    """When reading began, and what was read.

    The published code reads .jsonl, in its first version .json, counts all the files it finds, and
    asserts that those it looks for are among them.
    """
    for ending in ("jsonl", "json"):
        place = model / ending / "training_dynamics"
        place.mkdir(parents=True)
        for epoch in range(EPOCHS):
            source = folder.absolute() / f"dynamics_epoch_{epoch}.jsonl"
            (place / f"dynamics_epoch_{epoch}.{ending}").symlink_to(source)
        start = time.perf_counter()
        try:
            return start, selection_utils.read_training_dynamics(str(place.parent))
        except AssertionError:
            continue
    sys.exit(f"{selection_utils.__file__} reads neither .jsonl nor .json files of dynamics.")


def in_process(function: Callable[..., Measured], *arguments: Any) -> Measured:
    """Run a measurement in a fresh process; adds its totals and peak memory."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, initializer=_limit) as pool:
        return pool.apply(_measured, (function, arguments))


def _limit() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def _measured(function: Callable[..., Measured], arguments: tuple[Any, ...]) -> Measured:
    processor = time.process_time()
    seconds = function(*arguments)
    processor = time.process_time() - processor
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    total = sum(seconds.values())
    return {**seconds, "total": total, "processor": processor, "peak_gb": peak}


def train_once(folder: Path | None, steps: int, batch: int = 32, length: int = 32) -> Measured:
    """Train a small transformer on random tokens; records where a folder is given."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from ftft.dynamics import DynamicsRecorder

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = BertConfig(
        vocab_size=4096,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        num_labels=CLASSES,
    )
    model = BertForSequenceClassification(config).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    size = steps * batch
    tokens = torch.randint(0, config.vocab_size, (size, length))
    labels = torch.randint(0, CLASSES, (size,))
    recorder = folder and DynamicsRecorder(
        folder, example_ids=range(size), labels=labels.numpy(), num_classes=CLASSES
    )
    inside, start, processor = 0.0, time.perf_counter(), time.process_time()
    for index in torch.randperm(size).split(batch):
        output = model(input_ids=tokens[index], labels=labels[index])
        output.loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if recorder:
            before = time.perf_counter()
            recorder.record(0, index, output.logits)
            inside += time.perf_counter() - before
    if recorder:
        before = time.perf_counter()
        recorder.finish_epoch(0)
        inside += time.perf_counter() - before
    return {
        "clock": time.perf_counter() - start,
        "processor": time.process_time() - processor,
        "recording": inside,
    }


def bench_recording(pairs: int, steps: int, folder: Path) -> dict[str, list[float]]:
    """Train in pairs; returns the ratios of the seconds with and without recording."""
    train_once(folder / "warm-up", 3)  # the first run of a process pays for its start
    ratios: dict[str, list[float]] = {"clock": [], "processor": []}
    for pair in range(pairs):
        places = [folder / f"recorded-{pair}", None]
        runs = {place is not None: train_once(place, steps) for place in places[:: (-1) ** pair]}
        on, off = runs[True], runs[False]
        for kind, values in ratios.items():
            values.append(on[kind] / off[kind])
        print(
            f"pair {pair}: {steps} steps, {on['clock']:.2f} s with recording and "
            f"{off['clock']:.2f} s without ({ratios['clock'][-1] - 1:+.1%}); of the processor "
            f"{on['processor']:.2f} and {off['processor']:.2f} s "
            f"({ratios['processor'][-1] - 1:+.1%}); inside the recorder {on['recording']:.3f} s "
            f"({on['recording'] / on['clock']:.2%})",
            flush=True,
        )
    for kind, values in ratios.items():
        print(f"median of {pairs} pairs, {kind} seconds: {statistics.median(values) - 1:+.2%}")
    return ratios


def report(name: str, size: int, measured: Measured) -> None:
    """Print one line: total, rate, memory, then the stages."""
    stages = ", ".join(
        f"{stage} {value:.2f}"
        for stage, value in measured.items()
        if stage not in ("total", "processor", "peak_gb")
    )
    rate = size / measured["total"]
    print(
        f"{name:12} {size:>11,} examples {measured['total']:9.2f} s {rate:>12,.0f} /s "
        f"{measured['peak_gb']:6.2f} GB, {measured['processor']:.1f} s of the processor ({stages})",
        flush=True,
    )


def bench(size: int, folder: Path, peer_limit: int, checkout: Path | None) -> dict[str, Measured]:
    """Measure one size."""
    dynamics, jsonl, out = folder / "dynamics", folder / "jsonl", folder / "out"
    make_dynamics(dynamics, size)
    out.mkdir()
    results = {"ftft": in_process(ours, dynamics, out)}
    if size <= peer_limit:
        write_jsonl(dynamics, jsonl)
        results["pandas"] = in_process(pandas_peer, jsonl, out)
        if checkout:
            results["cartography"] = in_process(cartography_peer, jsonl, out, checkout)
    for name, measured in results.items():
        report(name, size, measured)
    if "pandas" in results:
        ours_ids = pq.read_table(out / "selection.parquet")["example_id"].to_pylist()
        theirs = pq.read_table(out / "peer.parquet")["guid"].to_pylist()
        shared = len(set(ours_ids) & set(map(str, theirs))) / len(ours_ids)
        print(f"{'':12} {shared:.3%} of the selection is that of pandas", flush=True)
    for name in list(results)[1:]:
        ratio = results[name]["total"] / results["ftft"]["total"]
        print(f"{'':12} ftft is {ratio:.0f} times as fast as {name}", flush=True)
    return results


def main() -> None:
    """Parse the arguments, measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=["1e5", "1e6"], help="numbers of examples")
    parser.add_argument("--folder", type=Path, help="where to put the data (default: temporary)")
    parser.add_argument("--peer-limit", type=float, default=1e5, help="largest size for the peers")
    parser.add_argument("--cartography", type=Path, help="a checkout of allenai/cartography")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of training runs")
    parser.add_argument("--steps", type=int, default=100, help="steps of each training run")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores of which at most {CORES} are used, "
        f"Python {platform.python_version()}, NumPy {np.__version__}; {EPOCHS} epochs, "
        f"{CLASSES} classes, fraction {FRACTION}"
    )
    results: dict[str, Any] = {}
    for text in arguments.sizes:
        size = int(float(text))
        folder = Path(tempfile.mkdtemp(prefix="ftft-bench-", dir=arguments.folder))
        try:
            limit = int(arguments.peer_limit)
            results[str(size)] = bench(size, folder, limit, arguments.cartography)
        finally:
            shutil.rmtree(folder)
    if arguments.pairs:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            results["recording"] = bench_recording(arguments.pairs, arguments.steps, Path(name))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
