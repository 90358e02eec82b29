"""Efficient and robust fine-tuning by transferring training dynamics.

A small reference model is fine-tuned on all the data and its training dynamics are recorded;
the examples it is least settled about train a large main model, which stops early
(Du, Gatt and Nguyen, arXiv 2310.06588).

Importing this package imports neither torch nor transformers; names are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftft.cartography.datamap import DataMap
    from ftft.config.load import load_experiment
    from ftft.config.schema import Experiment
    from ftft.dynamics.container import TrainingDynamics
    from ftft.dynamics.recorder import DynamicsRecorder
    from ftft.dynamics.store import read_dynamics, write_dynamics
    from ftft.errors import (
        ConfigError,
        DataError,
        DynamicsError,
        FtftError,
        ModelError,
        SharingError,
        WorkspaceError,
    )
    from ftft.experiment.pipeline import run
    from ftft.selection.selection import Selection
    from ftft.selection.strategies import select
    from ftft.training.recording import RecordDynamics
    from ftft.training.trl_recording import RecordCompletions, RecordPreferences

__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "ftft.errors",
    "DataError": "ftft.errors",
    "DataMap": "ftft.cartography.datamap",
    "DynamicsError": "ftft.errors",
    "DynamicsRecorder": "ftft.dynamics.recorder",
    "Experiment": "ftft.config.schema",
    "FtftError": "ftft.errors",
    "ModelError": "ftft.errors",
    "RecordCompletions": "ftft.training.trl_recording",
    "RecordDynamics": "ftft.training.recording",
    "RecordPreferences": "ftft.training.trl_recording",
    "Selection": "ftft.selection.selection",
    "SharingError": "ftft.errors",
    "TrainingDynamics": "ftft.dynamics.container",
    "WorkspaceError": "ftft.errors",
    "load_experiment": "ftft.config.load",
    "read_dynamics": "ftft.dynamics.store",
    "run": "ftft.experiment.pipeline",
    "select": "ftft.selection.strategies",
    "write_dynamics": "ftft.dynamics.store",
}

__all__ = [
    "ConfigError",
    "DataError",
    "DataMap",
    "DynamicsError",
    "DynamicsRecorder",
    "Experiment",
    "FtftError",
    "ModelError",
    "RecordCompletions",
    "RecordDynamics",
    "RecordPreferences",
    "Selection",
    "SharingError",
    "TrainingDynamics",
    "WorkspaceError",
    "__version__",
    "load_experiment",
    "read_dynamics",
    "run",
    "select",
    "write_dynamics",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ftft' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
