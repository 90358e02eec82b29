"""Do a warm-up before the selection, or copies of the selected, pay at equal cost?

    python benchmarks/remedies.py runs/remedies --seeds 8 9 10 11

Each seed generates the demo's data and trains FTFT, a random third and ERM at FTFT's cost with that
seed; then, with the same steps as their rivals:

easy, then ambiguous     a quarter of FTFT's steps on the easiest third, the rest on its selection
random, then ambiguous   the same, the quarter on the random third
copies                   the steps of ERM at FTFT's cost on all the data and each selected example
                         once more

A warm-up is a training of its own. The next starts from its weights and goes down from the learning
rate that it ended with, without a rise; its AdamW starts anew. What is finished is not run again.
The published figures (docs/results.md) are of the demo's data before today's, sentence pairs.
Prints the scores and the differences paired by seed.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ftft.cartography.datamap import DataMap
from ftft.config.load import load_experiment
from ftft.config.schema import Experiment
from ftft.demo.prepare import prepare_demo
from ftft.evaluation.training import Training
from ftft.experiment.pipeline import opened, run
from ftft.experiment.scoring import score_tests
from ftft.experiment.trainings import train_erm, train_main_on
from ftft.results import formatting
from ftft.results.intervals import Interval, paired
from ftft.results.read import read_run
from ftft.results.run import RunResult
from ftft.selection import select
from ftft.selection.selection import Selection
from ftft.training.arguments import main_plan
from ftft.workspace.stage import Stage

WARM_UP = 0.25
FTFT, RANDOM, ERM = "FTFT", "random third", "ERM at FTFT's cost"
EASY_FIRST, RANDOM_FIRST = "easy, then ambiguous", "random, then ambiguous"
COPIES = "all, ambiguous twice"
RIVALS = {
    FTFT: (RANDOM, ERM),
    EASY_FIRST: (FTFT, RANDOM),
    RANDOM_FIRST: (FTFT, RANDOM),
    COPIES: (ERM, FTFT, RANDOM),
}


@dataclass(frozen=True)
class Outcome:
    """One training with one seed: test scores in [0, 1], steps, and FLOPs over ERM's."""

    id: float
    ood: float
    steps: int
    flops: float


