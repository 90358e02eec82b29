"""The order in which training examples are seen: shuffled, in batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from ftft.config.schema import Batching

# Batches that are sorted together. More pad less (by 6% at 50, where a plain shuffle of tweets or
# of sentence pairs pads by 130 to 170%), fewer leave more of the order to chance.
_BATCHES_IN_BUCKET = 50

# A small data set is cut into at least so many buckets, or its batches would be the same in
# every epoch.
_LEAST_BUCKETS = 4


def like_length_order(
    lengths: npt.NDArray[np.int64], batch_size: int, *, seed: int, epoch: int
) -> npt.NDArray[np.int64]:
    """Order one epoch so that consecutive examples of a batch are of like length.

    The examples are shuffled and cut into buckets of up to 50 batches; each bucket is sorted by
    length and cut into batches; all batches are then shuffled. Examples that do not fill a batch
    come last, as in a plain shuffle. Buckets are drawn anew in every epoch, so an example meets
    others of about its length, each time different ones.

    Args:
        lengths: Tokens in each example, int64 of shape (N,).
        batch_size: Examples in one optimiser step, over all processes and accumulation steps.
        seed: Seed of the training.
        epoch: The epoch, from 0.

    Returns:
        Positions of the examples, a permutation of ``range(N)``, int64.
    """
    generator = np.random.default_rng((seed, epoch))
    shuffled = generator.permutation(len(lengths))
    batches, left_over = divmod(len(lengths), batch_size)
    full = shuffled[: batches * batch_size]
    in_bucket = max(1, min(_BATCHES_IN_BUCKET, batches // _LEAST_BUCKETS)) * batch_size
    # A stable sort by (bucket, length) of what was shuffled leaves ties to chance.
    bucket = np.arange(len(full)) // in_bucket
    by_length = full[np.lexsort((lengths[full], bucket))].reshape(batches, batch_size)
    rest = shuffled[len(shuffled) - left_over :]
    return np.concatenate([generator.permutation(by_length).reshape(-1), rest])


def epoch_order(
    batching: Batching,
    lengths: npt.NDArray[np.int64],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
) -> npt.NDArray[np.int64]:
    """The order of one epoch, the same on every machine and for any number of processes.

    Args:
        batching: ``like-length`` (see :func:`like_length_order`) or ``shuffled``.
        lengths: Tokens in each example, int64 of shape (N,).
        batch_size: Examples in one optimiser step, over all processes and accumulation steps.
        seed: Seed of the training.
        epoch: The epoch, from 0.

    Returns:
        Positions of the examples, a permutation of ``range(N)``, int64.
    """
    if batching == "shuffled":
        return np.random.default_rng((seed, epoch)).permutation(len(lengths))
    return like_length_order(lengths, batch_size, seed=seed, epoch=epoch)


class EpochSampler(Sampler[int]):
    """Gives the order of whichever epoch is begun.

    Args:
        order: From epoch to the positions of its examples.
        size: Examples in an epoch.
        epoch: Asked for the epoch at the start of each, so that a training that was resumed goes
            on in the order of the epoch in which it stopped.
        fillers: How often position ``size``, the filler's, comes at the end of an epoch.
    """

    def __init__(
        self,
        order: Callable[[int], npt.NDArray[np.int64]],
        size: int,
        epoch: Callable[[], int],
        *,
        fillers: int = 0,
    ) -> None:
        self._order = order
        self._size = size
        self._epoch = epoch
        self._fillers = fillers

    def __len__(self) -> int:
        return self._size + self._fillers

    def __iter__(self) -> Iterator[int]:
        yield from self._order(self._epoch()).tolist()
        yield from [self._size] * self._fillers
