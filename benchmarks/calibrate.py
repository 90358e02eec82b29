"""How well the preflight signals predict transfer, and when a selection has settled.

    python benchmarks/calibrate.py FOLDER [--plot transfer.png]

FOLDER is what ``benchmarks/ladder.py`` wrote. The outcome of a reference is the main model's score
out of distribution less that of the main model on a random subset of the same size, for the same
number of steps and with the same seed. Printed are the rank correlation of each signal with it,
the rate of wrong verdicts, and, for each signal, the rate of wrong calls of a limit chosen on all
data sets but the one it is tried on. A reference transfers where it is at most MARGIN worse out of
distribution than the main model's own map (DM); a call is wrong where it says otherwise.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from ladder import FIRST

from ftft.dynamics import TrainingDynamics, read_dynamics
from ftft.transfer import DevScore, Signals, preflight, selections_by_point, signals
from ftft.transfer.agreement import overlap_of, spearman
from ftft.transfer.settling import Settling

SIGNALS = ("train_accuracy", "easy", "ambiguous_and_hard", "hard_learnt", "hard_right", "steady")
MARGIN = 0.04
SHARES = (0.75, 0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Rung:
    """One reference of the ladder and what came of it."""

    data: str
    seed: int
    name: str
    signals: Signals
    dev: DevScore
    verdict: str
    ood: float
    outcome: float
    versus_erm: float
    versus_dm: float
    dynamics: TrainingDynamics


def ood(record: dict, results: dict) -> float:
    sets = results["data"]["sets"]["test_ood"]
    scores = record["scores"]["test"]
    return statistics.fmean(scores[name][results["metric"]] for name in sets)


def read_rung(folder: Path, baselines: dict[str, float], *, itself: bool = False) -> Rung:
    """One rung; ``itself``: the main model as its own reference, which DM is."""
    results = json.loads((folder / "results.json").read_text())
    method = "dm" if itself else "ftft"
    record = next(one for one in results["runs"] if one["method"] == method)
    stage = folder / ("erm" if itself else "reference") / folder.parent.name
    trained = json.loads((stage / "stage.json").read_text())["result"]
    dynamics = read_dynamics(stage / "dynamics")
    found = signals(dynamics)
    (scores,) = trained["dev_scores"].values()
    dev = DevScore(scores["accuracy"], found.majority)
    score = ood(record, results)
    return Rung(
        data=folder.parent.parent.name,
        seed=record["seed"],
        name="main-itself" if itself else folder.name,
        signals=found,
        dev=dev,
        verdict=preflight(found, dev).verdict,
        ood=score,
        outcome=score - baselines["random"],
        versus_erm=score - baselines["erm"],
        versus_dm=score - baselines["dm"],
        dynamics=dynamics,
    )


def read_ladder(folder: Path) -> tuple[list[Rung], dict[tuple[str, int], dict[str, float]]]:
    rungs, known = [], {}
    for first in sorted(folder.glob(f"*/seed-*/{FIRST}/results.json")):
        results = json.loads(first.read_text())
        baselines = {one["method"]: ood(one, results) for one in results["runs"]}
        place = first.parent.parent
        known[place.parent.name, int(place.name.removeprefix("seed-"))] = baselines
        rungs.append(read_rung(first.parent, baselines, itself=True))
        finished = sorted(place.glob("*/results.json"), key=lambda path: path.stat().st_mtime)
        rungs += [read_rung(one.parent, baselines) for one in finished]
    return rungs, known


def table(rungs: list[Rung]) -> pd.DataFrame:
    rows = []
    for rung in rungs:
        values = {name: getattr(rung.signals, name) for name in SIGNALS}
        rows.append(
            {
                "data": rung.data,
                "seed": rung.seed,
                "reference": rung.name,
                **values,
                "dev": rung.dev.accuracy,
                "verdict": rung.verdict,
                "OOD": rung.ood,
                "vs random": rung.outcome,
                "vs ERM": rung.versus_erm,
                "vs DM": rung.versus_dm,
            }
        )
    return pd.DataFrame(rows)


def correlations(values: pd.DataFrame) -> pd.DataFrame:
    """Within each data set and seed, for no set's level to count; then their mean."""
    found = {}
    for key, group in values.groupby(["data", "seed"]):
        found[key] = {
            name: spearman(
                group[name].fillna(0).to_numpy(float), group["vs random"].to_numpy(float)
            )
            for name in (*SIGNALS, "dev")
        }
    result = pd.DataFrame(found)
    result.columns = [f"{data} {seed}" for data, seed in result.columns]
    return result.assign(mean=result.mean(axis=1))


