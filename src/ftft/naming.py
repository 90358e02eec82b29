"""Names that a person reads, of what has a short key in files."""

from __future__ import annotations

METHOD_NAMES = {
    "erm": "ERM",
    "erm_es": "ERM, early stopping",
    "random": "random subset",
    "dm": "DM (data map of the main model)",
    "ftft": "FTFT",
}
"""Methods in the order of tables: ERM first and FTFT last."""
