"""How well the preflight signals predict transfer, and when a selection has settled.

    python benchmarks/calibrate.py runs/offensive runs/sentiment runs/nli [--plot transfer.png]

The folders are those of finished studies with ``random`` and ``dm`` among the baselines, such as
benchmarks/evidence/*.yaml with ``--set 'baselines=[erm, random, dm]'``. The outcome of a reference
is the main model's score out of distribution less that of the main model on a random subset of
the same size, for the same number of steps and with the same seed; it transfers where that is
above zero. The main model itself, on
ERM's dynamics, counts as a reference too: that is DM. Printed are the rank correlation of each
signal with the outcome, the rate of wrong verdicts, and, for each signal, the rate of wrong calls
of a limit chosen on all data sets but the one it is tried on.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ftft.dynamics import TrainingDynamics, read_dynamics
from ftft.results.read import Results, read_run
from ftft.results.run import RunResult
from ftft.transfer import DevScore, Preflight, Signals, preflight, selections_by_point, signals
from ftft.transfer.agreement import overlap_of, spearman
from ftft.transfer.early_stopping import Settling
from ftft.transfer.stability import FollowedMap

SIGNALS = (
    *("train_accuracy", "easy", "ambiguous_and_hard", "ambiguous_confidence", "ambiguous_unlearnt"),
    *("hard_learnt", "hard_right", "steady"),
)
OUTSIDE = ("dev", "generalises")
SHARES = (0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Rung:
    """One reference with one seed and what came of it."""

    data: str
    seed: int
    name: str
    signals: Signals
    dev: DevScore
    judged: Preflight
    run: RunResult
    outcome: float
    versus_erm: float
    versus_dm: float
    dynamics: TrainingDynamics


def read_rung(run: RunResult, dev: DevScore, others: dict[str, float]) -> Rung:
    """One reference; for DM the main model, on ERM's dynamics."""
    itself = run.method == "dm"
    place = ("erm", run.main) if itself else ("reference", str(run.reference))
    dynamics = read_dynamics(run.place.joinpath(*place, f"seed-{run.seed}", "dynamics"))
    found = signals(dynamics)
    score = ood(run)
    return Rung(
        data=run.place.name,
        seed=run.seed,
        name="main-itself" if itself else str(run.reference),
        signals=found,
        dev=dev,
        judged=preflight(found, dev),
        run=run,
        outcome=score - others["random"],
        versus_erm=score - others["erm"],
        versus_dm=score - others["dm"],
        dynamics=dynamics,
    )


def ood(run: RunResult) -> float:
    assert run.ood_score is not None, "the studies have out-of-distribution test sets"
    return run.ood_score


def read_ladder(studies: list[Path]) -> list[Rung]:
    rungs = []
    for path in sorted(one for study in studies for one in study.glob("*/results.json")):
        folder = read_run(path.parent)
        for seed in sorted({run.seed for run in folder.runs}):
            rungs += of_seed(folder, [run for run in folder.runs if run.seed == seed])
    return rungs


def of_seed(folder: Results, runs: list[RunResult]) -> list[Rung]:
    """All references with one seed, and the main model as its own; none while some is missing."""
    baselines = {run.method: run for run in runs if run.method != "ftft"}
    by_reference = [run for run in runs if run.method == "ftft"]
    if not by_reference or not {"erm", "random", "dm"} <= baselines.keys():
        return []
    others = {method: ood(run) for method, run in baselines.items()}
    known = [(run, DevScore(**run.record["preflight"]["dev"])) for run in by_reference]
    (name,) = folder.values["data"]["sets"]["dev"]
    accuracy = baselines["erm"].record["scores"]["dev"][name]["accuracy"]
    known.append((baselines["dm"], DevScore(accuracy, known[0][1].majority)))
    return [read_rung(run, dev, others) for run, dev in known]


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
                "generalises": rung.dev.accuracy - rung.signals.train_accuracy,
                "verdict": rung.judged.verdict,
                "OOD": ood(rung.run),
                "vs random": rung.outcome,
                "vs ERM": rung.versus_erm,
                "vs DM": rung.versus_dm,
                "FLOPs / ERM": rung.run.flops,
            }
        )
    return pd.DataFrame(rows)


def ladder(values: pd.DataFrame) -> pd.DataFrame:
    """Every reference on every data set, mean over seeds."""
    means = values.groupby(["data", "reference"]).mean(numeric_only=True).drop(columns="seed")
    verdicts = values.groupby(["data", "reference"])["verdict"].agg(
        lambda given: " ".join(f"{n} {name}" for name, n in given.value_counts().items())
    )
    spread = values.groupby(["data", "reference"])["vs random"].std()
    return means.assign(spread=spread, verdicts=verdicts)


def correlations(values: pd.DataFrame) -> pd.DataFrame:
    """Within each data set and seed, for no set's level to count; their mean, and over sets."""
    found = {}
    for key, group in values.groupby(["data", "seed"]):
        found[key] = {
            name: spearman(
                group[name].fillna(0).to_numpy(float), group["vs random"].to_numpy(float)
            )
            for name in (*SIGNALS, *OUTSIDE)
        }
    result = pd.DataFrame(found)
    by_set = result.T.groupby(level=0).mean().T
    return by_set.assign(mean=result.mean(axis=1), lowest=result.min(axis=1))


