"""What one method did with one seed, and what of it goes into ``results.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftft.evaluation.metrics import SetScores
from ftft.training.cost import Amount, TrainingCost
from ftft.training.finetune import FineTuned
from ftft.workspace.workspace import Stage


@dataclass(frozen=True)
class MethodRun:
    """One method with one seed.

    Attributes:
        method: Its key in :data:`ftft.config.methods.METHODS`.
        seed: The seed.
        trained: The stage that trained the main model.
        main: The training of the main model.
        main_model: Its name.
        reference: The training that gave the dynamics; None where there was none. For DM it is
            ERM's training.
        reference_model: Name of the reference; None where there was none.
        strategy: Selection strategy; None where everything was trained on.
        fraction: Share selected; 1 where everything was trained on.
        selected: Examples trained on.
        preflight: The verdict on the reference, with reasons and signals; None where there was
            none.
        map: Which recording points the map was drawn from; None where there is no map.
        budget: The main model's budget, where a study varies it.
        selection: Name of the selection, where a study varies it; empty otherwise.
    """

    method: str
    seed: int
    trained: Stage
    main: FineTuned
    main_model: str
    reference: FineTuned | None
    reference_model: str | None
    strategy: str | None
    fraction: float
    selected: int
    preflight: Mapping[str, Any] | None = None
    map: Mapping[str, Any] | None = None
    budget: float | None = None
    selection: str = ""

    @property
    def flops(self) -> float:
        """All operations that it took: reference, main model and scoring of development sets."""
        trainings = [self.main] if self.reference is None else [self.reference, self.main]
        return sum(one.cost.total.flops for one in trainings)


@dataclass(frozen=True)
class ErmCost:
    """What ERM costs on the full data for its full number of steps.

    Attributes:
        steps: Its steps.
        cost: Its cost; ``cost.estimated`` where ERM was not run.
    """

    steps: int
    cost: TrainingCost


def cost_record(run: MethodRun, erm: ErmCost) -> dict[str, Any]:
    """The cost of one run, its parts apart, and as a ratio to ERM's.

    ``evaluation`` is the scoring of development sets (and recording passes) in both trainings;
    the final scoring of the test sets is the same for every method and is left out.

    Args:
        run: The run.
        erm: ERM's cost with the same seed.

    Returns:
        ``flops``, ``tokens`` and ``seconds``, each with ``reference``, ``main``,
        ``evaluation`` and ``total``, and ``relative_to_erm``: total over ERM's total (below 1 is
        cheaper than ERM).
    """
    nothing = Amount()
    reference = nothing if run.reference is None else run.reference.cost.training
    evaluation = run.main.cost.evaluation + (
        nothing if run.reference is None else run.reference.cost.evaluation
    )
    parts = {"reference": reference, "main": run.main.cost.training, "evaluation": evaluation}
    total = reference + run.main.cost.training + evaluation
    record: dict[str, Any] = {
        unit: {name: getattr(amount, unit) for name, amount in {**parts, "total": total}.items()}
        for unit in ("flops", "tokens", "seconds")
    }
    record["relative_to_erm"] = {
        unit: getattr(total, unit) / getattr(erm.cost.total, unit) for unit in ("flops", "seconds")
    }
    record["erm_estimated"] = erm.cost.estimated
    record["peak_memory_bytes"] = run.main.cost.peak_memory_bytes
    trainings = [one.cost for one in (run.reference, run.main) if one is not None]
    for name in ("overhead_seconds", "preparation_seconds"):
        record[name] = sum(getattr(cost, name) for cost in trainings)
    return record


def seeds_used(run: MethodRun) -> dict[str, int]:
    """Every random choice of a run, by what it decides, with its seed."""
    seeds = dict.fromkeys(("head_weights", "data_order", "dropout"), run.seed)
    if run.strategy is not None:
        seeds["selection"] = run.seed
    return seeds


def run_record(run: MethodRun, erm: ErmCost, test: dict[str, SetScores]) -> dict[str, Any]:
    """One entry of ``results.json``'s ``runs``."""
    return {
        "method": run.method,
        "seed": run.seed,
        "seeds": seeds_used(run),
        "reference": run.reference_model,
        "main": run.main_model,
        "strategy": run.strategy,
        "fraction": run.fraction,
        "selected": run.selected,
        "budget": run.budget,
        "selection": run.selection,
        "map": run.map,
        "preflight": run.preflight,
        "steps": {
            "reference": 0 if run.reference is None else run.reference.steps,
            "main": run.main.steps,
            "kept": run.main.kept_step,
            "erm": erm.steps,
        },
        "precision": {
            "reference": None if run.reference is None else run.reference.precision,
            "main": run.main.precision,
        },
        "environment": run.trained.environment,
        "cost": cost_record(run, erm),
        "scores": {
            "dev": run.main.dev_scores,
            "test": {name: scores.metrics for name, scores in test.items()},
        },
        "slices": {name: scores.slices for name, scores in test.items() if scores.slices},
        "history": run.main.history,
    }
