"""The order of examples: each once an epoch, alike in length within a batch, else by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from ftft.config.schema import Recording
from ftft.dynamics.store import read_dynamics
from ftft.training.batching import EpochSampler, epoch_order, like_length_order
from tiny_task import plan

LENGTHS = np.random.default_rng(0).gamma(2, 15, size=3000).astype(np.int64) + 3


def padded(lengths: Any, order: Any, batch_size: int) -> int:
    batches = [lengths[order[i : i + batch_size]] for i in range(0, len(order), batch_size)]
    return sum(int(batch.max()) * len(batch) for batch in batches)


@given(
    st.lists(st.integers(1, 300), max_size=200),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
    st.integers(0, 9),
    st.sampled_from(["like-length", "shuffled"]),
)
def test_every_example_once(lengths, batch_size, seed, epoch, batching):
    given_lengths = np.array(lengths, dtype=np.int64)
    order = epoch_order(batching, given_lengths, batch_size, seed=seed, epoch=epoch)
    assert sorted(order.tolist()) == list(range(len(lengths)))


@given(st.integers(1, 200), st.integers(1, 70))
def test_a_batch_is_alike_and_the_odd_one_is_last(size, batch_size):
    lengths = np.random.default_rng(size).integers(1, 99, size)
    order = like_length_order(lengths, batch_size, seed=0, epoch=0)
    for start in range(0, size - size % batch_size, batch_size):
        batch = lengths[order[start : start + batch_size]]
        assert (np.diff(batch) >= 0).all()


@pytest.mark.parametrize("batch_size", [16, 32])
def test_pads_little(batch_size):
    order = like_length_order(LENGTHS, batch_size, seed=0, epoch=0)
    shuffled = epoch_order("shuffled", LENGTHS, batch_size, seed=0, epoch=0)
    assert padded(LENGTHS, order, batch_size) < 1.15 * LENGTHS.sum()
    assert padded(LENGTHS, shuffled, batch_size) > 1.8 * LENGTHS.sum()


def neighbours(lengths: Any, batch_size: int, epoch: int) -> set[frozenset[int]]:
    order = like_length_order(lengths, batch_size, seed=0, epoch=epoch)
    pairs = zip(order[:-1].tolist(), order[1:].tolist(), strict=True)
    return {frozenset(pair) for pair in pairs}


@pytest.mark.parametrize("size", [200, 3000])
def test_an_example_meets_others_in_each_epoch(size):
    one, other = (neighbours(LENGTHS[:size], 16, epoch) for epoch in (0, 1))
    assert len(one & other) < 0.1 * len(one)


def test_batches_are_not_in_order_of_length():
    order = like_length_order(LENGTHS, 16, seed=0, epoch=0)
    means = [LENGTHS[order[i : i + 16]].mean() for i in range(0, 2992, 16)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_seed_and_epoch_make_the_order():
    orders = {
        (seed, epoch): like_length_order(LENGTHS, 16, seed=seed, epoch=epoch).tobytes()
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert len(set(orders.values())) == 4
    assert like_length_order(LENGTHS, 16, seed=1, epoch=1).tobytes() == orders[1, 1]


def test_the_sampler_asks_for_the_epoch_each_time():
    epochs = iter([0, 3])
    sampler = EpochSampler(lambda epoch: np.array([epoch, 1]), 2, lambda: next(epochs))
    assert (list(sampler), list(sampler), len(sampler)) == ([0, 1], [3, 1], 2)


@pytest.mark.parametrize("batching", ["like-length", "shuffled"])
def test_a_training_follows_the_order(tune, settings, train, batching):
    """The shapes that were trained on are those of the order, the odd batch included."""
    chosen = settings(batching=batching)
    tuned = tune("run", plan(6), settings=chosen)
    expected = 0
    for epoch in range(2):
        order = epoch_order(batching, train.lengths, 16, seed=0, epoch=epoch)
        expected += padded(train.lengths, order, 16)
    assert tuned.cost.training.tokens == expected


def gradient(model: Any, batch: Any) -> torch.Tensor:
    model.zero_grad()
    model(**batch).loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_padding_changes_no_gradient(tokenizer, train, tiny_model):
    """What like-length batches save is padding, and padding teaches nothing."""
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, dtype=torch.float32)
    rows = train.rows.remove_columns("example_index")
    chosen = [rows[row] for row in range(8)]
    own, longer = (
        tokenizer.pad(chosen, padding=padding, max_length=16, return_tensors="pt")
        for padding in ("longest", "max_length")
    )
    assert own["input_ids"].shape[1] < longer["input_ids"].shape[1] == 16
    expected = gradient(model.eval(), own)
    assert expected.abs().max() > 1e-2
    torch.testing.assert_close(gradient(model, longer), expected, atol=1e-6, rtol=0)


def test_the_dynamics_hold_every_example_in_either_order(tune, settings):
    for batching in ("like-length", "shuffled"):
        tuned = tune(batching, plan(6), settings=settings(batching=batching), recording=Recording())
        dynamics = read_dynamics(tuned.dynamics_folder)
        assert dynamics.epochs == (0, 1)
        assert not dynamics.incomplete
