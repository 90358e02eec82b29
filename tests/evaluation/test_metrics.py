"""Scores against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftft.evaluation.metrics import accuracy, macro_f1, predict_classes, score


def test_accuracy_by_hand():
    assert accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])) == 0.75
    assert accuracy(np.array([1]), np.array([0])) == 0.0


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        # class 0: TP 1, FP 1, FN 1 -> 2/4; class 1: TP 1, FP 1, FN 1 -> 2/4
        ([0, 0, 1, 1], [0, 1, 0, 1], (1 / 2 + 1 / 2) / 2),
        # the example of scikit-learn's f1_score: macro 0.26...
        ([0, 2, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2], (0.8 + 0 + 0) / 3),
        # class 0: TP 3, FP 1 -> 6/7; class 1: FN 1 -> 0: what a constant prediction gets
        ([0, 0, 0, 0], [0, 0, 0, 1], (6 / 7 + 0) / 2),
        # class 0: TP 2, FN 1 -> 4/5; class 1: TP 1, FP 1 -> 2/3; class 2: TP 1 -> 1
        ([0, 0, 1, 1, 2], [0, 0, 0, 1, 2], (4 / 5 + 2 / 3 + 1) / 3),
        # precision 1/2 and recall 1 of class 1; precision 1 and recall 1/3 of class 0
        ([0, 1, 1, 1, 1], [0, 0, 0, 1, 1], (2 * (1 / 3) / (4 / 3) + 2 * (1 / 2) / (3 / 2)) / 2),
        ([1, 1], [1, 1], 1.0),  # a slice of one class
        ([0, 0], [1, 1], 0.0),
        ([5, 5, 9], [5, 5, 9], 1.0),  # classes in between that nobody has do not count
    ],
)
def test_macro_f1_by_hand(predicted, gold, expected):
    assert macro_f1(np.array(predicted), np.array(gold)) == pytest.approx(expected, abs=1e-12)


def precision_recall_f1(predicted: list[int], gold: list[int], label: int) -> float:
    """F1 as the harmonic mean of precision and recall, 0 where undefined."""
    hits = sum(p == g == label for p, g in zip(predicted, gold, strict=True))
    said, is_so = predicted.count(label), gold.count(label)
    if not hits:
        return 0.0
    precision, recall = hits / said, hits / is_so
    return 2 * precision * recall / (precision + recall)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_macro_f1_is_the_mean_of_harmonic_means(pairs):
    predicted, gold = (list(column) for column in zip(*pairs, strict=True))
    labels = sorted(set(predicted) | set(gold))
    expected = sum(precision_recall_f1(predicted, gold, label) for label in labels) / len(labels)
    assert macro_f1(np.array(predicted), np.array(gold)) == pytest.approx(expected)


def test_the_class_of_the_highest_logit():
    logits = np.array([[0.1, 0.9, -3.0], [2.0, 1.0, 1.9], [-1.0, -2.0, -0.5]])
    assert predict_classes(logits).tolist() == [1, 0, 2]
    assert predict_classes(logits.astype(np.float16)).dtype == np.int64


def test_merged_classes_follow_the_winner_and_not_the_sum():
    # HANS: entailment; neutral and contradiction both count as non-entailment. In the second
    # row the merged ones are likelier together, but entailment is the likeliest class.
    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.4, 0.3, 0.3], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]]))
    assert predict_classes(logits, (0, 1, 1)).tolist() == [0, 0, 1, 1]
    assert predict_classes(logits, (1, 0, 0)).tolist() == [1, 1, 0, 0]


def test_scores_on_a_set_and_its_slices():
    predicted = np.array([0, 1, 1, 0, 1])
    gold = np.array([0, 1, 0, 0, 0])
    length = np.array(["short", "long", "long", "short", ""])
    scores = score(predicted, gold, {"length": length, "all": np.array(["x"] * 5)})
    assert scores.metrics == {
        "accuracy": 0.6,
        "macro_f1": pytest.approx((4 / 6 + 2 / 4) / 2),
        "examples": 5.0,
    }
    assert scores.slices["length"] == {
        "": {"accuracy": 0.0, "macro_f1": 0.0, "examples": 1.0},
        "long": {"accuracy": 0.5, "macro_f1": pytest.approx(1 / 3), "examples": 2.0},
        "short": {"accuracy": 1.0, "macro_f1": 1.0, "examples": 2.0},
    }
    assert scores.slices["all"] == {"x": scores.metrics}


def test_without_slices():
    assert score(np.array([0]), np.array([0])).slices == {}
