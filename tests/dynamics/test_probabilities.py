"""Probabilities in the place of logits are said, since a map of them would be wrong."""

import warnings

import numpy as np
import pytest

from ftft import DynamicsRecorder

LOGITS = np.array([[2.0, -1.0, 0.5], [0.1, 0.3, 0.6], [1.0, 0.0, 0.2]], np.float32)


def softmax(logits):
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_they_are_warned_of_once(tmp_path, kind):
    recorder = DynamicsRecorder(
        tmp_path / "d", example_ids=[0, 1, 2], labels=[0, 1, 2], num_classes=3
    )
    with pytest.warns(UserWarning, match="as probabilities do, where logits were expected"):
        recorder.record(0, [0, 1, 2], softmax(LOGITS).astype(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.finish_epoch(0)
        recorder.record(1, [0, 1, 2], softmax(LOGITS).astype(kind))


@pytest.mark.parametrize("recorded", [LOGITS, np.log(softmax(LOGITS)), np.abs(LOGITS), 0 * LOGITS])
def test_logits_are_not(tmp_path, recorded):
    recorder = DynamicsRecorder(
        tmp_path / "d", example_ids=[0, 1, 2], labels=[0, 1, 2], num_classes=3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.record(0, [0, 1, 2], recorded)