def wrong_verdicts(values: pd.DataFrame) -> None:
    works = values["vs random"] > 0
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


def without_memorised(rungs: list[Rung]) -> None:
    """What the verdicts were before the doubt about memorised examples was added."""
    for title, drop in (("with", ""), ("without", "memorised")):
        good = [
            rung
            for rung in rungs
            if all(
                one.verdict == "good" or (drop and drop in one.reason)
                for one in rung.judged.findings
            )
        ]
        wrong = sum(rung.outcome <= 0 for rung in good)
        print(
            f"  {title} the doubt about memorised examples: {len(good)} good, "
            f"{wrong} of them wrongly"
        )


def leave_one_set_out(values: pd.DataFrame) -> None:
    works = (values["vs random"] > 0).to_numpy()
    sets = values["data"].to_numpy()
    if len(set(sets)) < 2:
        print("  needs two data sets")
        return
    for name in (*SIGNALS, *OUTSIDE):
        signal = values[name].fillna(0).to_numpy(float)
        wrong, misses = 0, []
        for held_out in sorted(set(sets)):
            others = sets != held_out
            # Below the least, all transfer; above the most, none does.
            limits = [-np.inf, *np.unique(signal[others]), np.inf]
            rates = [((signal[others] >= limit) != works[others]).mean() for limit in limits]
            limit = limits[int(np.argmin(rates))]
            missed = int(((signal[~others] >= limit) != works[~others]).sum())
            wrong += missed
            misses.append(f"{held_out} {missed} of {int((~others).sum())} at {limit:.2f}")
        print(f"  {name}: {wrong} of {len(values)} wrong ({'; '.join(misses)})")


def so_far(rungs: list[Rung]) -> None:
    """What the selection after each recording point shares with the one after the last."""
    found: dict[tuple[str, str], list[float]] = {}
    for rung in rungs:
        chosen = selections_by_point(rung.dynamics)
        for place, one in enumerate(chosen[:-1]):
            shared = overlap_of(one, chosen[-1], len(rung.dynamics)).shared
            found.setdefault((rung.name, f"{place + 2} of {len(chosen) + 1}"), []).append(shared)
    for (name, points), overlaps in sorted(found.items()):
        print(
            f"  {name}, {points} points: {statistics.fmean(overlaps):.2f} "
            f"(from {min(overlaps):.2f} to {max(overlaps):.2f})"
        )


def settling(rungs: list[Rung]) -> None:
    """Where each share would have stopped, and what it would still have selected."""
    for share in SHARES:
        parts, overlaps, stopped = [], [], []
        for rung in rungs:
            points = len(rung.dynamics.epochs)
            if points < 4:
                continue
            rule = Settling(share, rung.signals.fraction, 0)
            epochs = rung.dynamics.epochs
            parts_of = [replace(rung.dynamics, epochs=epochs[:end]) for end in range(3, points)]
            stop = next(
                (
                    place
                    for place, one in enumerate(parts_of)
                    if rule.is_reached(FollowedMap(0).update(one))
                ),
                None,
            )
            chosen = selections_by_point(rung.dynamics)
            at = len(chosen) - 1 if stop is None else stop + 1
            parts.append((at + 2) / points)
            stopped += [] if stop is None else [f"{rung.data} {rung.name}"]
            overlaps.append(overlap_of(chosen[at], chosen[-1], len(rung.dynamics)).shared)
        print(
            f"  {share:.2f}: trains {np.mean(parts):.2f} of the epochs (from {min(parts):.2f} to "
            f"{max(parts):.2f}); shares {np.mean(overlaps):.2f} of the full selection (from "
            f"{min(overlaps):.2f}); stops {len(stopped)} of {len(parts)}: "
            f"{', '.join(sorted(set(stopped))) or 'none'}"
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
        zip(sorted(set(values["data"])), ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=False)
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
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--plot", type=Path, help="also draw the outcomes over the signals")
    options = parser.parse_args()
    rungs = read_ladder(options.studies)
    if not rungs:
        parser.error("no seed of these studies has ERM, random and DM finished")
    values = table(rungs)
    pd.set_option("display.width", 250, "display.max_columns", 30, "display.precision", 3)
    print(values.to_string(index=False))
    print("\nmeans over seeds")
    print(ladder(values).to_string())
    print("\nrank correlation of a signal with the outcome")
    print(correlations(values).to_string())
    print("\nwrong verdicts")
    wrong_verdicts(values)
    without_memorised(rungs)
    print("\nwrong calls of a limit on one signal, chosen on the other data sets")
    leave_one_set_out(values)
    print("\nwhat the selection after some of the points shares with the full one")
    so_far(rungs)
    print("\nstopping at a share that stays (full: all epochs of that reference)")
    settling(rungs)
    if options.plot:
        plot(values, options.plot)


if __name__ == "__main__":
    main()