class Seed:
    """The demo with one seed of data and training."""

    def __init__(self, folder: Path, seed: int, overrides: list[str]) -> None:
        self.place, self.seed = folder.absolute() / f"seed-{seed}", seed
        self.file = prepare_demo(self.place, seed=seed)
        self.overrides = [*overrides, f"seeds=[{seed}]", "baselines=[erm_budget, random]"]
        self.experiment = load_experiment(self.file, self.overrides)
        self.done = self.place / self.experiment.name

    def outcomes(self) -> dict[str, Outcome]:
        """Train what is not trained yet."""
        run(self.experiment, str(self.done))
        runs = {one.method: one for one in read_run(self.done).runs}
        found = {
            title: Outcome(one.id_score, one.score, one.record["steps"]["main"], one.flops)
            for title, one in (
                (FTFT, runs["ftft"]),
                (RANDOM, runs["random"]),
                (ERM, runs["erm_budget"]),
            )
        }
        selected = self._selection("selection")
        easy, random = self._easiest(), self._selection("random-selection")
        found[EASY_FIRST] = self._warmed_up("easy", easy, selected, runs["ftft"])
        found[RANDOM_FIRST] = self._warmed_up("random", random, selected, runs["ftft"])
        found[COPIES] = self._with_copies(selected, runs["ftft"], found[ERM].steps)
        return found

    def _selection(self, kind: str) -> Selection:
        return Selection.read(self.done / kind / f"seed-{self.seed}" / "selection.parquet")

    def _easiest(self) -> Selection:
        datamap = DataMap.read(self.done / "map" / f"seed-{self.seed}" / "map.parquet")
        like = self.experiment.selection
        ways = {"keep_label_proportions": like.keep_label_proportions}
        return select(datamap, "easy-to-learn", like.fraction, seed=self.seed, **ways)

    def _warmed_up(
        self, name: str, before: Selection, selected: Selection, rival: RunResult
    ) -> Outcome:
        main, examples = self.experiment.main, before.total
        plan = main_plan(main, examples, budget=main.budget, patience=None, seed=self.seed)
        first = round(WARM_UP * plan.steps)
        assert plan.horizon == plan.steps, "the demo's rate reaches zero with its budget"
        per_epoch = -(-examples // main.batch_size)
        # As a first part of FTFT's training: the horizon is that of the whole budget.
        begun = self._changed(
            f"main.epochs={plan.steps / per_epoch}",
            f"main.budget={first / plan.steps}",
            "main.horizon=erm",
            f"main.evaluate_every={plan.evaluate_every}",
        )
        warm = self._train(f"{name}-first", begun, before, first)
        rise = plan.horizon * main.warmup
        rate = main.learning_rate * min(1.0, (plan.horizon - first) / (plan.horizon - rise))
        rest = plan.steps - first
        ended = self._changed(
            f"main.model={warm.folder / 'model'}",
            "main.head=keep",
            f"main.learning_rate={rate}",
            "main.warmup=0",
            f"main.epochs={rest / per_epoch}",
            "main.budget=1",
            f"main.evaluate_every={plan.evaluate_every}",
        )
        whole = self._train(f"{name}-then", ended, selected, rest)
        return self._outcome(f"{name}-then", ended, whole, rival, before=warm.result)

    def _with_copies(self, selected: Selection, rival: RunResult, steps: int) -> Outcome:
        place = self.place / "data" / "train-with-copies.csv"
        examples = write_copies(self.place / "data" / "train.csv", place, selected)
        main = self.experiment.main
        every = main_plan(main, selected.total, budget=1, patience=None, seed=self.seed)
        changed = self._changed(
            f"data.train.path={place}",
            f"main.epochs={steps / -(-examples // main.batch_size)}",
            f"main.evaluate_every={every.evaluate_every}",
        )
        trained = self._train("copies", changed, None, steps)
        return self._outcome("copies", changed, trained, rival)

    def _changed(self, *changes: str) -> Experiment:
        return load_experiment(self.file, [*self.overrides, *changes])

    def _train(
        self, name: str, experiment: Experiment, selection: Selection | None, steps: int
    ) -> Stage[Training]:
        with opened(experiment, str(self.place / name)) as stages:
            if selection is None:
                trained = train_erm(stages, self.seed)
            else:
                trained = train_main_on(stages, selection, self.seed)
        assert trained.result.steps == steps, f"{name}: {trained.result.steps} steps, not {steps}"
        return trained

    def _outcome(
        self,
        name: str,
        experiment: Experiment,
        trained: Stage[Training],
        rival: RunResult,
        *,
        before: Training | None = None,
    ) -> Outcome:
        with opened(experiment, str(self.place / name)) as stages:
            scores = score_tests(stages, "remedy", trained, self.seed)
        metric, parts = experiment.metric, [trained.result, *([before] if before else [])]
        cost = rival.record["cost"]
        # All of them need FTFT's map.
        flops = sum(part.cost.total.flops for part in parts) + cost["flops"]["reference"]
        erm = cost["flops"]["total"] / cost["relative_to_erm"]["flops"]
        return Outcome(
            id=scores["test_id"].metrics[metric],
            ood=scores["test_ood"].metrics[metric],
            steps=sum(part.steps for part in parts),
            flops=flops / erm,
        )


def write_copies(source: Path, target: Path, selected: Selection) -> int:
    """Write a training file with one more copy of each selected example; how many it holds."""
    with source.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    chosen = set(selected.example_ids.to_pylist())
    copies = [row | {"id": f"{row['id']}-again"} for row in rows if row["id"] in chosen]
    assert len(copies) == len(selected), "all of them are in the data"
    with target.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, *copies])
    return len(rows) + len(copies)


def show(found: Mapping[int, Mapping[str, Outcome]]) -> None:
    """Print the scores of all seeds, and the differences."""
    seeds = sorted(found)
    print("\n| method |", *(f"seed {seed} |" for seed in seeds), "OOD | ID | steps | FLOPs / ERM |")
    print("|---|" + "--:|" * (len(seeds) + 4))
    ood: dict[str, dict[int, float]] = {}
    for title in found[seeds[0]]:
        of_seeds = [found[seed][title] for seed in seeds]
        ood[title] = {seed: found[seed][title].ood for seed in seeds}
        mean, id_mean = (Interval.of([getattr(one, n) for one in of_seeds]) for n in ("ood", "id"))
        flops = Interval.of([one.flops for one in of_seeds]).mean
        counts = {one.steps for one in of_seeds}
        steps = "–".join(str(count) for count in sorted({min(counts), max(counts)}))
        cells = [formatting.score(one.ood) for one in of_seeds]
        cells += [formatting.spread(mean), formatting.spread(id_mean), steps]
        print(f"| {title} |", *(f"{cell} |" for cell in cells), f"{formatting.ratio(flops)} |")
    print("\n| OOD, paired by seed | difference | p | higher in |\n|---|--:|--:|--:|")
    for title, rivals in RIVALS.items():
        for rival in rivals:
            one = paired(ood[title], ood[rival])
            assert one is not None, "they have all seeds"
            wins, p_value = f"{one.wins} of {len(seeds)}", formatting.p_value(one)
            print(f"| {title}, less {rival} | {formatting.difference(one)} | {p_value} | {wins} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[8, 9, 10, 11])
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    found: dict[int, dict[str, Outcome]] = {}
    for seed in given.seeds:
        found[seed] = Seed(given.folder, seed, given.overrides).outcomes()
        show(found)


if __name__ == "__main__":
    main()
