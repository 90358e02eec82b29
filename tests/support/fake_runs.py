"""Finished runs made by hand: their results, data maps and texts, of any size, without training.

Every record comes from :func:`record`, and is read back by the package's own reader.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ftft.cartography.datamap import DataMap
from ftft.config.load import load_experiment
from ftft.config.methods import METHODS
from ftft.data.load import load_data
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import write_dynamics
from ftft.results.read import Results, read_run, results_of
from ftft.results.run import RunResult, run_result
from ftft.selection.strategies import select

# Texts and ids that would do harm where they are not escaped.
EVIL = (
    "<script>window.hit = 1</script> & </script> <!--",
    '<img src=x onerror="window.hit = 2"> \'"` \u2028 \u2029 ${1}',
)
ODD_IDS = ("=HYPERLINK(1)", '@risky,"quoted"', "-5", "</script>id")
CLASSES = ("entailment", "neutral", "contradiction")
SOURCES = ("fiction", "letters", "travel", "talk", "government")
SENTENCES = (
    "the a one some every child teacher doctor neighbour singer judge crowd painter sailor saw",
    "heard left found carried painted described opened behind under beside near old small bright",
    "quiet river market letter garden window station boat and while because although nobody never",
    "often yesterday slowly twice again bridge hill orchard lamp street with without",
)
WORDS = [word for sentence in SENTENCES for word in sentence.split()]
# Cost over ERM's: of the reference, the main model and the scoring of development sets.
PARTS = {
    "erm": (0.0, 0.96, 0.04),
    "erm_es": (0.0, 0.67, 0.03),
    "random": (0.0, 0.25, 0.02),
    "dm": (1.0, 0.95, 0.05),
    "ftft": (0.25, 0.26, 0.02),
}
# Out-of-distribution score less ERM's.
GAINS = {"erm": 0.0, "erm_es": -0.005, "random": -0.03, "dm": 0.01}
STEPS = {"erm": 120, "erm_es": 80, "dm": 120}


def record(
    method: str = "ftft",
    seed: int = 0,
    *,
    score: float = 0.8,
    ood: Mapping[str, float] | None = None,
    parts: tuple[float, float, float] | None = None,
    erm: float = 1.0,
    seconds: float = 1.04,
    steps: int = 40,
    erm_steps: int = 120,
    curve: Sequence[tuple[int, Mapping[str, float]]] | None = None,
    metric: str = "accuracy",
    examples: int = 100,
    **changes: Any,
) -> dict[str, Any]:
    """One entry of ``runs`` in a ``results.json``.

    Args:
        method: The method.
        seed: The seed.
        score: On the set ``test``, and on ``dev`` where the curve does not say.
        ood: On out-of-distribution test sets.
        parts: Operations of reference, main model and scoring.
        erm: Those of ERM.
        seconds: The ratio of seconds to ERM's over that of operations.
        steps: Of the main model.
        erm_steps: Of ERM.
        curve: Steps and scores by development set; the last are those of the weights kept.
        metric: The metric that the scores are of; the other one is lower.
        examples: Training examples.
        changes: Entries to put in the place of these.
    """

    def scored(value: float) -> dict[str, float]:
        other = {"accuracy": "macro_f1", "macro_f1": "accuracy"}[metric]
        return {metric: value, other: value - 0.02, "examples": 120.0}

    curve = curve or [(steps, {"dev": score})]
    costs = dict(zip(("reference", "main", "evaluation"), parts or PARTS[method], strict=True))
    costs["total"] = sum(costs.values())
    known = METHODS[method]
    return (
        {
            "method": method,
            "seed": seed,
            "seeds": {"head_weights": seed},
            "reference": "small" if known.needs in ("reference", "ftft") else None,
            "main": "large",
            "strategy": None
            if not known.selects
            else "random"
            if "random" in method
            else "ambiguous",
            "fraction": 0.33 if known.selects else 1.0,
            "selected": round(0.33 * examples) if known.selects else examples,
            "preflight": None,
            "steps": {"reference": 0, "main": steps, "kept": curve[-1][0], "erm": erm_steps},
            "precision": {
                "reference": "bf16" if "reference" in known.stages else None,
                "main": "bf16",
            },
            "environment": environment(),
            "cost": {
                "flops": costs,
                "tokens": costs,
                "seconds": costs,
                "relative_to_erm": {
                    "flops": costs["total"] / erm,
                    "seconds": costs["total"] / erm * seconds,
                },
                "erm_estimated": False,
                "peak_memory_bytes": 1,
                "overhead_seconds": 0.0,
                "preparation_seconds": 0.0,
            },
            "scores": {
                "dev": {name: scored(value) for name, value in curve[-1][1].items()},
                "test": {"test": scored(score)}
                | {name: scored(value) for name, value in (ood or {}).items()},
            },
            "slices": {},
            "history": [
                {"step": step, "watched": next(iter(scores.values()))}
                | {f"{name}_{key}": x for name, y in scores.items() for key, x in scored(y).items()}
                for step, scores in curve
            ],
        }
        | ({"reference": "large"} if method == "dm" else {})
        | changes
    )


def values_of(
    records: Sequence[Mapping[str, Any]],
    *,
    name: str = "tiny",
    metric: str = "accuracy",
    examples: int = 100,
    sets: Sequence[str] = ("far",),
    dev_ood: Sequence[str] = (),
    classes: Sequence[str] = ("no", "yes"),
) -> dict[str, Any]:
    """The content of a ``results.json`` with these runs and out-of-distribution sets."""
    return {
        "schema": 1,
        "experiment": name,
        "metric": metric,
        "data": {
            "fingerprint": "0" * 32,
            "train_examples": examples,
            "holdout_seed": None,
            "classes": list(classes),
            "sets": {
                "dev": {"dev": 200},
                "dev_ood": dict.fromkeys(dev_ood, 50),
                "test": {"test": 400},
                "test_ood": dict.fromkeys(sets, 300),
            },
        },
        "environment": environment(),
        "runs": list(records),
    }


def environment() -> dict[str, Any]:
    """Of no machine in particular."""
    return {
        "python": "3.11.7",
        "platform": "Linux",
        "processor": "a processor",
        "cpu_count": 2,
        "threads": 2,
        "device": "cpu",
        "processes": 1,
        "packages": {"ftft": "0.1.0", "torch": "2.13.0", "datasets": None},
    }


def result(
    method: str = "ftft",
    seed: int = 0,
    *,
    ood: float | None = 0.7,
    curve: Sequence[tuple[int, float]] = ((10, 0.5),),
    final: float = 0.5,
    flops: tuple[float, float, float] = (0.0, 90.0, 10.0),
    steps: int = 10,
    erm_steps: int = 40,
    **more: Any,
) -> RunResult:
    """One run of the experiment ``task``, of which ERM costs 100; ``more`` are its attributes."""
    far = {} if ood is None else {"far": ood}
    entry = record(
        method,
        seed,
        ood=far,
        parts=flops,
        erm=100.0,
        seconds=0.5,
        steps=steps,
        erm_steps=erm_steps,
        curve=[(step, {"dev": value}) for step, value in curve],
    )
    entry["scores"]["dev"]["dev"]["accuracy"] = final
    found = run_result(values_of([], name="task", sets=list(far)), entry, Path("runs/task"))
    baseline = {"reference": None} if method not in ("ftft",) else {}
    return replace(found, **({"selected": 33} | baseline | more))


def results(
    runs: Sequence[RunResult], folder: Path = Path("run"), sets: Sequence[str] = ("far",)
) -> Results:
    """Results of such runs."""
    return replace(results_of(values_of([], name="task", sets=sets), folder), runs=tuple(runs))


@dataclass(frozen=True)
class Made:
    """What a generated run is like.

    Attributes:
        examples: Training examples.
        seeds: Its seeds.
        methods: Its methods.
        epochs: Recording points.
        sets: Out-of-distribution test sets; there is a development set beside them.
        gains: FTFT's score less ERM's, out of distribution, by seed.
        words: Words of a text.
        marks: Texts that stand in the first examples.
        ids: Ids of the first examples.
        name: Name of the experiment.
        sources: Values of the slice column.
        classes: Class names.
    """

    examples: int = 600
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    methods: tuple[str, ...] = ("erm", "random", "ftft")
    epochs: int = 5
    sets: tuple[str, ...] = ("anli", "hans")
    gains: tuple[float, ...] = (0.02, 0.03, 0.025, 0.028)
    words: int = 14
    marks: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    name: str = "made"
    sources: tuple[str, ...] = field(default=SOURCES)
    classes: tuple[str, ...] = CLASSES


def made_values(made: Made, **changes: Any) -> dict[str, Any]:
    """The content of ``results.json``; ``changes`` to its records are those of :func:`record`."""
    records = [
        made_record(made, method, place, **changes)
        for method in made.methods
        for place in range(len(made.seeds))
    ]
    return values_of(
        records,
        name=made.name,
        examples=made.examples,
        sets=made.sets,
        dev_ood=("dev_ood",) if made.sets else (),
        classes=made.classes,
    )


def made_record(made: Made, method: str, place: int = 0, **changes: Any) -> dict[str, Any]:
    """One method with the seed at one place: each has scores and costs a little of its own."""
    gain = GAINS.get(method, made.gains[place % len(made.gains)])
    inside = 0.85 + 0.004 * place + (-0.01 if METHODS[method].selects else 0)
    far = 0.60 + 0.01 * place + gain
    shifts = np.linspace(-0.1, 0.1, len(made.sets)) if len(made.sets) > 1 else [0.0]
    ood = {name: float(far + shift) for name, shift in zip(made.sets, shifts, strict=False)}
    steps = STEPS.get(method, 40)

    def development(at: float) -> dict[str, float]:
        away = 0.2 * 0.1**at
        return {"dev": inside - away} | ({"dev_ood": far - away} if made.sets else {})

    scale = 1.0 if method == "erm" else 1 + 0.01 * place
    reference, main, evaluation = (scale * part for part in PARTS[method])
    entry = record(
        method,
        made.seeds[place],
        score=inside,
        ood=ood,
        parts=(reference, main, evaluation),
        steps=steps,
        curve=[(step, development(step / steps)) for step in range(10, steps + 1, 10)],
        examples=made.examples,
    )
    entry["cost"]["erm_estimated"] = "erm" not in made.methods
    entry["preflight"] = judged() if method == "ftft" else None
    if "hans" in ood:
        heuristics = {"lexical overlap": -0.2, "subsequence": 0.0, "constituent": 0.15}
        test = entry["scores"]["test"]["hans"]
        parts = {name: test | {"accuracy": far + shift} for name, shift in heuristics.items()}
        entry["slices"] = {"hans": {"heuristic": parts}}
    return entry | changes


def judged() -> dict[str, Any]:
    """A preflight verdict."""
    finding = {"verdict": "doubtful", "reason": "of <b>it</b> little", "advice": "record more"}
    good = {"verdict": "good", "reason": "it predicts 93% right", "advice": "train it longer"}
    return {
        "verdict": "doubtful",
        "findings": [finding, good],
        "signals": {
            "examples": 600,
            "points": 5,
            "fraction": 0.33,
            "majority": 0.4,
            "train_accuracy": 0.93,
            "easy": 0.5,
            "ambiguous_and_hard": 0.6,
            "chance": 0.33,
            "hard_learnt": 0.3,
            "hard_right": 0.7,
            "steady": None,
        },
        "dev": {"accuracy": 0.85, "majority": 0.4, "expected": None},
        "reasons": ["of it little"],
        "advice": ["record more"],
    }


def make_run(folder: Path, *, maps: bool = True, **given: Any) -> Results:
    """Write ``results.json``, maps and selections of a small run, and read them.

    Args:
        folder: The folder.
        maps: Whether it has maps and selections.
        given: Attributes of :class:`Made`, and changes to its records.
    """
    own = {one.name for one in fields(Made)}
    small = {"name": "tiny", "examples": 300, "seeds": (0, 1, 2), "sets": ("ood1", "ood2")}
    made = Made(**small | {key: value for key, value in given.items() if key in own})
    changes = {key: value for key, value in given.items() if key not in own}
    folder.mkdir(parents=True)
    write_values(folder, made_values(made, **changes))
    for seed in made.seeds if maps else ():
        drawn = make_map(seed)
        drawn.write(folder / "map" / f"seed-{seed}" / "map.parquet")
        chosen = folder / "selection" / f"seed-{seed}" / "selection.parquet"
        select(drawn, "ambiguous", 0.33).write(chosen)
    return read_run(folder)


def write_values(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write ``results.json``."""
    (folder / "results.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def make_map(seed: int = 0, **given: Any) -> DataMap:
    """A map of 300 examples with the labels ``no`` and ``yes``, or as :class:`Made` has it."""
    return datamap(Made(**{"examples": 300, "classes": ("no", "yes")} | given), seed)[1]


def example_ids(made: Made) -> list[str]:
    """The ids: those given first, then numbers."""
    return [*made.ids, *(f"ex-{n}" for n in range(len(made.ids), made.examples))]


def gold(made: Made) -> np.ndarray:
    """The labels, the first of them the most frequent."""
    weights = np.linspace(0.4, 0.25, len(made.classes))
    chance = np.random.default_rng(5)
    return chance.choice(len(made.classes), size=made.examples, p=weights / weights.sum())


def texts(made: Made) -> list[tuple[str, str]]:
    """Premise and hypothesis of every example."""
    chance = np.random.default_rng(7)
    words = np.array(WORDS)
    lengths = chance.integers(4, 2 * made.words - 4, size=(made.examples, 2))
    drawn = chance.integers(len(words), size=int(lengths.sum()))
    found, at = [], 0
    for one, other in lengths.tolist():
        pair = []
        for length in (one, other // 2 + 2):
            pair.append(" ".join(words[drawn[at : at + length]]))
            at += length
        found.append((pair[0], pair[1]))
        at = min(at, len(drawn) - 4 * made.words)
    for place, text in enumerate(made.marks):
        found[place] = (text, found[place][1])
    return found


def dynamics(made: Made, seed: int = 0) -> TrainingDynamics:
    """Logits of examples that are learned early, late or never."""
    chance = np.random.default_rng(100 + seed)
    labels = gold(made)
    # When an example is learned, how surely, and how much that wavers.
    when = np.random.default_rng(3).exponential(1.2, made.examples)
    when += chance.normal(0, 0.3, made.examples)
    wrong = np.random.default_rng(4).random(made.examples) < 0.06
    logits = np.empty((made.epochs, made.examples, len(made.classes)), np.float32)
    for epoch in range(made.epochs):
        sure = 1.6 * (epoch + 1 - when) * np.where(wrong, -0.5, 1.0)
        sure += chance.normal(0, 0.8, made.examples)
        logits[epoch] = chance.normal(0, 0.35, logits.shape[1:])
        logits[epoch, np.arange(made.examples), labels] += sure
    return TrainingDynamics.from_arrays(logits, labels, example_ids(made), made.classes)


def datamap(made: Made, seed: int) -> tuple[TrainingDynamics, DataMap]:
    """Dynamics and the map of them."""
    recorded = dynamics(made, seed)
    return recorded, DataMap.from_dynamics(recorded, burn_in=0)


EXPERIMENT = """\
# What was asked, with every default spelt out.
name: {name}
data:
  train: {{path: {path}, text: [premise, hypothesis], label: label, id: id, slices: [source],
    drop_empty: false}}
  classes: [entailment, neutral, contradiction]
  dev: {{dev: {{path: {dev}, id: id, slices: []}}}}
reference: {{model: small}}
main: {{model: large}}
"""


def write_run(folder: Path, made: Made) -> Path:
    """Write a run folder, its training data beside it, with a fingerprint that fits."""
    folder.mkdir(parents=True)
    train, dev = (folder.parent / f"{folder.name}-{name}.csv" for name in ("train", "dev"))
    chance = np.random.default_rng(11)
    sources = chance.choice(len(made.sources), size=made.examples)
    drawn = zip(example_ids(made), texts(made), gold(made), sources, strict=True)
    rows = [
        (one, *pair, CLASSES[label], made.sources[source]) for one, pair, label, source in drawn
    ]
    for path, part in ((train, rows), (dev, rows[:100])):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "premise", "hypothesis", "label", "source"])
            writer.writerows(part)
    text = EXPERIMENT.format(name=made.name, path=train, dev=dev)
    (folder / "experiment.yaml").write_text(text, encoding="utf-8")
    values = made_values(made)
    data = load_data(load_experiment(folder / "experiment.yaml").data)
    values["data"]["fingerprint"] = data.fingerprint
    write_values(folder, values)
    recording = [METHODS[method].stages for method in made.methods if METHODS[method].records]
    for seed in made.seeds:
        recorded, drawn = datamap(made, seed)
        for stages in recording:
            at = {role: folder / kind / f"seed-{seed}" for role, kind in stages.items()}
            if not (at["reference"] / "dynamics").exists():
                write_dynamics(at["reference"] / "dynamics", recorded)
            drawn.write(at["map"] / "map.parquet")
            select(drawn, "ambiguous", 0.33).write(at["selection"] / "selection.parquet")
    return folder
