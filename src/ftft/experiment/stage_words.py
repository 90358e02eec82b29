"""What stages say of themselves: lines for the user, and which recording points a map used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftft.cartography.datamap import DataMap
from ftft.data.dataset import LabelledDataset
from ftft.selection.selection import Selection
from ftft.tasks import TASKS
from ftft.training.arguments import Plan
from ftft.transfer.preflight import DevScore
from ftft.utils.plural import counted
from ftft.workspace.stage_record import digest_of


def points_used(datamap: DataMap, recorded: Sequence[int]) -> dict[str, Any]:
    """Which recording points a map was drawn from, as ``results.json`` holds it.

    Args:
        datamap: The map.
        recorded: The complete recording points of the dynamics it was drawn from.
    """
    return {
        "points": list(datamap.epochs),
        "left_out": [epoch for epoch in recorded if epoch not in datamap.epochs],
        "burn_in": datamap.burn_in,
        "in_words": datamap.drawn_from,
    }


def dev_score(result: Mapping[str, Any], dev: Mapping[str, LabelledDataset]) -> DevScore | None:
    """The accuracy of a training on in-distribution development data, all sets together.

    None where the task has no accuracy that needs no learning to compare it with.

    Args:
        result: What the training came to.
        dev: The development sets.
    """
    sets = list(dev.values())
    floor = TASKS[sets[0].task].floor(sets)
    if floor is None:
        return None
    right = sum(len(one) * result["dev_scores"][name]["accuracy"] for name, one in dev.items())
    return DevScore(float(right / sum(map(len, sets))), floor)


def training_in_words(
    result: Mapping[str, Any], plan: Plan, dev: Mapping[str, LabelledDataset], metric: str
) -> Iterator[str]:
    """How a training went, and where it learnt nothing.

    Args:
        result: What the training came to.
        plan: How long it might have run.
        dev: The development sets that it was scored on.
        metric: The metric to show.
    """
    reached = result["dev_scores"]
    scores = ", ".join(f"{name} {values[metric]:.3f}" for name, values in reached.items())
    yield (
        f"  {result['steps']:,} of at most {counted(plan.steps, 'step')}, weights of step "
        f"{result['kept_step']:,}, {result['precision']}; {metric.replace('_', '-')} {scores}"
    )
    if result["trained_parameters"] < result["parameters"]:
        share = result["trained_parameters"] / result["parameters"]
        yield (
            f"  trained {result['trained_parameters']:,} of {result['parameters']:,} parameters "
            f"({share:.1%})"
        )
    for name, dataset in dev.items():
        floor = TASKS[dataset.task].floor([dataset])
        if floor is not None and reached[name]["accuracy"] <= floor:
            yield (
                f"  note: on {name} this model is no better than always answering with the "
                f"most frequent class (accuracy {floor:.3f}); train it longer or with another "
                "learning rate"
            )


def write_selection(selection: Selection, folder: Path) -> dict[str, Any]:
    """Write a selection, and say how large it is, how it was made, and a digest of it."""
    selection.write(folder / "selection.parquet")
    return {
        "selected": len(selection),
        "strategy": selection.strategy,
        "content": digest_of(selection.example_ids.to_pylist()),
    }
