"""Selections: which examples of a data map the main model trains on."""

from ftft.selection.names import STRATEGIES
from ftft.selection.selection import Selection
from ftft.selection.strategies import select

__all__ = ["STRATEGIES", "Selection", "select"]
