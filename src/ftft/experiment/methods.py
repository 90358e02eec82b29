"""The methods: what FTFT and each baseline do with one seed, by the same stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ftft.evaluation.training import Training
from ftft.experiment.collect import StagedRun, method_run
from ftft.experiment.like_lengths import select_like, with_selected
from ftft.experiment.maps import DrawnMap, draw_map, tell_map
from ftft.experiment.selections import select_at_random, select_examples
from ftft.experiment.stages import Stages
from ftft.experiment.trainings import train_erm, train_main, train_main_for, train_reference
from ftft.workspace.stage import Stage


def ftft(
    stages: Stages, seed: int, reference: Stage[Training], datamap: Stage[DrawnMap]
) -> StagedRun:
    """The main model on what the reference's map calls ambiguous."""
    selection = select_examples(stages, "selection", datamap, reference, seed)
    main = train_main(stages, "main", selection, seed)
    run = method_run(stages, "ftft", seed, main, selection, reference)
    judged, drawn = datamap.result.preflight, datamap.result.drawn
    return with_selected(replace(run, preflight=judged, map=drawn, datamap=datamap), datamap)


def whole_ftft(stages: Stages, seed: int) -> StagedRun:
    """FTFT from the reference on, with what its map says of the reference."""
    reference = train_reference(stages, seed)
    datamap = draw_map(stages, "map", reference, seed)
    tell_map(stages, datamap)
    return ftft(stages, seed, reference, datamap)


Paid = Callable[[], StagedRun]
"""Gives the FTFT run whose cost a baseline may spend."""


def erm(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """The main model on everything, for its full length."""
    return method_run(stages, "erm", seed, train_erm(stages, seed))


def erm_es(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """The main model on everything, until it stops getting better on development data."""
    return method_run(stages, "erm_es", seed, train_erm(stages, seed, stop_early=True))


def erm_budget(stages: Stages, seed: int, paid: Paid) -> StagedRun:
    """The main model on everything, for what FTFT cost in all, the reference counted in."""
    spent = paid()
    trained = train_main_for(stages, "erm_budget", spent.flops, seed)
    run = method_run(stages, "erm_budget", seed, trained)
    return replace(run, cell=replace(run.cell, reference=spent.cell.reference))


def random(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """The main model on a random subset of FTFT's size, for FTFT's budget."""
    selection = select_at_random(stages, "random-selection", seed)
    main = train_main(stages, "random", selection, seed)
    return method_run(stages, "random", seed, main, selection)


def random_budget(stages: Stages, seed: int, paid: Paid) -> StagedRun:
    """The main model on a random subset of FTFT's size, for what FTFT cost in all."""
    spent = paid()
    selection = select_at_random(stages, "random-selection", seed)
    trained = train_main_for(stages, "random_budget", spent.flops, seed, selection)
    run = method_run(stages, "random_budget", seed, trained, selection)
    return replace(run, cell=replace(run.cell, reference=spent.cell.reference))


def random_lengths(stages: Stages, seed: int, paid: Paid) -> StagedRun:
    """The main model on a random subset as long as FTFT's selection, for FTFT's budget.

    FTFT's reference is counted in, since without its selection there are no lengths to match.
    """
    found = paid()
    datamap, like = found.datamap, found.selection
    assert datamap is not None, "it is FTFT's"
    assert like is not None, "it is FTFT's"
    selection = select_like(stages, "like-lengths-selection", datamap, like, seed)
    main = train_main(stages, "random_lengths", selection, seed)
    run = method_run(stages, "random_lengths", seed, main, selection)
    # FTFT is compared to the one of the same reference and strategy.
    cell = replace(run.cell, reference=found.cell.reference, strategy=found.cell.strategy)
    return with_selected(replace(run, cell=cell, reference=found.reference), datamap)


def dm(stages: Stages, seed: int, _: Paid) -> StagedRun:
    """Classic dataset cartography: the main model is its own reference."""
    erm = train_erm(stages, seed)
    datamap = draw_map(stages, "dm-map", erm, seed)
    selection = select_examples(stages, "dm-selection", datamap, erm, seed)
    main = train_main(stages, "dm", selection, seed)
    run = method_run(stages, "dm", seed, main, selection, erm)
    return replace(run, map=datamap.result.drawn)


BASELINES: Mapping[str, Callable[[Stages, int, Paid], StagedRun]] = {
    "erm": erm,
    "erm_es": erm_es,
    "erm_budget": erm_budget,
    "random": random,
    "random_budget": random_budget,
    "random_lengths": random_lengths,
    "dm": dm,
}
"""How each baseline of :data:`ftft.config.methods.METHODS` is run."""
