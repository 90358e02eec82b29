"""Pins what users may import: a name here is a promise."""

import ftft

NAMES = """
    ConfigError DataError DataMap DynamicsError DynamicsRecorder Experiment FtftError ModelError
    RecordCompletions RecordDynamics RecordPreferences Selection SharingError TrainingDynamics
    WorkspaceError __version__ load_experiment read_dynamics run select write_dynamics
"""


def test_exactly_these_names_are_public():
    assert ftft.__all__ == NAMES.split() == dir(ftft)
    assert all(getattr(ftft, name) is not None for name in ftft.__all__)
    assert not hasattr(ftft, "nonsense")
