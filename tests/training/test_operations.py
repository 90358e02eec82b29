"""What is remembered of operations is what PyTorch counts and makes."""

from __future__ import annotations

import pytest
import torch
from tests.training.test_flops import bert, deberta, electra, modernbert
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, LlamaConfig

from ftft.training import operations
from ftft.training.flops import FlopCounter
from ftft.training.operations import CountedOperations


def counted(mode, model, shape):
    """Operations forward and in all."""
    ids = torch.ones(shape, dtype=torch.long, device="meta")
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    totals = []

    def note(mode):
        totals.append(mode.flops if isinstance(mode, CountedOperations) else mode.get_total_flops())

    with mode:
        try:
            logits = model(**given).logits
        except RuntimeError:
            logits = model(input_ids=ids).logits
        note(mode)
        torch.autograd.backward(logits.sum())
        note(mode)
    return totals


@pytest.mark.parametrize("recomputing", [False, True])
@pytest.mark.parametrize("make", [bert, electra, deberta, modernbert])
def test_counts_are_those_of_pytorch(make, recomputing, monkeypatch):
    monkeypatch.setattr(operations, "_known", {})
    network = AutoModelForSequenceClassification.from_config(make(5))
    model = FlopCounter(network, recomputing=recomputing)._model
    # Twice, as the second time everything is known.
    for shape in ((2, 9), (2, 9)):
        expected = counted(FlopCounterMode(display=False), model, shape)
        assert counted(CountedOperations(), model, shape) == expected
        assert expected[1] > 2 * expected[0]


def test_a_decoder_is_counted_too(monkeypatch):
    monkeypatch.setattr(operations, "_known", {})
    sizes = {"vocab_size": 30, "hidden_size": 16, "intermediate_size": 24}
    config = LlamaConfig(**sizes, num_hidden_layers=2, num_attention_heads=2)
    model = FlopCounter(AutoModelForCausalLM.from_config(config))._model
    expected = counted(FlopCounterMode(display=False), model, (2, 7))
    assert counted(CountedOperations(), model, (2, 7)) == expected


def test_results_have_shape_strides_and_type_of_the_operation(monkeypatch):
    monkeypatch.setattr(operations, "_known", {})
    table = torch.empty((6, 4), device="meta")
    whole = torch.ones((4, 6), dtype=torch.long, device="meta")

    def made():
        other = torch.empty((4, 6), device="meta")
        return [
            table @ other,
            table.t() + 1,
            whole * 2,
            whole * 2.0,
            whole * True,
            torch.nn.functional.layer_norm(table, (4,)),
            *torch.max(table, dim=1),
            *torch.split(table, 3),
            table[2:],
            other.add_(1),
            other.t_(),
            torch.arange(3, device="meta"),
        ]

    expected = [(one.shape, one.stride(), one.dtype, one.storage_offset()) for one in made()]
    with CountedOperations():
        for _ in range(2):
            found = [(one.shape, one.stride(), one.dtype, one.storage_offset()) for one in made()]
            assert found == expected


def test_what_is_changed_in_place_stays_what_it_is():
    with CountedOperations():
        for _ in range(2):
            given = torch.empty(3, device="meta")
            assert given.mul_(2) is given


def test_real_tensors_are_computed():
    with CountedOperations() as mode:
        for _ in range(2):
            assert (torch.full((2, 3), 2.0) @ torch.full((3, 1), 4.0)).tolist() == [[24.0], [24.0]]
    assert mode.flops == 2 * 2 * 3 * 2


def test_what_is_known_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(operations, "_known", {})
    monkeypatch.setattr(operations, "_MOST_KNOWN", 5)
    with CountedOperations():
        for size in range(1, 20):
            torch.empty((size, 2), device="meta") + 1
    assert 0 < len(operations._known) <= 5
