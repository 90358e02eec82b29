"""What goes into ``results.json``: from plain values to the content of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftft.cartography.left_out import LeftOut
from ftft.config.methods import place_of
from ftft.evaluation.metrics import SetScores
from ftft.evaluation.training import Amount, Training, TrainingCost
from ftft.results.jobs import most_jobs
from ftft.results.read import RESULTS_SCHEMA, Results, results_of
from ftft.results.run import Cell
from ftft.utils import distributed
from ftft.utils.environment import environment
from ftft.workspace.layout import RESULTS_NAME
from ftft.workspace.stage_record import write_json


@dataclass(frozen=True)
class MethodRun:
    """One method with one seed.

    Attributes:
        cell: What it is.
        seed: The seed.
        environment: Where and with what versions the main model was trained.
        main: The training of the main model.
        reference: The training that gave the dynamics; None where there was none. For DM it is
            ERM's training.
        selected: Examples trained on.
        preflight: The verdict on the reference, with reasons and signals; None where there was
            none.
        map: Which recording points the map was drawn from; None where there is no map.
        most_steps: Steps that the main model might take at most; None where it is not known.
        patience: Scorings without improvement after which it stops; None: it never does.
        lengths: Tokens of the ``selected`` examples and of ``all``: ``mean``, ``lower`` quartile,
            ``median`` and ``upper`` quartile; None where they are not known.
        left_out: Labels that the selection all but leaves out.
    """

    cell: Cell
    seed: int
    environment: Mapping[str, Any]
    main: Training
    reference: Training | None
    selected: int
    preflight: Mapping[str, Any] | None = None
    map: Mapping[str, Any] | None = None
    lengths: Mapping[str, Any] | None = None
    left_out: Sequence[LeftOut] = ()
    most_steps: int | None = None
    patience: int | None = None

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
        cheaper than ERM); where there is a reference also ``reference_alone``, its total over
        ERM's.
    """
    trainings = [one.cost for one in (run.reference, run.main) if one is not None]
    parts = {
        "reference": Amount() if run.reference is None else run.reference.cost.training,
        "main": run.main.cost.training,
        "evaluation": sum((cost.evaluation for cost in trainings), Amount()),
    }
    total = sum(parts.values(), Amount())
    record: dict[str, Any] = {
        unit: {name: getattr(amount, unit) for name, amount in {**parts, "total": total}.items()}
        for unit in ("flops", "tokens", "seconds")
    }
    record["relative_to_erm"] = {
        unit: getattr(total, unit) / getattr(erm.cost.total, unit) for unit in ("flops", "seconds")
    }
    record["erm_estimated"] = erm.cost.estimated
    record["peak_memory_bytes"] = run.main.cost.peak_memory_bytes
    for name in ("overhead_seconds", "preparation_seconds"):
        record[name] = sum(getattr(cost, name) for cost in trainings)
    if run.reference is not None:
        alone = run.reference.cost.total
        record["reference_alone"] = {
            unit: getattr(alone, unit) / getattr(erm.cost.total, unit)
            for unit in ("flops", "seconds")
        }
    return record


def run_record(run: MethodRun, erm: ErmCost, test: dict[str, SetScores]) -> dict[str, Any]:
    """One entry of ``results.json``'s ``runs``."""
    cell = run.cell
    # Every random choice of a run, by what it decides.
    chosen = ("head_weights", "data_order", "dropout", *(("selection",) if cell.strategy else ()))
    return {
        "method": cell.method,
        "seed": run.seed,
        "seeds": dict.fromkeys(chosen, run.seed),
        "reference": cell.reference,
        "main": cell.main,
        "strategy": cell.strategy,
        "fraction": cell.fraction,
        "selected": run.selected,
        "lengths": run.lengths,
        "labels_left_out": [asdict(one) for one in run.left_out],
        "budget": cell.budget,
        "selection": cell.selection,
        "map": run.map,
        "preflight": run.preflight,
        "steps": {
            "reference": 0 if run.reference is None else run.reference.steps,
            "main": run.main.steps,
            "kept": run.main.kept_step,
            "erm": erm.steps,
            "most": run.main.steps if run.most_steps is None else run.most_steps,
            "patience": run.patience,
        },
        "precision": {
            "reference": None if run.reference is None else run.reference.precision,
            "main": run.main.precision,
        },
        "parameters": {
            "reference": None if run.reference is None else _parameters(run.reference),
            "main": _parameters(run.main),
        },
        "environment": run.environment,
        "cost": cost_record(run, erm),
        "scores": {
            "dev": run.main.dev_scores,
            "reference_dev": {} if run.reference is None else run.reference.dev_scores,
            "test": {name: scores.metrics for name, scores in test.items()},
        },
        "slices": {name: scores.slices for name, scores in test.items() if scores.slices},
        "history": run.main.history,
    }


def _parameters(training: Training) -> dict[str, int] | None:
    """How many numbers were trained of how many; None where the record of a stage is older."""
    if not training.parameters:
        return None
    return {"trained": training.trained_parameters, "all": training.parameters}


def collect(
    folder: Path,
    name: str,
    metric: str,
    data: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
) -> Results:
    """Put together and write ``results.json``.

    Args:
        folder: The run folder.
        name: Name of the experiment.
        metric: The metric that was asked for.
        data: What the file says of the data: ``fingerprint``, ``train_examples``,
            ``holdout_seed``, ``classes``, ``sets`` (role to set name to size) and ``floors`` (set
            name to the accuracy that needs no learning).
        records: All runs, from :func:`run_record`.

    Returns:
        The results.
    """
    jobs = (one["environment"].get("jobs", 1) for one in records)
    values = {
        "schema": RESULTS_SCHEMA,
        "experiment": name,
        "metric": metric,
        "data": dict(data),
        # Each was trained in an environment that knew how many ran beside it; this process may not.
        "environment": environment() | {"jobs": most_jobs(jobs)},
        "runs": sorted(records, key=lambda one: (place_of(one["method"]), one["seed"])),
    }
    if distributed.is_first():
        write_json(folder / RESULTS_NAME, values)
    return results_of(values, folder)
