"""Losses of a completion's tokens from vocabulary-sized logits, a few positions at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ftft.tasks.outputs import logits_of

IGNORED = -100

# Logits that are looked at together, as float32: 64 MB.
_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Reduced:
    """Sums over the completion of each of n examples, float32 (n,).

    Attributes:
        loss: What is trained on; label smoothing counted, with a gradient.
        nll: Negative log-probability of the right tokens, without one.
        count: Tokens of the completion.
        right: Tokens that have the highest logit.
        probability: Probability of the right tokens.
    """

    loss: torch.Tensor
    nll: torch.Tensor
    count: torch.Tensor
    right: torch.Tensor
    probability: torch.Tensor


def reduce_tokens(outputs: Any, labels: torch.Tensor, smoothing: float = 0.0) -> Reduced:
    """Reduce a batch's logits to sums over each example's completion.

    No copy of the logits is made but of the chunk in work, and none is kept: in the backward pass
    a chunk's softmax is computed again, in the place of the logits' own gradient. What was reduced
    for the loss is not reduced again to be recorded.

    Args:
        outputs: What the model gave, with logits (n, T, V).
        labels: (n, T); -100 at every position that is no token of the completion.
        smoothing: Label smoothing, of the loss only.
    """
    logits = logits_of(outputs)
    kept: Reduced | None = getattr(logits, "_ftft_reduced", None)
    if kept is None:
        kept = _reduced(logits, labels, smoothing)
        # On the tensor itself, so that it goes when the tensor goes.
        logits._ftft_reduced = kept  # type: ignore[attr-defined]  # ours
    return kept


def completion_values(
    nll: torch.Tensor, count: torch.Tensor, right: torch.Tensor, probability: torch.Tensor
) -> torch.Tensor:
    """What is recorded of n completions, (n, 6).

    Probability, loss, margin, error norm, right, and after them the other measure of ``MEASURES``:
    the mean of the probabilities of the tokens. The probability is the inverse perplexity, the
    exponential of the mean log-probability of the tokens (İnce et al. 2023), and the loss the mean
    of their negative log-probabilities. Margin and error norm are NaN, and everything is where a
    completion has no token.

    Args:
        nll: (n,), the negative log-probability of its tokens, summed.
        count: (n,), its tokens.
        right: (n,), those that are the most probable ones.
        probability: (n,), the probability of its tokens, summed.
    """
    loss = nll / count  # 0 / 0 is NaN
    nothing = torch.full_like(loss, torch.nan)
    all_right = torch.where(count > 0, (right == count).float(), nothing)
    values = [(-loss).exp(), loss, nothing, nothing, all_right, probability / count]
    return torch.stack(values, dim=1)


def _reduced(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> Reduced:
    examples, length = labels.shape
    # Position t says what comes at t + 1.
    targets = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED).reshape(-1)
    known = targets != IGNORED
    if labels.device.type == "cpu":
        places = known.nonzero()[:, 0]
    else:
        # To count them would wait for the device; prompts are reduced too, and weigh nothing.
        places = torch.arange(len(targets), device=labels.device)
    weights = known[places].float()
    flat = logits.reshape(examples * length, -1)
    gold = targets[places].clamp(min=0)
    loss, nll, right = _TokenLosses.apply(flat, places, gold, smoothing)  # type: ignore[no-untyped-call]  # torch's
    example = places // length

    def summed(values: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(examples, device=labels.device)
        return total.index_add(0, example, torch.where(weights > 0, values, 0.0))

    probability = summed((-nll).exp())
    return Reduced(summed(loss), summed(nll), summed(weights), summed(right), probability)


class _TokenLosses(torch.autograd.Function):
    """Loss, negative log-probability and whether the token is the likeliest, of some positions."""

    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, places: torch.Tensor, gold: torch.Tensor, smoothing: float
    ) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(logits, places, gold)
        ctx.smoothing = smoothing
        loss, nll, right = (torch.empty(len(places), device=logits.device) for _ in range(3))
        for part in _parts(logits, places):
            rows = logits[places[part]].float()
            total = rows.logsumexp(dim=1)
            at_gold = rows.gather(1, gold[part, None])[:, 0]
            nll[part] = total - at_gold
            loss[part] = nll[part]
            if smoothing:
                loss[part] += smoothing * (at_gold - rows.mean(dim=1))
            right[part] = (rows.argmax(dim=1) == gold[part]).float()
        ctx.mark_non_differentiable(nll, right)
        return loss, nll, right

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        logits, places, gold = ctx.saved_tensors
        smoothing = ctx.smoothing
        # The gradient of the logits, which must be there in any case.
        found = torch.zeros_like(logits)
        for part in _parts(logits, places):
            rows = logits[places[part]].float().softmax(dim=1)
            if smoothing:
                rows -= smoothing / rows.shape[1]
            rows[torch.arange(len(rows), device=rows.device), gold[part]] -= 1 - smoothing
            found[places[part]] = (rows * grads[0][part, None]).to(found.dtype)
        return found, None, None, None


def _parts(logits: torch.Tensor, places: torch.Tensor) -> Iterator[slice]:
    size = max(1, _AT_ONCE // logits.shape[1])
    for start in range(0, len(places), size):
        yield slice(start, start + size)
