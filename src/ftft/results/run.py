"""One method with one seed, as a ``results.json`` has it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ftft.config.study import PLACES
from ftft.results.floor import dev_floor


@dataclass(frozen=True)
class Cell:
    """What distinguishes one row of a comparison from another; all but the seed.

    Attributes:
        experiment: Name of the experiment.
        method: Its key in :data:`ftft.config.methods.METHODS`.
        reference: Name of the reference; of a baseline at FTFT's cost, that whose FTFT it costs as
            much as. None where there is none.
        main: Name of the main model.
        strategy: Selection strategy; None where everything was trained on.
        fraction: Share selected.
        budget: The main model's budget, where a study varies it.
        selection: Name of the selection, where a study varies it; empty otherwise.
        folder: Name of the run folder, where only that distinguishes it; empty otherwise.
    """

    experiment: str
    method: str
    reference: str | None
    main: str
    strategy: str | None
    fraction: float
    budget: float | None = None
    selection: str = ""
    folder: str = ""

    @property
    def variant(self) -> str:
        """What distinguishes it beside models, strategy and fraction; mostly nothing."""
        budget = "" if self.budget is None else f"budget {self.budget:{PLACES}}"
        return ", ".join(part for part in (self.selection, budget, self.folder) if part)


@dataclass(frozen=True)
class Scoring:
    """Development sets scored in the middle of a training.

    Attributes:
        step: Steps of the main model by then.
        cost: What was spent by then over all that ERM costs, the reference counted in. From there
            to the end, steps with the scorings between them are taken to cost the same.
        score: The mean over the sets, in [0, 1].
        kept: Whether the weights of this step were kept.
    """

    step: int
    cost: float
    score: float
    kept: bool


@dataclass(frozen=True)
class Alone:
    """The reference of a run, without what came of it.

    Attributes:
        score: On in-distribution development sets, the mean over them, in [0, 1]; it is scored on
            no other.
        flops: Its cost over ERM's, in operations.
        seconds: The same in seconds.
    """

    score: float
    flops: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunResult(Cell):
    """One method with one seed: a cell's figures.

    Attributes:
        place: The run folder.
        seed: The seed.
        selected: Examples trained on.
        id_score: In-distribution score, the mean over its sets, in [0, 1]; higher is better.
        ood_score: Mean over the out-of-distribution sets; None where there are none.
        ood_scores: Score on each of them.
        flops: Total cost (reference, main model, evaluation) over ERM's, in operations; below 1
            is cheaper.
        seconds: The same in seconds.
        estimated: Whether ERM's cost was computed, ERM not having been run.
        record: The whole record of the run, as in ``results.json``.
        curve: Steps of the main model and its development score at each scoring, oldest first:
            the mean over the out-of-distribution development sets, where there are none over
            the in-distribution ones.
        final: That score of the weights that were kept.
        jobs: How many trainings shared the machine with this one, itself counted in, at most; None
            where that is not known, as on a cluster.
        floor: What always giving the same answer scores there; None where it is not known.
        alone: Its reference; None where there is none, or a file of an earlier version says nothing
            of it.
    """

    place: Path
    seed: int
    selected: int
    id_score: float
    ood_score: float | None
    ood_scores: Mapping[str, float]
    flops: float
    seconds: float
    estimated: bool
    record: Mapping[str, Any]
    curve: tuple[tuple[int, float], ...] = ()
    final: float | None = None
    floor: float | None = None
    jobs: int | None = 1
    alone: Alone | None = None

    @property
    def learnt(self) -> bool:
        """Whether its development score is more than needs no learning, as far as is known."""
        return self.floor is None or self.final is None or self.final > self.floor

    @property
    def score(self) -> float:
        """Out of distribution, where that is known."""
        return self.id_score if self.ood_score is None else self.ood_score

    def cost_share(self, part: str, unit: str = "flops") -> float:
        """``reference``, ``main`` or ``evaluation``: a part of the cost over ERM's total."""
        cost = self.record["cost"]
        total = cost[unit]["total"]
        return float(cost[unit][part] / total * cost["relative_to_erm"][unit]) if total else 0.0

    def learning(self, sets: Sequence[str], metric: str) -> list[Scoring]:
        """The scores on some development sets all along the training, oldest first."""
        before = self.cost_share("reference")
        a_step = (self.flops - before) / max(1, self.record["steps"]["main"])
        return [
            Scoring(
                step=entry["step"],
                cost=before + a_step * entry["step"],
                score=statistics.fmean(entry[f"{name}_{metric}"] for name in sets),
                kept=entry["step"] == self.record["steps"]["kept"],
            )
            for entry in self.record["history"]
            if all(f"{name}_{metric}" in entry for name in sets)
        ]


def cell_of(run: RunResult) -> Cell:
    """The cell that a run belongs to."""
    return Cell(**{one.name: getattr(run, one.name) for one in fields(Cell)})


def run_result(values: Mapping[str, Any], record: Mapping[str, Any], folder: Path) -> RunResult:
    """One entry of a ``results.json``'s runs, with what the file says of all of them.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: It is not what ``ftft run`` writes.
    """
    sets, metric, scores = values["data"]["sets"], values["metric"], record["scores"]
    role = "test" if sets["test"] else "dev"
    ood = {name: float(scores["test"][name][metric]) for name in sets["test_ood"]}
    relative = record["cost"]["relative_to_erm"]
    dev = tuple(sets["dev_ood"] or sets["dev"])
    return RunResult(
        experiment=values["experiment"],
        place=folder,
        method=record["method"],
        seed=record["seed"],
        reference=record["reference"],
        main=record["main"],
        strategy=record["strategy"],
        fraction=record["fraction"],
        selected=record["selected"],
        id_score=statistics.fmean(float(scores[role][name][metric]) for name in sets[role]),
        ood_score=statistics.fmean(ood.values()) if ood else None,
        ood_scores=ood,
        flops=float(relative["flops"]),
        seconds=float(relative["seconds"]),
        estimated=bool(record["cost"]["erm_estimated"]),
        record=record,
        budget=record.get("budget"),
        selection=str(record.get("selection", "")),
        curve=tuple(
            (int(entry["step"]), statistics.fmean(entry[f"{name}_{metric}"] for name in dev))
            for entry in record["history"]
        ),
        final=statistics.fmean(float(scores["dev"][name][metric]) for name in dev),
        floor=dev_floor(values),
        jobs=record.get("environment", {}).get("jobs", 1),
        alone=_alone(values, record),
    )


def _alone(values: Mapping[str, Any], record: Mapping[str, Any]) -> Alone | None:
    scores, cost = record["scores"].get("reference_dev"), record["cost"].get("reference_alone")
    if not scores or not cost:
        return None
    on_dev = [float(scores[name][values["metric"]]) for name in values["data"]["sets"]["dev"]]
    return Alone(statistics.fmean(on_dev), float(cost["flops"]), float(cost["seconds"]))
