"""Whether what preflight sees of a reference goes with what its selection came to.

    python benchmarks/judged.py olid=RUN sst2=RUN... [--leave-out nli]

The folders, each after the name of its data and ``=``, are run folders, or data sets of studies,
with the random baseline. For each reference and folder, its seeds together: the recorded signals,
and FTFT's score out of distribution less that of a random subset of the same size, for as many
steps and with the same seed. Counted is the ambiguous selection of maps drawn with ``burn_in:
auto``. Then, for each signal, a limit is chosen on all data but those of one name, halfway
between the worst reference that gained and the best that lost, and tried on those. ``--leave-
out`` names data on which nothing was learnt that could be compared.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ftft.results.read import read_run
from ftft.results.run import RunResult

# Signals, and whether more of them is better.
SIGNALS = {
    "ambiguous_unlearnt": False,
    "ambiguous_confidence": True,
    "train_accuracy": True,
    "easy": True,
    "hard_learnt": True,
    "hard_right": True,
}


@dataclass(frozen=True)
class Reference:
    """A reference on a data set, its seeds together."""

    data: str
    name: str
    verdicts: tuple[str, ...]
    signals: dict[str, float]
    gain: float
    gains: tuple[float, ...]


def references(folder: Path, name: str) -> list[Reference]:
    """The references of a run folder, with what came of them."""
    by_reference: dict[str, list[tuple[RunResult, float]]] = defaultdict(list)
    runs = read_run(folder).runs
    random = {_alike(run): run.ood_score for run in runs if run.method == "random"}
    for run in runs:
        beside = random.get(_alike(run))
        if run.method != "ftft" or run.strategy != "ambiguous" or beside is None:
            continue
        if _counts_all(run):
            continue
        assert run.ood_score is not None
        found = by_reference[Path(str(run.reference)).name]
        found.append((run, 100 * (run.ood_score - beside)))
    return [_together(name, reference, found) for reference, found in by_reference.items()]


def _counts_all(run: RunResult) -> bool:
    """Whether the map counts a transient in, as with ``burn_in: 0``."""
    transient = run.record["preflight"]["signals"]["transient"]
    return bool(transient) and run.record["map"]["burn_in"] == 0


def _alike(run: RunResult) -> tuple[object, ...]:
    """What a random subset has in common with the FTFT that it stands beside."""
    return run.seed, run.main, run.fraction, run.record.get("budget")


def _together(data: str, reference: str, found: list[tuple[RunResult, float]]) -> Reference:
    judged = [run.record["preflight"] for run, _ in found]
    gains = tuple(gain for _, gain in found)
    signals = {
        name: statistics.mean(one["signals"][name] for one in judged)
        for name in SIGNALS
        if all(one["signals"].get(name) is not None for one in judged)
    }
    verdicts = tuple(one["verdict"] for one in judged)
    return Reference(data, reference, verdicts, signals, statistics.mean(gains), gains)


def limit(known: list[Reference], signal: str) -> float | None:
    """Halfway between the worst that gained and the best that lost, in what the signal says.

    None where all gained, or all lost: nothing tells them apart.
    """
    sign = 1 if SIGNALS[signal] else -1
    gained = [sign * one.signals[signal] for one in known if one.gain > 0]
    lost = [sign * one.signals[signal] for one in known if one.gain <= 0]
    return sign * (min(gained) + max(lost)) / 2 if gained and lost else None


def right_calls(found: list[Reference], signal: str) -> tuple[int, int, list[float]]:
    """How often limits from the other data call a reference right, of how many, and the limits."""
    known = [one for one in found if signal in one.signals]
    right, called, limits = 0, 0, []
    sign = 1 if SIGNALS[signal] else -1
    for data in sorted({one.data for one in known}):
        chosen = limit([one for one in known if one.data != data], signal)
        if chosen is None:
            continue
        limits.append(chosen)
        for one in (one for one in known if one.data == data):
            right += (sign * one.signals[signal] > sign * chosen) == (one.gain > 0)
            called += 1
    return right, called, limits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN", help="a data set and a folder of it")
    parser.add_argument("--leave-out", nargs="*", default=[])
    given = parser.parse_args()
    parts: dict[tuple[str, Path, str], list[Reference]] = defaultdict(list)
    for one in given.runs:
        name, _, folder = one.partition("=")
        for found in references(Path(folder), name):
            parts[name, _whole(Path(folder)), found.name].append(found)
    known = [_merged(found) for found in parts.values()]
    print(
        "| data | reference | seeds | verdicts | gain over random | " + " | ".join(SIGNALS) + " |"
    )
    print("|---|---|--:|---|--:|" + "--:|" * len(SIGNALS))
    for one in known:
        spread = f"{one.gain:+.1f} ({min(one.gains):+.1f} to {max(one.gains):+.1f})"
        verdicts = ", ".join(sorted(set(one.verdicts)))
        values = " | ".join(f"{one.signals.get(name, float('nan')):.2f}" for name in SIGNALS)
        print(f"| {one.data} | {one.name} | {len(one.gains)} | {verdicts} | {spread} | {values} |")
    compared = [one for one in known if one.data not in given.leave_out]
    gained = sum(one.gain > 0 for one in compared)
    print(
        f"\n{len(compared)} references, of which {gained} gained; limits chosen without the data "
        "that they are tried on"
    )
    for signal in SIGNALS:
        right, called, limits = right_calls(compared, signal)
        between = f"; limits {min(limits):.2f} to {max(limits):.2f}" if limits else ""
        print(f"  {signal}: {right} of {called} right{between}")


def _whole(folder: Path) -> Path:
    """What the run folders of single seeds, each a folder seed-N or below one, are parts of."""
    above = [one for one in (folder, *folder.parents) if one.name.startswith("seed-")]
    return above[0].parent if above else folder


def _merged(found: list[Reference]) -> Reference:
    """Run folders of one seed each, as one."""
    first = found[0]
    names = [name for name in first.signals if all(name in one.signals for one in found)]
    gains = tuple(gain for one in found for gain in one.gains)
    return Reference(
        first.data,
        first.name,
        tuple(verdict for one in found for verdict in one.verdicts),
        {name: statistics.mean(one.signals[name] for one in found) for name in names},
        statistics.mean(gains),
        gains,
    )


if __name__ == "__main__":
    main()
