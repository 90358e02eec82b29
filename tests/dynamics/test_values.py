"""Dynamics of values, for tasks whose logits are too many to keep."""

import json

import numpy as np
import pytest
import torch

from ftft import DataMap, select
from ftft.cartography import confidence_by_epoch, label_error_candidates, loss_trajectories
from ftft.cartography.cleanlab_issues import cleanlab_issues
from ftft.dynamics import (
    DynamicsRecorder,
    TrainingDynamics,
    read_dynamics,
    write_cartography,
    write_dynamics,
)
from ftft.errors import DynamicsError
from ftft.transfer.preflight import signals
from ftft.transfer.stability import stability

N, E = 12, 4
IDS = [f"id{i}" for i in range(N)]
P = np.random.default_rng(0).uniform(0.05, 0.95, (E, N))


def columns(p):
    p = np.asarray(p)
    correct = np.where(np.isnan(p), np.nan, p > 0.5)
    return np.stack([p, -np.log(p), 2 * p - 1, 1 - p, correct], axis=-1).astype(np.float32)


def record(folder, p=P, **settings):
    with DynamicsRecorder(folder, example_ids=IDS, encoding="values", **settings) as recorder:
        for epoch, row in enumerate(p):
            order = np.random.default_rng(epoch).permutation(N)
            for batch in (order[:5], order[5:]):
                recorder.record(epoch, batch, torch.tensor(columns(row)[batch]))
        return recorder.read()


def test_values_are_kept_as_they_are_and_give_the_same_map(tmp_path):
    dynamics = record(tmp_path / "a", chance=0.25)
    assert (dynamics.encoding, dynamics.chance, dynamics.class_names) == ("values", 0.25, ())
    write_dynamics(tmp_path / "b", dynamics)
    again = read_dynamics(tmp_path / "b")
    for epoch in range(E):
        values = again.point_values(epoch)
        np.testing.assert_array_equal(values.probability, P[epoch].astype(np.float32))
        np.testing.assert_array_equal(values.margin, columns(P[epoch])[:, 2])
        assert values.correct.tolist() == (P[epoch] > 0.5).tolist()
    drawn = DataMap.from_dynamics(again, burn_in=0)
    np.testing.assert_allclose(drawn.confidence, P.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(drawn.variability, P.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(drawn.mean_loss, -np.log(P).mean(axis=0), rtol=1e-5)
    drawn.write(tmp_path / "map.parquet")
    read = DataMap.read(tmp_path / "map.parquet")
    assert (read.class_names, read.group_names) == ((), ("all",))
    assert len(select(read, "ambiguous", 0.5)) == N // 2
    assert label_error_candidates(read, "aum", 2).num_rows == 2
    with pytest.raises(DynamicsError, match="of a task without classes"):
        select(read, "ambiguous", 0.5, keep_label_proportions=True)


def test_the_same_values_as_logits_give_the_same_map():
    logits = np.stack([np.log(P), np.log1p(-P)], axis=-1)
    labels = np.zeros(N, dtype=int)
    whole = TrainingDynamics.from_arrays(logits, labels, IDS)
    points = [whole.point_values(epoch) for epoch in whole.epochs]
    rows = [
        np.stack([v.probability, v.loss, v.margin, v.error_norm, v.correct], axis=1) for v in points
    ]
    values = TrainingDynamics.from_arrays(rows, labels, IDS, ["a", "b"], encoding="values")
    one, other = DataMap.from_dynamics(whole, burn_in=1), DataMap.from_dynamics(values, burn_in=1)
    for name in ("confidence", "variability", "correctness", "forgetting", "aum", "el2n"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-6)


def test_a_missing_value_is_left_out_and_never_zero(tmp_path):
    p = P.copy()
    p[:, 3] = np.nan  # no answer at all
    p[1:, 5] = np.nan  # one value only
    p[2, 7] = np.nan
    dynamics = record(tmp_path, p)
    drawn = DataMap.from_dynamics(dynamics, burn_in=0)
    assert drawn.example_ids.to_pylist() == [one for one in IDS if one not in ("id3", "id5")]
    assert drawn.left_out == 2
    assert "2 examples have no answer" in drawn.drawn_from
    place = drawn.example_ids.to_pylist().index("id7")
    known = p[[0, 1, 3], 7]
    np.testing.assert_allclose(drawn.confidence[place], known.mean(), rtol=1e-5)
    np.testing.assert_allclose(drawn.variability[place], known.std(), rtol=1e-5)
    np.testing.assert_allclose(drawn.correctness[place], (known > 0.5).mean(), rtol=1e-5)
    np.testing.assert_allclose(drawn.mean_loss[place], -np.log(known).mean(), rtol=1e-5)
    assert np.isnan(confidence_by_epoch(dynamics)[:, 3]).all()
    losses = loss_trajectories(dynamics.take(drawn.example_ids))
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(losses[place, 2], -np.log(known).mean(), rtol=1e-5)
    drawn.write(tmp_path / "map.parquet")
    assert DataMap.read(tmp_path / "map.parquet").left_out == 2
    kept = ~np.isnan(p[-1])
    last = dynamics.point_values(E - 1)
    assert last.accuracy == pytest.approx((p[-1][kept] > 0.5).mean())
    found = signals(dynamics, 0.4, 0)
    assert found.examples == N - 2
    assert all(0 <= share <= 1 for share in stability(dynamics, 0.4, 0))
    assert np.isfinite([found.hard_learnt, found.hard_right, found.train_accuracy]).all()


def test_no_example_has_a_value(tmp_path):
    with pytest.raises(DynamicsError, match=r"None of the 12 examples.*max_length"):
        DataMap.from_dynamics(record(tmp_path, np.full((3, N), np.nan)), burn_in=0)


def test_what_needs_logits_says_so(tmp_path):
    dynamics = record(tmp_path / "a")
    for use in (
        lambda: dynamics.logits(),
        lambda: write_cartography(tmp_path / "b", dynamics),
        lambda: cleanlab_issues(dynamics),
    ):
        with pytest.raises(DynamicsError, match="hold values of each example and no logits"):
            use()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, np.nan, 0, 0, 1], "in part NaN"),
        ([np.nan, 0.5, 0, 0, 1], "in part NaN"),
        ([0.5, np.inf, 0, 0, 1], "infinite"),
        ([1.5, 0.5, 0, 0, 1], "out of range"),
        ([0.5, -1, 0, 0, 1], "out of range"),
        ([0.5, 0.5, 0, 0, 0.5], "out of range"),
        ([0.5, 0.5, 0, 1], r"shape \(1, 4\), expected \(examples, 5\): probability, loss, margin"),
    ],
)
def test_values_that_cannot_be(tmp_path, row, message):
    recorder = DynamicsRecorder(tmp_path, example_ids=IDS, encoding="values")
    with pytest.raises(DynamicsError, match=message):
        recorder.record(0, [0], [row])


