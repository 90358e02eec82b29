"""Dropout with quickly drawn masks: as much is dropped, and everything else is PyTorch's."""

import contextlib

import pytest
import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ftft.training import quick_dropout as module
from ftft.training.quick_dropout import quick_dropout
from tiny_task import plan

SHAPE = (2, 3, 5, 4)
MODEL = torch.nn.Linear(2, 2)


def drop(values, share, seed=0):
    torch.manual_seed(seed)
    with quick_dropout(MODEL, compiled=False):
        return functional.dropout(values, share)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_that_is_dropped(share, dtype):
    found = drop(torch.ones(400_003, dtype=dtype), share)
    kept = found[found != 0]
    assert 1 - len(kept) / len(found) == pytest.approx(share, abs=0.003)
    assert (kept == kept[0]).all()
    assert float(kept[0]) == pytest.approx(1 / (1 - share), rel=0.005)
    if dtype == torch.float32:
        assert float(found.mean()) == pytest.approx(1, abs=0.03)
    # Neighbours are drawn from one number, and are independent all the same.
    gone = (found == 0).double()
    assert float((gone[1:] * gone[:-1]).mean()) == pytest.approx(share**2, abs=0.004)


def test_the_seed_decides():
    values = torch.randn(SHAPE)
    assert torch.equal(drop(values, 0.5), drop(values, 0.5))
    assert not torch.equal(drop(values, 0.5), drop(values, 0.5, seed=1))


def test_gradients_follow_the_mask():
    values = torch.randn(SHAPE, requires_grad=True)
    found = drop(values, 0.5)
    found.sum().backward()
    assert torch.equal(values.grad, torch.where(found == 0, 0.0, 2.0))


def test_checkpointed_activations_are_dropped_again_alike():
    values = torch.randn(SHAPE, requires_grad=True)
    torch.manual_seed(0)
    with quick_dropout(MODEL, compiled=False):
        found = checkpoint(
            lambda one: functional.dropout(one * 3, 0.5), values, use_reentrant=False
        )
        found.sum().backward()
    assert torch.equal(values.grad, torch.where(found == 0, 0.0, 6.0))


MASKS = {
    "none": None,
    "bool": torch.arange(5) < torch.tensor([[[[5]]], [[[3]]]]),
    "float": torch.where(torch.arange(5) < 4, 0.0, -1e9).expand(2, 1, 5, 5),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_is_that_of_torch_but_for_the_mask(mask, scale, monkeypatch):
    monkeypatch.setattr(module, "dropped", lambda values, share: values)
    one, other, third = (torch.randn(SHAPE, requires_grad=True) for _ in range(3))
    ways = {"attn_mask": mask, "scale": scale}
    expected = functional.scaled_dot_product_attention(one, other, third, **ways)
    with quick_dropout(MODEL, compiled=False):
        ways["dropout_p"] = 0.1
        found = functional.scaled_dot_product_attention(one, other, third, **ways)
    torch.testing.assert_close(found, expected)
    for given in (one, other, third):
        gradients = [
            torch.autograd.grad(x.sum(), given, retain_graph=True)[0] for x in (found, expected)
        ]
        torch.testing.assert_close(*gradients)


def test_a_row_that_sees_nothing_stays_a_number():
    one = torch.randn(SHAPE, requires_grad=True)
    mask = torch.zeros(2, 1, 5, 5, dtype=torch.bool)
    with quick_dropout(MODEL, compiled=False):
        found = functional.scaled_dot_product_attention(
            one, one, one, attn_mask=mask, dropout_p=0.1
        )
    found.sum().backward()
    assert found.isfinite().all()
    assert one.grad.isfinite().all()


@pytest.fixture
def never(monkeypatch):
    def dropped(values, share):
        raise AssertionError("torch is to do it")

    monkeypatch.setattr(module, "dropped", dropped)


def test_what_torch_does_itself(never):
    values = torch.randn(SHAPE)
    with quick_dropout(MODEL, compiled=False):
        assert functional.dropout(values, 0.5, training=False) is values
        functional.dropout(values.clone(), 0.5, inplace=True)
        functional.dropout(values, 0.001)  # too coarse
        assert not functional.dropout(values, 1.0).any()
        functional.dropout(values.to("meta"), 0.5)
        functional.scaled_dot_product_attention(values, values, values)
        functional.scaled_dot_product_attention(values, values, values, None, 0.1, is_causal=True)


@pytest.mark.parametrize(
    ("model", "compiled"), [(MODEL, True), (torch.nn.Linear(2, 2, device="meta"), False)]
)
def test_where_torch_does_all(model, compiled):
    before = functional.dropout, functional.scaled_dot_product_attention
    with quick_dropout(model, compiled=compiled):
        assert (functional.dropout, functional.scaled_dot_product_attention) == before


def test_it_ends_with_the_step():
    before = functional.dropout, functional.scaled_dot_product_attention
    step = quick_dropout(MODEL, compiled=False)
    with contextlib.suppress(KeyError), step:
        assert functional.dropout is not before[0]
        raise KeyError
    assert (functional.dropout, functional.scaled_dot_product_attention) == before


@pytest.mark.parametrize("inside", [False, True], ids=["bf16", "autocast"])
def test_attention_in_bf16_is_as_precise_as_torchs(inside, monkeypatch):
    monkeypatch.setattr(module, "dropped", lambda values, share: values)
    torch.manual_seed(0)
    exact = [torch.randn(4, 4, 32, 16) for _ in range(3)]
    given = exact if inside else [one.bfloat16() for one in exact]
    expected = functional.scaled_dot_product_attention(*(one.bfloat16().double() for one in exact))
    mask = torch.zeros(4, 1, 32, 32)
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=inside),
        quick_dropout(MODEL, compiled=False),
    ):
        found = functional.scaled_dot_product_attention(*given, attn_mask=mask, dropout_p=0.1)
    assert found.dtype == torch.bfloat16
    assert float((found.double() - expected).abs().max()) < 0.008


def test_a_training_takes_it(tune, monkeypatch):
    shapes = []
    quick = module.dropped

    def counted(values, share):
        shapes.append(tuple(values.shape[1:]))
        return quick(values, share)

    monkeypatch.setattr(module, "dropped", counted)
    tune("run", plan(2))
    # Of layers (tokens, width) and of attention (heads, tokens, tokens), beside the batch.
    assert {len(shape) for shape in shapes} >= {2, 3}
