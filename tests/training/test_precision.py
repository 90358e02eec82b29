"""bf16 where the machine has instructions for it."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from ftft.training.precision import resolve_precision
from tiny_task import plan


@pytest.mark.parametrize("asked", ["fp32", "bf16", "fp16"])
def test_what_is_asked_for_is_done(asked):
    assert resolve_precision(asked) == asked


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, "fp32"),
        ({"_is_avx512_bf16_supported": True}, "bf16"),
        ({"_is_amx_tile_supported": True}, "bf16"),
    ],
)
def test_a_processor_needs_instructions_for_bf16(monkeypatch, flags, expected):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, partial(flags.get, name, False))
    assert resolve_precision("auto") == expected


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_needs_bf16_of_its_own(monkeypatch, native):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    # Emulated bf16, which the function counts unless asked not to, is slow.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda emulated=True: emulated or native)
    assert resolve_precision("auto") == ("bf16" if native else "fp32")


def test_another_accelerator_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_precision("auto") == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_training_says_what_it_computed_in(tune, settings, precision):
    seen = []

    given = torch.nn.functional.linear

    def linear(*args, **kwargs):
        made = given(*args, **kwargs)
        seen.append(made.dtype)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "linear", linear)
        tuned = tune("run", plan(2), settings=settings(precision=precision))
    assert tuned.precision == tuned.to_dict()["precision"] == precision
    assert set(seen) == {torch.float32 if precision == "fp32" else torch.bfloat16}
