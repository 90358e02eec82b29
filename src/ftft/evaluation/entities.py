"""Scores of tags: F1 of whole entities, as conlleval counts them, and accuracy of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ftft.evaluation.metrics import IntArray

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TagScheme:
    """What C tags mean.

    Attributes:
        kind: (C,) the number of each tag's entity type; -1 of the tag outside of entities.
        opens: (C,) whether the entity can go on after the word (``B-``, ``I-``).
        continues: (C,) whether the word can continue an entity (``I-``, ``E-``).
        kinds: The names of the entity types.
    """

    kind: IntArray
    opens: Mask
    continues: Mask
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, tags: Sequence[tuple[str, str]]) -> TagScheme:
        """The scheme of tags that are given as prefix and type, both empty outside of entities."""
        kinds = sorted({kind for prefix, kind in tags if prefix})
        return cls(
            kind=np.array([kinds.index(kind) if prefix else -1 for prefix, kind in tags]),
            opens=np.array([prefix in ("B", "I") for prefix, _ in tags]),
            continues=np.array([prefix in ("I", "E") for prefix, _ in tags]),
            kinds=tuple(kinds),
        )


@dataclass(frozen=True)
class Entities:
    """M entities in a sequence of words.

    Attributes:
        start: (M,) position of the first word.
        end: (M,) position after the last word.
        kind: (M,) number of the type.
    """

    start: IntArray
    end: IntArray
    kind: IntArray

    def same_as(self, other: Entities) -> Mask:
        """Which of these entities the other set has too: same words and same type, (M,)."""
        there = set(zip(*(a.tolist() for a in (other.start, other.end, other.kind)), strict=True))
        own = zip(*(a.tolist() for a in (self.start, self.end, self.kind)), strict=True)
        return np.fromiter((one in there for one in own), np.bool_, len(self.start))


def find_entities(tags: IntArray, sentence: IntArray, scheme: TagScheme) -> Entities:
    """The entities of tagged words.

    As conlleval does, an ``I-`` begins an entity where none of its type is open: after ``O``, at
    the start of a sentence and after another type. So every word with a tag other than ``O`` is in
    an entity.

    Args:
        tags: (W,) tags of all words, sentence after sentence.
        sentence: (W,) number of each word's sentence.
        scheme: What the tags mean.
    """
    kind = scheme.kind[tags]
    inside = kind >= 0
    inner = np.zeros(len(tags), dtype=np.bool_)
    inner[1:] = (
        scheme.continues[tags[1:]]
        & scheme.opens[tags[:-1]]
        & (kind[1:] == kind[:-1])
        & (sentence[1:] == sentence[:-1])
    )
    start = np.flatnonzero(inside & ~inner)
    # An entity ends where the next word does not continue it.
    last = np.flatnonzero(inside & ~np.append(inner[1:], False))
    return Entities(start, last + 1, kind[start])


def f1(matched: int, gold: int, predicted: int) -> float:
    """F1 of counts, in [0, 1]; 0 where there is nothing to find and nothing was found."""
    return 2 * matched / (gold + predicted) if gold + predicted else 0.0
