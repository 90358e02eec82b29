"""Training dynamics: record them from any loop, keep them in a folder, read them back."""

from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.interop import read_cartography, read_uid_to_logits, write_cartography
from ftft.dynamics.recorder import DynamicsRecorder, EpochCoverage
from ftft.dynamics.store import read_dynamics, write_dynamics

__all__ = [
    "DynamicsRecorder",
    "EpochCoverage",
    "TrainingDynamics",
    "read_cartography",
    "read_dynamics",
    "read_uid_to_logits",
    "write_cartography",
    "write_dynamics",
]