def test_margins_and_norms_that_a_task_lacks_are_unknown(tmp_path):
    rows = columns(P)
    rows[..., 2:4] = np.nan
    drawn = DataMap.from_dynamics(TrainingDynamics.from_arrays(rows, encoding="values"), burn_in=0)
    assert not drawn.knows("aum")
    assert drawn.knows("confidence")
    with pytest.raises(DynamicsError, match="no margins"):
        label_error_candidates(drawn, "aum")


def test_a_folder_of_logits_is_not_continued_with_values(tmp_path):
    DynamicsRecorder(tmp_path, example_ids=IDS, labels=[0, 1] * 6)
    with pytest.raises(DynamicsError, match="encoding"):
        DynamicsRecorder(tmp_path, example_ids=IDS, labels=[0, 1] * 6, encoding="values")


def test_a_folder_of_the_first_schema_is_read_and_continued(tmp_path):
    settings = {"example_ids": ["a", "b"], "labels": [0, 2]}
    with DynamicsRecorder(tmp_path, **settings) as recorder:
        recorder.record(0, [0, 1], [[1.0, 2, 3], [4, 5, 6]])
    from ftft.dynamics.header import _digest

    path = tmp_path / "header.json"
    content = json.loads(path.read_text())
    for name in ("sha256", "encoding", "chance"):
        del content[name]
    content["schema"] = 1
    path.write_text(json.dumps(content | {"sha256": _digest(content)}))
    before = read_dynamics(tmp_path)
    assert (before.encoding, before.chance, before.epochs) == ("logits", 1 / 3, (0,))
    with DynamicsRecorder(tmp_path, **settings) as recorder:
        recorder.record(1, [0, 1], [[1.0, 2, 3], [4, 5, 6]])
    assert read_dynamics(tmp_path).epochs == (0, 1)
