"""Which budget for the main model, and where should its learning rate reach zero?

    FTFT_DATA=... python benchmarks/budgets.py FOLDER --sets demo offensive --seeds 0

FTFT's main model on one reference's selection, at a sixth to a half of ERM's steps, with the
paper's schedule (the learning rate falls towards ERM's full length and is cut off) and with one
that reaches zero within the budget; ERM beside them. FOLDER keeps every results.json, and what was
finished is not trained again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from calibrate import ood
from ladder import LENGTHS, RUNGS, experiment, sources

BUDGETS = {"1/6": 1 / 6, "1/4": 1 / 4, "1/3": 1 / 3, "1/2": 1 / 2}
HORIZONS = ("erm", "budget")


def scores(name: str, seed: int, options: argparse.Namespace) -> dict[tuple[str, str], tuple]:
    """Out-of-distribution score, development score and cost of each budget and schedule."""
    import ftft

    about = sources(name, options.folder, options.examples, options.tests)
    place = options.folder / name / f"seed-{seed}"
    found = {}
    for horizon in HORIZONS:
        for title, budget in BUDGETS.items():
            kept = place / f"{horizon}-{title.replace('/', '-')}.json"
            if not kept.is_file():
                trial = experiment(name, about, seed, RUNGS[options.reference])
                main = trial.main.model_copy(update={"budget": budget, "horizon": horizon})
                trial = trial.model_copy(update={"main": main, "baselines": ("erm",)})
                results = ftft.run(trial, str(place / "run"))
                kept.write_text(json.dumps(results.values))
            results = json.loads(kept.read_text())
            for record in results["runs"]:
                (dev,) = record["scores"]["dev"].values()
                key = ("erm", "1") if record["method"] == "erm" else (horizon, title)
                cost = record["cost"]["relative_to_erm"]["flops"]
                found[key] = (ood(record, results), dev[results["metric"]], cost)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", choices=LENGTHS, default=["demo"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--reference", choices=RUNGS, default="3-layers")
    parser.add_argument("--examples", type=int, default=1000, help="training examples of real sets")
    parser.add_argument("--tests", type=int, default=600, help="examples of each test set")
    options = parser.parse_args()
    for name in options.sets:
        for seed in options.seeds:
            print(f"\n{name}, seed {seed}, reference {options.reference}")
            for (horizon, title), (ood_score, dev, cost) in scores(name, seed, options).items():
                print(
                    f"  learning rate to zero at: {horizon:<6} budget {title:<4} "
                    f"OOD {ood_score * 100:.1f}  dev {dev * 100:.1f}  FLOPs / ERM {cost:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
