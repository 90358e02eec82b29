"""Words whose tag is likeliest to be wrong, from what was recorded of each."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ftft import DynamicsRecorder
from ftft.cartography.word_errors import word_error_candidates
from ftft.dynamics.store import read_dynamics
from ftft.dynamics.words import _read, _write, read_words
from ftft.errors import DynamicsError
from ftft.tasks import TASKS

TAGS = ("B-film", "I-film", "O")
# Two sentences of three and two words, the first with a subword and both with marks around them.
LABELS = torch.tensor([[-100, 2, 0, -100, 2, -100], [-100, 1, 2, -100, -100, -100]])


def recorder_in(folder, rank=0):
    about = {"encoding": "values", "labels": [0, 1], "class_names": ("without", "with")}
    return DynamicsRecorder(folder, example_ids=["a", "b"], rank=rank, **about)


def recorded(recorder, epoch, logits, rows=(0, 1)):
    """As the trainer does, for the examples that are named by their positions."""
    task, chosen = TASKS["token-classification"], list(rows)
    outputs, labels = {"logits": logits[chosen]}, LABELS[chosen]
    recorder.record(epoch, chosen, task.recorded(outputs, labels))
    recorder.record_words(epoch, torch.tensor(chosen), *task.recorded_words(outputs, labels))


def logits_for(*wrong, scale=2.0):
    """Those of a model that gives each word its tag but for some: (sentence, place, other tag)."""
    logits = torch.zeros(2, 6, 3)
    logits.scatter_(2, LABELS.clamp(min=0)[..., None], scale)
    for sentence, place, tag in wrong:
        logits[sentence, place] = 0.0
        logits[sentence, place, tag] = scale
    return logits


@pytest.fixture
def folder(tmp_path):
    """Three points: at all of them "O" is preferred for b's first word, at two for a's second."""
    at = tmp_path / "dynamics"
    recorder = recorder_in(at)
    recorded(recorder, 0, logits_for((1, 1, 2), (0, 2, 1), (0, 1, 1)))
    recorder.flush()
    recorded(recorder, 1, logits_for((1, 1, 2), (0, 2, 1)))
    recorded(recorder, 2, logits_for((1, 1, 2)), rows=[1])
    recorded(recorder, 2, logits_for((1, 1, 2)), rows=[0])
    recorder.flush()
    return at


def test_each_word_is_recorded_once_a_point(folder):
    found = read_words(folder)
    assert sorted(found) == [0, 1, 2]
    for words in found.values():
        assert words.index.tolist() == [0, 0, 0, 1, 1]
        assert words.word.tolist() == [0, 1, 2, 0, 1]
        assert words.given.tolist() == [2, 0, 2, 1, 2]
    share = torch.tensor([2.0, 0.0, 0.0]).softmax(0)
    right, wrong = float(share[0]), float(share[1])
    np.testing.assert_allclose(found[1].probability, [right, wrong, right, wrong, right], 1e-6)
    assert found[1].preferred.tolist() == [2, 1, 2, 2, 2]


def test_what_the_model_mostly_preferred_is_said(folder):
    dynamics = recorder_in(folder).read()
    found = word_error_candidates(dynamics, folder, TAGS, burn_in=0).to_pylist()
    kept = [
        {key: one[key] for key in ("example_id", "position", "label", "preferred")} for one in found
    ]
    assert kept == [
        {"example_id": "b", "position": 1, "label": "I-film", "preferred": "O"},
        {"example_id": "a", "position": 2, "label": "B-film", "preferred": "I-film"},
    ]
    assert [one["rank"] for one in found] == [0, 1]
    share = torch.tensor([2.0, 0.0, 0.0]).softmax(0).tolist()
    assert found[1]["score"] == pytest.approx((2 * share[1] + share[0]) / 3)
    late = word_error_candidates(dynamics, folder, TAGS, burn_in=1).to_pylist()
    assert [one["example_id"] for one in late] == ["b"], "of one point each the later one counts"


def test_what_is_recorded_again_counts_over_what_was(folder):
    recorder = recorder_in(folder, rank=1)
    recorder.check_recorded(0)
    recorded(recorder, 2, logits_for((0, 4, 0)), rows=[0])
    recorder.flush()
    assert read_words(folder)[2].preferred.tolist() == [2, 0, 0, 2, 2]


def test_what_cannot_be_used_is_named(folder, tmp_path):
    dynamics = recorder_in(folder).read()
    with pytest.raises(DynamicsError, match="recorded with more tags than the 2"):
        word_error_candidates(dynamics, folder, TAGS[:2], burn_in=0)
    path = sorted(folder.glob("words-001*"))[0]
    whole = path.read_bytes()
    middle = len(whole) // 3
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(DynamicsError, match=r"words-001\S+ is damaged"):
        read_words(folder)
    path.unlink()
    with pytest.raises(DynamicsError, match=r"the same words at all of the .* \[1, 2, 3\]"):
        word_error_candidates(dynamics, folder, TAGS, burn_in=0)
    for path in folder.glob("words-*"):
        path.unlink()
    with pytest.raises(DynamicsError, match="nothing about single words"):
        read_words(folder)
    assert recorder_in(folder).read().epochs == (0, 1, 2), "all else does without them"


def test_words_of_sentences_that_are_not_there_are_refused(folder):
    """As where files of another recording were copied into the folder."""
    for path in folder.glob("words-*"):
        words = _read(path)
        _write(path, replace(words, index=words.index + 1))
    with pytest.raises(DynamicsError, match="words of more sentences than the 2 that it names"):
        word_error_candidates(read_dynamics(folder), folder, TAGS, 0)
