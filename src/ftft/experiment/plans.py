"""How long each method trains its main model."""

from __future__ import annotations

from ftft.config.methods import BUDGET, COST, DM_BUDGET, EARLY, METHODS
from ftft.config.schema import Experiment
from ftft.training.arguments import Plan, equal_cost_plan, main_plan

DEFAULT_PATIENCE = 2
"""Evaluations without improvement after which ERM with early stopping stops, as in the paper."""


def method_plan(
    experiment: Experiment, method: str, examples: int, *, seed: int, share: float = 1.0
) -> Plan:
    """The plan of a method's main model.

    Args:
        experiment: Holds the main model's settings, and those of DM.
        method: A key of :data:`~ftft.config.methods.METHODS`.
        examples: Size of the *full* training set, from which ERM's length follows.
        seed: The seed.
        share: Of a method that may spend what FTFT cost: that cost over ERM's.
    """
    main, length = experiment.main, METHODS[method].trained_for
    if length == COST:
        return equal_cost_plan(main, examples, share=share, seed=seed)
    ways = {
        BUDGET: (main.budget, main.patience),
        DM_BUDGET: (experiment.dm.budget, experiment.dm.patience),
        EARLY: (1.0, main.patience or DEFAULT_PATIENCE),
    }
    budget, patience = ways.get(length, (1.0, None))
    return main_plan(main, examples, budget=budget, patience=patience, seed=seed)


def erm_plan(experiment: Experiment, examples: int, *, seed: int) -> Plan:
    """The plan of ERM, by which all costs are measured."""
    return method_plan(experiment, "erm", examples, seed=seed)
