"""Counting the floating-point operations of a model's forward and backward pass.

The count runs the model itself on PyTorch's ``meta`` device, where nothing is computed and
nothing stored, and counts as :class:`torch.utils.flop_counter.FlopCounterMode` does. Because
autograd builds the real backward graph there, frozen layers and adapters are counted as they are.
Counted are matrix products, as the field does (a multiply-add is two operations); padding
is included, since the machine computes it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch

from ftft.config.schema import Batching
from ftft.tasks.outputs import logits_of
from ftft.training.batching import epoch_order
from ftft.training.operations import CountedOperations

# From tensors (texts, tokens) to what a model takes.
AsInputs: TypeAlias = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]

Shape = tuple[int, int]
"""Examples and padded tokens per example of one batch."""

ShapeCounts = Mapping[Shape, int]
"""How many batches of each shape were run."""

_LENGTHS = (8, 24, 56)
_HELD_OUT: Shape = (3, 40)
_TERMS = 6


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one batch: forward alone, and forward with backward."""

    forward: float
    training: float


class FlopCounter:
    """Counts the operations of one model for batches of any shape.

    The operations of a transformer are linear in the batch size and quadratic in the length
    (attention), so three counted shapes fix the polynomial, or six where a part of it does not
    depend on the batch size. One more, held out, checks it; a model that is no such polynomial
    is counted shape by shape instead.

    A model whose forward pass cannot run without values (GPT-2, BART, T5) is not counted but
    approximated: 2 operations a weight matrix element and token, 4 a layer, width and pair of
    tokens for attention, and twice the forward pass again for the backward pass; frozen matrices
    take part in half of that, which passes the gradient on.

    Args:
        model: A ``transformers`` model, or one with adapters of PEFT. Its weights are neither
            copied nor changed.
        recomputing: Whether activations are computed a second time in the backward pass
            (gradient checkpointing), which is counted.
        as_inputs: What makes a batch of the model's task from token ids and a mask.

    Attributes:
        counted: False where the operations are approximated.
    """

    def __init__(
        self, model: Any, *, recomputing: bool = False, as_inputs: AsInputs = dict
    ) -> None:
        self._model = _meta_copy(model).train()
        self._as_inputs = as_inputs
        if recomputing:
            self._model.gradient_checkpointing_enable()
        self._direct = cache(self._count)
        self.counted = True
        try:
            self._polynomial = self._fit()
        except (RuntimeError, ValueError, TypeError, NotImplementedError):  # meta tensors
            # Decoders look for the last token of every text, which meta tensors do not have, and
            # some kernels have no meta version: what is raised then differs from one to the next.
            self.counted = False
            self._polynomial = _approximation(self._model)

    def batch(self, shape: Shape) -> Flops:
        """Operations of one batch of ``shape = (examples, tokens per example)``."""
        if self._polynomial is None:
            return self._direct(shape)
        forward, training = _terms(shape) @ self._polynomial
        return Flops(float(forward), float(training))

    def training(self, shapes: ShapeCounts) -> float:
        """Operations of training on these batches, forward and backward."""
        return sum(self.batch(shape).training * count for shape, count in shapes.items())

    def inference(self, shapes: ShapeCounts) -> float:
        """Operations of scoring these batches, forward only."""
        return sum(self.batch(shape).forward * count for shape, count in shapes.items())

    def _fit(self) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        one = self._direct(_HELD_OUT)
        counted = [one.forward, one.training]
        # Few networks compute anything whose size does not depend on the number of examples
        # (embeddings of distances, as in DeBERTa): without it one example is enough.
        for examples in ((1,), (1, 2)):
            solved = self._solved([(number, length) for number in examples for length in _LENGTHS])
            if np.allclose(_terms(_HELD_OUT) @ solved, counted, rtol=1e-6):
                return solved
        return None

    def _solved(self, shapes: list[Shape]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The coefficients of the last terms, as many as there are shapes; those before are 0."""
        counts = [self._direct(shape) for shape in shapes]
        table = np.array([[count.forward, count.training] for count in counts])
        terms = np.array([_terms(shape)[-len(shapes) :] for shape in shapes])
        return np.pad(np.linalg.solve(terms, table), ((_TERMS - len(shapes), 0), (0, 0)))

    def _count(self, shape: Shape) -> Flops:
        ids = torch.ones(shape, dtype=torch.long, device="meta")
        try:
            return self._run(input_ids=ids)
        except RuntimeError:
            # Most models look into the mask to skip it, which meta tensors forbid, so it is left
            # out above; some (DeBERTa) look into the one they then make themselves.
            return self._run(input_ids=ids, attention_mask=torch.ones_like(ids))

    def _run(self, **inputs: torch.Tensor) -> Flops:
        counter = CountedOperations()
        with counter:
            logits = logits_of(self._model(**self._as_inputs(inputs)))
            forward = counter.flops
            if logits.requires_grad:
                torch.autograd.backward(logits.sum())
        return Flops(float(forward), float(counter.flops))


_counters: dict[tuple[Any, ...], FlopCounter] = {}

# What a configuration says that no operation depends on.
_NAMES = {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version"}


def flop_counter(
    model: Any, *, recomputing: bool = False, as_inputs: AsInputs = dict
) -> FlopCounter:
    """The counter of a model's architecture, which is counted once in a process.

    Counting takes seconds for a model of 24 layers, and a run or a study trains the same
    architecture again and again.

    Args:
        model: As for :class:`FlopCounter`; adapters of PEFT not merged into their weights.
        recomputing: As for :class:`FlopCounter`.
        as_inputs: As for :class:`FlopCounter`.

    Returns:
        The counter of the first model with the same modules, sizes, frozen parameters and
        configuration (names and labels apart).
    """
    settings = {key: value for key, value in model.config.to_dict().items() if key not in _NAMES}
    sizes = ((tuple(weight.shape), weight.requires_grad) for weight in model.parameters())
    attention = getattr(model.config, "_attn_implementation", None)
    key = (type(model), repr(model), repr(settings), attention, recomputing, *sizes)
    if key not in _counters:
        _counters[key] = FlopCounter(model, recomputing=recomputing, as_inputs=as_inputs)
    return _counters[key]


def _terms(shape: Shape) -> np.ndarray[Any, np.dtype[np.float64]]:
    examples, length = shape
    powers = np.array([1.0, length, float(length) ** 2])
    return np.concatenate([powers, examples * powers])


def _approximation(model: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Coefficients of :func:`_terms`, forward and training, from the sizes of the weights."""
    embeddings = {
        id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)
    }
    # Beside a part that is trained whole PEFT keeps it as it was, and runs it no more.
    matrices = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.dim() == 2
        and id(parameter) not in embeddings
        and ".original_module." not in name
    ]
    weights = sum(one.numel() for one in matrices)
    trained = sum(one.numel() for one in matrices if one.requires_grad)
    layers, width = model.config.num_hidden_layers, model.config.hidden_size
    forward = np.array([0.0, 0.0, 0.0, 0.0, 2.0 * weights, 4.0 * layers * width])
    frozen = np.array([0.0, 0.0, 0.0, 0.0, 2.0 * (weights - trained), 0.0])
    return np.stack([forward, 3 * forward - frozen], axis=1)


