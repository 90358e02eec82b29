"""Statistics against values computed by hand, a plain loop, and properties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ftft.cartography import Statistics, confidence_by_epoch, loss_trajectories, statistics
from ftft.dynamics import DynamicsRecorder, TrainingDynamics
from ftft.dynamics.values import softmax, values_of_logits
from ftft.errors import DynamicsError

NAMES = ("confidence", "variability", "correctness", "forgetting", "aum", "mean_loss", "el2n")
LN = math.log


def compute(logits, labels, **settings) -> Statistics:
    return statistics(TrainingDynamics.from_arrays(logits, labels), **{"burn_in": 0, **settings})


def test_two_classes_by_hand():
    # One example with label 1 and p = 3/4, 1/5, 1/2 at three recording points.
    logits = [[[0.0, LN(3)]], [[LN(4), 0.0]], [[7.0, 7.0]]]
    result = compute(logits, [1])
    mean = (0.75 + 0.2 + 0.5) / 3
    squares = (0.75 - mean) ** 2 + (0.2 - mean) ** 2 + (0.5 - mean) ** 2
    np.testing.assert_allclose(result.confidence, [mean], rtol=1e-6)
    np.testing.assert_allclose(result.variability, [math.sqrt(squares / 3)], rtol=1e-6)
    # At the tie the prediction is the class with the lower index, so it is wrong.
    np.testing.assert_allclose(result.correctness, [1 / 3], rtol=1e-6)
    np.testing.assert_array_equal(result.forgetting, [1])
    np.testing.assert_allclose(result.aum, [(LN(3) - LN(4) + 0) / 3], rtol=1e-6)
    np.testing.assert_allclose(result.mean_loss, [-LN(0.75 * 0.2 * 0.5) / 3], rtol=1e-6)
    el2n = math.sqrt(2) * (0.25 + 0.8 + 0.5) / 3
    np.testing.assert_allclose(result.el2n, [el2n], rtol=1e-6)
    sample = compute(logits, [1], ddof=1)
    np.testing.assert_allclose(sample.variability, [math.sqrt(squares / 2)], rtol=1e-6)


def test_three_classes_by_hand():
    # Probabilities (1/2, 1/3, 1/6) and (1/6, 1/2, 1/3), labels 0 and 2.
    first, second = [LN(3), LN(2), 0.0], [0.0, LN(3), LN(2)]
    result = compute([[first, first], [second, second]], [0, 2])
    np.testing.assert_allclose(result.confidence, [1 / 3, 1 / 4], rtol=1e-6)
    np.testing.assert_allclose(result.variability, [1 / 6, 1 / 12], rtol=1e-6)
    np.testing.assert_array_equal(result.correctness, [0.5, 0.0])
    np.testing.assert_array_equal(result.forgetting, [1, 0])
    aum = [(LN(3) - LN(2) - LN(3)) / 2, (-LN(3) + LN(2) - LN(3)) / 2]
    np.testing.assert_allclose(result.aum, aum, rtol=1e-6)
    np.testing.assert_allclose(result.mean_loss, [LN(12) / 2, LN(18) / 2], rtol=1e-6)
    norms = [
        math.sqrt((1 / 2) ** 2 + (1 / 3) ** 2 + (1 / 6) ** 2),
        math.sqrt((5 / 6) ** 2 + (1 / 2) ** 2 + (1 / 3) ** 2),
        math.sqrt((1 / 2) ** 2 + (1 / 3) ** 2 + (5 / 6) ** 2),
        math.sqrt((1 / 6) ** 2 + (1 / 2) ** 2 + (2 / 3) ** 2),
    ]
    np.testing.assert_allclose(result.el2n, [sum(norms[:2]) / 2, sum(norms[2:]) / 2], rtol=1e-6)


def test_forgetting_counts_right_followed_by_wrong():
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    trends = [
        ([right, wrong, right, wrong], 2),
        ([wrong, wrong, right, right], 0),
        ([right, right, right, wrong], 1),
        ([wrong, wrong, wrong, wrong], 0),
        ([wrong, right, wrong, wrong], 1),
    ]
    logits = np.array([trend for trend, _ in trends]).transpose(1, 0, 2)
    result = compute(logits, [0] * len(trends))
    assert result.forgetting.tolist() == [count for _, count in trends]
    # What happened before the first point that takes part does not count.
    assert compute(logits, [0] * 5, burn_in=1).forgetting.tolist() == [1, 0, 1, 0, 1]


def test_the_types_shapes_and_settings_of_the_result():
    result = compute(np.random.default_rng(0).normal(size=(4, 6, 3)), [0, 1, 2] * 2, burn_in=1)
    for name in NAMES:
        values = getattr(result, name)
        assert values.shape == (6,)
        assert values.dtype == (np.int32 if name == "forgetting" else np.float32)
    assert (result.epochs, result.burn_in, result.ddof) == ((1, 2, 3), 1, 0)


def plain(logits: np.ndarray, labels: np.ndarray, ddof: int) -> dict[str, list[float]]:
    """The definitions once more, one example and one recording point at a time."""
    columns: dict[str, list[float]] = {name: [] for name in NAMES}
    for row, gold in enumerate(labels):
        trend, right, margins, norms = [], [], [], []
        for point in logits[:, row].tolist():
            powers = [math.exp(z - max(point)) for z in point]
            p = [power / math.fsum(powers) for power in powers]
            trend.append(p[gold])
            right.append(point.index(max(point)) == gold)
            margins.append(point[gold] - max(point[:gold] + point[gold + 1 :]))
            norms.append(math.dist(p, [float(c == gold) for c in range(len(p))]))
        mean = math.fsum(trend) / len(trend)
        squares = math.fsum((p - mean) ** 2 for p in trend)
        columns["confidence"].append(mean)
        columns["variability"].append(math.sqrt(squares / (len(trend) - ddof)))
        columns["correctness"].append(sum(right) / len(right))
        columns["forgetting"].append(sum(a and not b for a, b in itertools.pairwise(right)))
        columns["aum"].append(math.fsum(margins) / len(margins))
        columns["mean_loss"].append(-math.fsum(map(LN, trend)) / len(trend))
        columns["el2n"].append(math.fsum(norms) / len(norms))
    return columns


@st.composite
def recorded(draw):
    """Logits (E, N, C) and labels (N,)."""
    epochs, examples, classes = draw(st.tuples(*[st.integers(2, 5)] * 3))
    numbers = st.floats(-20, 20, width=32)
    logits = draw(arrays(np.float32, (epochs, examples, classes), elements=numbers))
    labels = draw(arrays(np.int64, examples, elements=st.integers(0, classes - 1)))
    return logits, labels


few = settings(max_examples=60, deadline=None)


@few
@given(recorded(), st.integers(0, 1))
def test_vectorised_equals_the_plain_loop(case, ddof):
    logits, labels = case
    result = compute(logits, labels, ddof=ddof)
    for name, expected in plain(logits, labels, ddof).items():
        np.testing.assert_allclose(getattr(result, name), expected, rtol=2e-5, atol=2e-6)


@few
@given(recorded())
def test_ranges(case):
    result = compute(*case)
    for values, low, high in [
        (result.confidence, 0, 1),
        (result.variability, 0, 0.5),
        (result.correctness, 0, 1),
        (result.forgetting, 0, len(result.epochs) // 2),
        (result.mean_loss, 0, np.inf),
        (result.el2n, 0, np.float32(math.sqrt(2))),
    ]:
        assert (values >= low).all()
        assert (values <= high).all()


@few
@given(recorded(), st.randoms(use_true_random=False))
def test_permuting_the_examples_permutes_every_statistic(case, random):
    logits, labels = case
    order = list(range(len(labels)))
    random.shuffle(order)
    result, permuted = compute(logits, labels), compute(logits[:, order], labels[order])
    for name in NAMES:
        np.testing.assert_array_equal(getattr(result, name)[order], getattr(permuted, name))


@few
@given(recorded(), st.integers(-1000, 1000))
def test_adding_a_constant_to_the_logits_of_an_example_changes_nothing(case, constant):
    logits, labels = case
    logits = np.round(logits * 64) / 64  # so that the sum is exact
    result, shifted = compute(logits, labels), compute(logits + constant, labels)
    for name in NAMES:
        np.testing.assert_allclose(getattr(result, name), getattr(shifted, name), rtol=1e-6)


@few
@given(recorded(), st.randoms(use_true_random=False))
def test_the_order_of_epochs_matters_to_forgetting_only(case, random):
    logits, labels = case
    order = list(range(len(logits)))
    random.shuffle(order)
    result, shuffled = compute(logits, labels), compute(logits[order], labels)
    for name in set(NAMES) - {"forgetting"}:
        np.testing.assert_allclose(
            getattr(result, name), getattr(shuffled, name), rtol=1e-5, atol=1e-7
        )


@few
@given(recorded(), st.randoms(use_true_random=False))
def test_renaming_the_classes_changes_nothing_but_ties(case, random):
    logits, labels = case
    classes = list(range(logits.shape[2]))
    random.shuffle(classes)
    inverse = np.argsort(classes)
    result, renamed = compute(logits, labels), compute(logits[:, :, classes], inverse[labels])
    for name in set(NAMES) - {"forgetting", "correctness"}:
        np.testing.assert_allclose(
            getattr(result, name), getattr(renamed, name), rtol=1e-5, atol=1e-7
        )


def test_identical_epochs_have_no_variability():
    logits = np.random.default_rng(0).normal(size=(1, 50, 3)).repeat(7, axis=0)
    np.testing.assert_allclose(compute(logits, [0] * 50).variability, 0, atol=1e-8)


def test_extreme_logits_are_stable():
    logits = np.array([[[3e38, -3e38, 0]], [[1e4, 0, 0]], [[80.0, 0.0, -80.0]]], dtype=np.float32)
    for label in range(3):
        result = compute(logits, [label])
        assert all(np.isfinite(getattr(result, name)).all() for name in NAMES)
    # Nothing is lost of very small losses and errors: 1 - p would be 0.
    values = values_of_logits(np.array([[40.0, 0.0]], dtype=np.float32), np.array([0]))
    np.testing.assert_allclose(values.error_norm, math.sqrt(2) * math.exp(-40), rtol=1e-6)
    tiny = compute(np.array([[[30.0, 0.0]], [[31.0, 0.0]]]), [0])
    assert tiny.el2n[0] > 0


def test_small_variability_of_confident_examples_is_not_cancelled():
    p = np.array([0.9999, 0.99991, 0.99992])
    logits = np.stack([np.log(p / (1 - p)), np.zeros(3)], axis=1)[:, None]
    # float32 logits themselves carry an error of 1e-7; the sum of squares would lose all.
    np.testing.assert_allclose(compute(logits, [0]).variability, [p.std()], rtol=1e-3)


def test_blocks_do_not_show(monkeypatch):
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(3, 100, 4)), generator.integers(0, 4, 100)
    whole = compute(logits, labels)
    monkeypatch.setattr("ftft.dynamics.values._BLOCK", 28)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(compute(logits, labels), name), getattr(whole, name))
    monkeypatch.setattr("ftft.dynamics.values._BLOCK", 1)
    np.testing.assert_array_equal(compute(logits, labels).aum, whole.aum)


def test_parts_of_the_examples_give_parts_of_the_statistics():
    generator = np.random.default_rng(0)
    dynamics = TrainingDynamics.from_arrays(
        generator.normal(size=(3, 40, 3)), generator.integers(0, 3, 40)
    )
    whole = statistics(dynamics, burn_in=0)
    parts = [statistics(dynamics.rows(start, start + 10), burn_in=0) for start in range(0, 40, 10)]
    for name in NAMES:
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_trajectories():
    logits = [[[0.0, LN(3)]], [[LN(4), 0.0]]]
    dynamics = TrainingDynamics.from_arrays(logits, [1])
    np.testing.assert_allclose(confidence_by_epoch(dynamics), [[0.75], [0.2]], rtol=1e-6)
    np.testing.assert_allclose(loss_trajectories(dynamics), [[-LN(0.75), -LN(0.2)]], rtol=1e-6)
    np.testing.assert_allclose(softmax(np.array([[0.0, LN(3)]])), [[0.25, 0.75]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"burn_in": 2}, "At least 2 complete.*there are 3.*first 2"),
        ({"burn_in": 99}, "At least 2"),
        ({"burn_in": 1, "ddof": 2}, "0 or 1"),
        ({"burn_in": -1}, "burn_in is -1"),
        ({"burn_in": 0.5}, "burn_in is 0.5"),
        ({"burn_in": True}, "burn_in is True"),
        ({"ddof": -1}, "ddof is -1"),
    ],
)
def test_too_few_recording_points(settings, message):
    with pytest.raises(DynamicsError, match=message):
        compute(np.zeros((3, 2, 2)), [0, 1], **settings)


def test_the_message_names_epochs_that_are_not_complete(tmp_path):
    with DynamicsRecorder(tmp_path, example_ids=["a", "b"], labels=[0, 1]) as recorder:
        recorder.record(0, [0, 1], [[0.0, 1.0], [1.0, 0.0]])
        recorder.record(1, [0], [[0.0, 1.0]])
        dynamics = recorder.read()
    with pytest.raises(DynamicsError, match=r"left out: 1 \(1 example\) of 2 examples"):
        statistics(dynamics, burn_in=0)
