"""Memory that is kept from step to step, and gradients that are the same for it."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from ftft.training.sparse_embedding_grad import reuse_embedding_gradient
from tiny_task import plan, same_weights

# Straight from the C library, so that nothing else lies between what is taken and freed.
PAGE_FAULTS = """
import ctypes, resource, sys
from ftft.training.allocator import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]
c.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
size, taken = 20_000_000, [0] * 4
def steps(count):
    for _ in range(count):
        for place in range(4):
            taken[place] = c.malloc(size)
            c.memset(taken[place], 1, size)
        for place in range(3, -1, -1):
            c.free(taken[place])
steps(3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
steps(5)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="sets options of glibc")
def test_freed_memory_is_used_again():
    """80 MB are five times taken and freed: 20,000 pages, each time anew or not at all."""

    def faults(*arguments: str) -> int:
        command = [sys.executable, "-c", PAGE_FAULTS, *arguments]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("keep") < 0.1 * faults()


def model(folder: Any) -> Any:
    torch.manual_seed(0)
    made = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    return made.eval()


BATCHES = ([[1, 5, 5, 7]], [[5, 9, 2, 2], [5, 5, 5, 5]], [[3, 3, 3, 0]])


@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_gradient_is_the_plain_one(tiny_model, accumulated):
    """Row by row, in every step, whatever the step before left in the buffer."""
    plain, saving = model(tiny_model), model(tiny_model)
    assert reuse_embedding_gradient(saving)
    for step, ids in enumerate(BATCHES):
        gradients = []
        for one in (plain, saving):
            one.zero_grad()
            for micro in range(accumulated):
                batch = torch.tensor(ids) + micro
                one(input_ids=batch, labels=torch.ones(len(ids), dtype=torch.long)).loss.backward()
            gradient = one.get_input_embeddings().weight.grad
            assert gradient.layout == torch.strided
            gradients.append(gradient.clone())
            gradient.mul_(0.5)  # as clipping does, in place
        assert gradients[0].abs().max() > 1e-3
        torch.testing.assert_close(gradients[1], gradients[0], atol=1e-7, rtol=1e-6, msg=str(step))


def test_a_training_ends_with_the_plain_weights(tune, monkeypatch):
    saving = tune("saving", plan(6))
    monkeypatch.setattr("ftft.training.finetune.reuse_embedding_gradient", lambda model: False)
    plain = tune("plain", plan(6))
    assert same_weights(saving.model_folder, plain.model_folder)


def test_frozen_embeddings_need_nothing(tiny_model):
    frozen = model(tiny_model)
    frozen.get_input_embeddings().weight.requires_grad_(False)
    assert not reuse_embedding_gradient(frozen)
    assert not frozen.get_input_embeddings().sparse


def test_another_kind_of_table_is_left_alone(tiny_model):
    class Own(torch.nn.Embedding):
        pass

    other = model(tiny_model)
    table = other.get_input_embeddings()
    other.set_input_embeddings(Own(*table.weight.shape))
    assert not reuse_embedding_gradient(other)
