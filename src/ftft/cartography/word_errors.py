"""The words of sentences whose tag is likeliest to be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.cartography.burn_in import AUTO, BurnIn, epochs_used
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.words import WordValues, read_words
from ftft.errors import DynamicsError


def word_error_candidates(
    dynamics: TrainingDynamics, folder: Path, tags: Sequence[str], burn_in: BurnIn = AUTO
) -> pa.Table:
    """Rank words by the mean probability of their given tag, the lowest first.

    Only those are listed for which the model preferred another tag at most recording points. The
    probabilities come from the training itself: of a model that memorises its labels, late points
    say little, which is why all points that a map would use count alike.

    Args:
        dynamics: What was recorded of the sentences.
        folder: The dynamics folder, for what was recorded of their words.
        tags: The model's tags, in their order.
        burn_in: First recording points left out, or ``auto``.

    Returns:
        ``example_id``, ``position`` (of the word, from 1), ``label`` (the given tag),
        ``preferred``, ``score`` (the mean probability) and ``rank``.

    Raises:
        DynamicsError: Nothing was recorded of words, not of all points, or with other tags.
    """
    found = read_words(folder)
    used = epochs_used(dynamics, burn_in, least=1)
    points = [found[epoch] for epoch in used if epoch in found]
    first = points[0] if points else None
    if first is None or len(points) < len(used) or any(not _same(first, one) for one in points):
        raise DynamicsError(
            f"{folder} does not hold the same words at all of the recording points "
            f"{[epoch + 1 for epoch in used]}. Copy the folder again, or record again."
        )
    if max(int(first.given.max()), *(int(one.preferred.max()) for one in points)) >= len(tags):
        raise DynamicsError(
            f"{folder} was recorded with more tags than the {len(tags)} of the data. Give the "
            "experiment that it was recorded with."
        )
    if first.index.min() < 0 or first.index.max() >= len(dynamics):
        raise DynamicsError(
            f"{folder} holds words of more sentences than the {len(dynamics):,} that it names. "
            "Copy the folder again, or record again."
        )
    score = np.mean([one.probability.astype(np.float64) for one in points], axis=0)
    preferred = _preferred(points, len(tags))
    # Equal scores by sentence and word, in which they are sorted.
    suspects = np.flatnonzero(preferred != first.given)
    rows = suspects[np.argsort(score[suspects], kind="stable")]
    names = np.array(tags, dtype=object)
    return pa.table(
        {
            "example_id": dynamics.example_ids.take(pa.array(first.index[rows])),
            "position": pa.array(first.word[rows] + 1),
            "label": pa.array(names[first.given[rows]], pa.string()),
            "preferred": pa.array(names[preferred[rows]], pa.string()),
            "score": pa.array(score[rows]),
            "rank": pa.array(np.arange(len(rows))),
        }
    )


def _same(one: WordValues, other: WordValues) -> bool:
    names = ("index", "word", "given")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def _preferred(points: Sequence[WordValues], tags: int) -> npt.NDArray[np.int64]:
    """The tag that most points prefer; of equally many the one that later points do."""
    votes = np.zeros((len(points[0].word), tags))
    rows = np.arange(len(votes))
    for number, one in enumerate(points):
        votes[rows, one.preferred] += 1 + number / (len(points) ** 2 + 1)
    return np.asarray(votes.argmax(axis=1))