def wrong_verdicts(values: pd.DataFrame) -> None:
    works = values["vs DM"] >= -MARGIN
    for meaning, calls in (
        ("good alone counts as yes", values["verdict"] == "good"),
        ("good and doubtful count as yes", values["verdict"] != "bad"),
    ):
        wrong = int((calls != works).sum())
        print(
            f"  {meaning}: {wrong} of {len(values)} wrong ({int((calls & ~works).sum())} said to "
            f"transfer that do not, {int((~calls & works).sum())} the other way)"
        )
    always = int((works != works.mode()[0]).sum())
    print(f"  always the commoner answer: {always} of {len(values)} wrong")


def leave_one_set_out(values: pd.DataFrame) -> None:
    works = (values["vs DM"] >= -MARGIN).to_numpy()
    sets = values["data"].to_numpy()
    if len(set(sets)) < 2:
        print("  needs two data sets")
        return
    for name in (*SIGNALS, "dev"):
        signal = values[name].fillna(0).to_numpy(float)
        wrong = 0
        for held_out in sorted(set(sets)):
            others = sets != held_out
            limits = [-np.inf, *np.unique(signal[others])]
            rates = [((signal[others] >= limit) != works[others]).mean() for limit in limits]
            limit = limits[int(np.argmin(rates))]
            wrong += int(((signal[~others] >= limit) != works[~others]).sum())
        print(f"  {name}: {wrong} of {len(values)} wrong")


def settling(rungs: list[Rung]) -> None:
    """Where each share would have stopped, and what it would still have selected."""
    for share in SHARES:
        parts, overlaps = [], []
        for rung in rungs:
            points = len(rung.dynamics.epochs)
            if points < 4:
                continue
            rule = Settling(share, rung.signals.fraction, 0)
            epochs = rung.dynamics.epochs
            so_far = [replace(rung.dynamics, epochs=epochs[:end]) for end in range(3, points)]
            stop = next((place for place, one in enumerate(so_far) if rule.is_reached(one)), None)
            chosen = selections_by_point(rung.dynamics)
            at = len(chosen) - 1 if stop is None else stop + 1
            parts.append((at + 2) / points)
            overlaps.append(overlap_of(chosen[at], chosen[-1], len(rung.dynamics)).shared)
        print(
            f"  {share:.2f}: trains {np.mean(parts):.2f} of the epochs (from {min(parts):.2f} to "
            f"{max(parts):.2f}); shares {np.mean(overlaps):.2f} of the full selection (from "
            f"{min(overlaps):.2f})"
        )


def plot(values: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = ("ambiguous_and_hard", "hard_learnt", "easy", "dev")
    figure, panels = pyplot.subplots(1, len(shown), figsize=(13, 3.6), sharey=True)
    markers = {"good": "o", "doubtful": "s", "bad": "X"}
    # Okabe and Ito's colours, which colour-blind people can tell apart.
    colours = dict(
        zip(sorted(set(values["data"])), ("#0072B2", "#D55E00", "#009E73"), strict=False)
    )
    for panel, name in zip(panels, shown, strict=True):
        for (data, verdict), group in values.groupby(["data", "verdict"]):
            panel.scatter(
                group[name],
                group["vs random"] * 100,
                color=colours[data],
                marker=markers[verdict],
                label=f"{data}, {verdict}",
            )
        panel.axhline(0, color="grey", linewidth=0.8)
        panel.set_xlabel(name.replace("_", " "))
    panels[0].set_ylabel("OOD points over random subset")
    handles = {h[1]: h[0] for p in panels for h in zip(*p.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="center right", fontsize=8)
    figure.tight_layout(rect=(0, 0, 0.87, 1))
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plot", type=Path, help="also draw the outcomes over the signals")
    options = parser.parse_args()
    rungs, known = read_ladder(options.folder)
    values = table(rungs)
    pd.set_option("display.width", 220, "display.max_columns", 30, "display.precision", 3)
    print(values.to_string(index=False))
    print("\nout of distribution, baselines")
    print(pd.DataFrame(known).T.drop(columns="ftft").to_string())
    print("\nrank correlation of a signal with the outcome")
    print(correlations(values).to_string())
    print("\nwrong verdicts")
    wrong_verdicts(values)
    print("\nwrong calls of a limit on one signal, chosen on the other data sets")
    leave_one_set_out(values)
    print("\nstopping at a share that stays (full: all epochs of that reference)")
    settling(rungs)
    if options.plot:
        plot(values, options.plot)


if __name__ == "__main__":
    main()
