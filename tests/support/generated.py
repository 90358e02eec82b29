"""Runs made up for tests of the report: their results, data maps and texts, of any size."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ftft.cartography.datamap import DataMap
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import write_dynamics
from ftft.selection.strategies import select

CLASSES = ("entailment", "neutral", "contradiction")
SOURCES = ("fiction", "letters", "travel", "talk", "government")
SENTENCES = (
    "the a one some every child teacher doctor neighbour singer judge crowd painter sailor saw",
    "heard left found carried painted described opened behind under beside near old small bright",
    "quiet river market letter garden window station boat and while because although nobody never",
    "often yesterday slowly twice again bridge hill orchard lamp street with without",
)
WORDS = [word for sentence in SENTENCES for word in sentence.split()]
METHODS = ("erm", "random", "ftft")
RELATIVE = {"erm": 1.0, "erm_es": 0.7, "random": 0.27, "dm": 2.0, "ftft": 0.53}
SELECTING = {"random", "dm", "ftft"}
FINGERPRINT = "0" * 32


@dataclass(frozen=True)
class Made:
    """What a generated run is like.

    Attributes:
        examples: Training examples.
        seeds: Its seeds.
        methods: Its methods.
        epochs: Recording points.
        ood: Whether it has out-of-distribution test sets.
        gains: FTFT's score less ERM's, out of distribution, by seed.
        words: Words of a text.
        marks: Texts that stand in the first examples.
    """

    examples: int = 600
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    methods: tuple[str, ...] = METHODS
    epochs: int = 5
    ood: bool = True
    gains: tuple[float, ...] = (0.02, 0.03, 0.025, 0.028)
    words: int = 14
    marks: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    name: str = "made"
    sources: tuple[str, ...] = field(default=SOURCES)


def example_ids(made: Made) -> list[str]:
    """The ids: those given first, then numbers."""
    return [*made.ids, *(f"ex-{n}" for n in range(len(made.ids), made.examples))]


def gold(made: Made) -> np.ndarray:
    """The labels."""
    return np.random.default_rng(5).choice(3, size=made.examples, p=[0.4, 0.35, 0.25])


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


def dynamics(made: Made, seed: int) -> TrainingDynamics:
    """Logits of examples that are learnt early, late or never."""
    chance = np.random.default_rng(100 + seed)
    labels = gold(made)
    # When an example is learnt, how surely, and how much that wavers.
    when = np.random.default_rng(3).exponential(1.2, made.examples)
    when += chance.normal(0, 0.3, made.examples)
    wrong = np.random.default_rng(4).random(made.examples) < 0.06
    logits = np.empty((made.epochs, made.examples, 3), np.float32)
    for epoch in range(made.epochs):
        sure = 1.6 * (epoch + 1 - when) * np.where(wrong, -0.5, 1.0)
        sure += chance.normal(0, 0.8, made.examples)
        logits[epoch] = chance.normal(0, 0.35, (made.examples, 3))
        logits[epoch, np.arange(made.examples), labels] += sure
    return TrainingDynamics.from_arrays(logits, labels, example_ids(made), CLASSES)


def datamap(made: Made, seed: int) -> tuple[TrainingDynamics, DataMap]:
    """Dynamics and the map of them."""
    recorded = dynamics(made, seed)
    return recorded, DataMap.from_dynamics(recorded, burn_in=0)


def results(made: Made) -> dict:
    """The content of ``results.json``."""
    sets = {
        "dev": {"dev": 200},
        "dev_ood": {},
        "test": {"test": 400},
        "test_ood": {"anli": 300, "hans": 500} if made.ood else {},
    }
    return {
        "schema": 1,
        "experiment": made.name,
        "metric": "accuracy",
        "data": {
            "fingerprint": FINGERPRINT,
            "train_examples": made.examples,
            "holdout_seed": None,
            "classes": list(CLASSES),
            "sets": sets,
        },
        "environment": environment(),
        "runs": [
            record(made, method, seed, place)
            for method in made.methods
            for place, seed in enumerate(made.seeds)
        ],
    }


def environment() -> dict:
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


def record(made: Made, method: str, seed: int, place: int) -> dict:
    """One method with one seed."""
    base = 0.60 + 0.01 * place
    gain = {"erm": 0.0, "erm_es": -0.005, "random": -0.03, "dm": 0.01}.get(method)
    ood = base + (made.gains[place % len(made.gains)] if gain is None else gain)
    inside = 0.85 + 0.004 * place + (-0.01 if method in SELECTING else 0)
    relative = RELATIVE[method] * (1 + 0.01 * place)
    parts = {"reference": 0.0, "main": relative * 0.96, "evaluation": relative * 0.04}
    if method in ("ftft", "dm"):
        parts = {"reference": relative * 0.46, "main": relative * 0.5} | {
            "evaluation": relative * 0.04
        }
    flops = {name: share * 1e15 for name, share in parts.items()}
    flops["total"] = sum(flops.values())
    scores = {name: metrics(ood + shift) for name, shift in (("anli", -0.1), ("hans", 0.1))}
    steps = 300 if method in SELECTING else 1200
    return {
        "method": method,
        "seed": seed,
        "seeds": {"head_weights": seed},
        "reference": {"ftft": "small", "dm": "large"}.get(method),
        "main": "large",
        "strategy": {"ftft": "ambiguous", "dm": "ambiguous", "random": "random"}.get(method),
        "fraction": 0.33 if method in SELECTING else 1.0,
        "selected": round(0.33 * made.examples) if method in SELECTING else made.examples,
        "preflight": judged() if method == "ftft" else None,
        "steps": {"reference": 0, "main": steps, "kept": steps, "erm": 1200},
        "precision": {"reference": None if parts["reference"] == 0 else "bf16", "main": "bf16"},
        "environment": environment(),
        "cost": {
            "flops": flops,
            "tokens": flops,
            "seconds": {name: value / 1e13 for name, value in flops.items()},
            "relative_to_erm": {"flops": relative, "seconds": relative * 1.04},
            "erm_estimated": "erm" not in made.methods,
            "peak_memory_bytes": 1,
            "overhead_seconds": 0.0,
            "preparation_seconds": 0.0,
        },
        "scores": {
            "dev": {"dev": metrics(inside)},
            "test": {"test": metrics(inside), **(scores if made.ood else {})},
        },
        "slices": {
            "hans": {
                "heuristic": {
                    "lexical overlap": metrics(ood - 0.2),
                    "subsequence": metrics(ood),
                    "constituent": metrics(ood + 0.15),
                }
            }
        }
        if made.ood
        else {},
        "history": [
            {
                "step": steps * k // 4,
                "dev_accuracy": inside - 0.2 * 0.4**k,
                "dev_macro_f1": 0.5,
                "watched": 0.5,
            }
            for k in range(1, 5)
        ],
    }


def metrics(value: float) -> dict:
    return {"accuracy": value, "macro_f1": value - 0.02, "examples": 120.0}


def judged() -> dict:
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


EXPERIMENT = """\
# What was asked, with every default spelt out.
name: {name}
data:
  train: {{path: {path}, text: [premise, hypothesis], label: label, id: id, slices: [source],
    drop_empty: false}}
  classes: [entailment, neutral, contradiction]
  dev: {{dev: {{path: {path}, id: id, slices: []}}}}
