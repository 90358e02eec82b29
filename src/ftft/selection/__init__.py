"""Selections: which examples of a data map the main model trains on."""

from ftft.selection.strategies import STRATEGIES, select
from ftft.selection.subset import Selection

__all__ = ["STRATEGIES", "Selection", "select"]