def _nothing(*_: Any) -> None:
    """In the place of a warning."""


def _meta_copy(model: Any) -> Any:
    """A copy of the model's structure without its weights."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = torch.nn.Parameter(
            torch.empty_like(parameter, device="meta"), requires_grad=parameter.requires_grad
        )
    for buffer in model.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    clone = copy.deepcopy(model, memo)
    for module in clone.modules():
        if hasattr(module, "warn_if_padding_and_no_attention_mask"):
            # It looks at the tokens, which meta tensors do not have, to warn.
            module.warn_if_padding_and_no_attention_mask = _nothing
    attention = getattr(clone.config, "_attn_implementation", "eager")
    if attention not in ("eager", "sdpa"):
        # Flash kernels have no meta implementation; they do the same products.
        clone.set_attn_implementation("eager")
    return clone


def planned_shapes(
    lengths: np.ndarray[Any, np.dtype[np.int64]],
    *,
    batching: Batching,
    batch_size: int,
    micro_batch: int,
    steps: int,
    seed: int,
    multiple: int = 1,
    widths: np.ndarray[Any, np.dtype[np.int64]] | None = None,
) -> dict[Shape, int]:
    """The batch shapes of a training that is not run (ERM's): those that a run would have.

    Args:
        lengths: Tokens in each example, int64 of shape (N,).
        batching: ``like-length`` or ``shuffled``.
        batch_size: Examples in an optimiser step.
        micro_batch: Examples in one forward pass, ``batch_size`` or a part of it.
        steps: Optimiser steps.
        seed: Seed of the order.
        multiple: Lengths are padded to a multiple of this.
        widths: Sequences in each example, which are padded to the most in a batch; None: one each.

    Returns:
        Shape to number of batches.
    """
    counts: dict[Shape, int] = {}
    per_epoch = -(-len(lengths) // batch_size)
    for epoch in range(-(-steps // per_epoch)):
        order = epoch_order(batching, lengths, batch_size, seed=seed, epoch=epoch)
        left = (steps - epoch * per_epoch) * batch_size
        shapes = batch_shapes(lengths, widths, order[:left], micro_batch, multiple)
        for shape, count in shapes.items():
            counts[shape] = counts.get(shape, 0) + count
    return counts


def batch_shapes(
    lengths: np.ndarray[Any, np.dtype[np.int64]],
    widths: np.ndarray[Any, np.dtype[np.int64]] | None,
    order: np.ndarray[Any, np.dtype[np.int64]],
    batch_size: int,
    multiple: int,
) -> dict[Shape, int]:
    """The shapes of batches of rows in this order, and how many of each there are.

    A shape is the sequences of a batch, and the tokens of each. The shapes come in the order in
    which they first occur, so that sums over them are the same to the last bit.
    """
    if not len(order):
        return {}
    starts = np.arange(0, len(order), batch_size)
    sequences = np.diff(starts, append=len(order))
    if widths is not None:
        sequences = sequences * np.maximum.reduceat(widths[order], starts)
    tokens = -(-np.maximum.reduceat(lengths[order], starts) // multiple) * multiple
    shapes, first, counts = np.unique(
        np.stack([sequences, tokens], axis=1), axis=0, return_index=True, return_counts=True
    )
    found = np.argsort(first)
    return {
        (int(examples), int(length)): int(count)
        for (examples, length), count in zip(shapes[found], counts[found], strict=True)
    }


def token_count(shapes: ShapeCounts) -> int:
    """Tokens in these batches, padding included."""
    return sum(examples * length * count for (examples, length), count in shapes.items())