reference: {{model: small}}
main: {{model: large}}
"""


def write_run(folder: Path, made: Made) -> Path:
    """Write a run folder, its training data beside it, with a fingerprint that fits."""
    from ftft.config.load import load_experiment
    from ftft.data.load import load_data

    folder.mkdir(parents=True)
    train = folder.parent / f"{folder.name}-train.csv"
    with train.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "premise", "hypothesis", "label", "source"])
        chance = np.random.default_rng(11)
        sources = chance.choice(len(made.sources), size=made.examples)
        rows = zip(example_ids(made), texts(made), gold(made), sources, strict=True)
        for example_id, pair, label, source in rows:
            writer.writerow([example_id, *pair, CLASSES[label], made.sources[source]])
    text = EXPERIMENT.format(name=made.name, path=train)
    (folder / "experiment.yaml").write_text(text, encoding="utf-8")
    values = results(made)
    data = load_data(load_experiment(folder / "experiment.yaml").data)
    values["data"]["fingerprint"] = data.fingerprint
    (folder / "results.json").write_text(json.dumps(values), encoding="utf-8")
    for seed in made.seeds:
        recorded, drawn = datamap(made, seed)
        for method, names in (("ftft", ("reference", "map", "selection")), ("dm", DM)):
            if method in made.methods:
                at = f"seed-{seed}"
                dynamics_at = folder / names[0] / at / "dynamics"
                if not dynamics_at.exists():
                    write_dynamics(dynamics_at, recorded)
                drawn.write(folder / names[1] / at / "map.parquet")
                select(drawn, "ambiguous", 0.33).write(folder / names[2] / at / "selection.parquet")
    return folder


DM = ("erm", "dm-map", "dm-selection")


# What must never come alive in a page.
EVIL = (
    "<script>window.hit = 1</script> & </script> <!--",
    '<img src=x onerror="window.hit = 2"> \'"` \u2028 \u2029 ${1}',
)
ODD_IDS = ("=HYPERLINK(1)", '@risky,"quoted"', "-5", "</script>id")
