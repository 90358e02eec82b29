"""Equal examples of the training data that have different labels."""

from __future__ import annotations

import numpy as np

from ftft.data.assembly import joined_texts
from ftft.data.dataset import LabelledDataset
from ftft.utils.plural import counted


def contradictions_in_words(data: LabelledDataset) -> str:
    """How many texts have several labels, and an example of them; empty where none has.

    Args:
        data: A data set whose labels are classes.
    """
    # Hashes are sorted in a moment, texts are not. Two texts of one hash are not met in practice.
    hashes = np.array(
        [hash(text) for chunk in joined_texts(data).chunks for text in chunk.to_pylist()], np.int64
    )
    order = np.lexsort((data.labels, hashes))
    ordered, labels = hashes[order], data.labels[order]
    several = np.unique(ordered[1:][(ordered[1:] == ordered[:-1]) & (labels[1:] != labels[:-1])])
    if not len(several):
        return ""
    rows = np.flatnonzero(np.isin(hashes, several))
    other = (hashes[rows] == hashes[rows[0]]) & (data.labels[rows] != data.labels[rows[0]])
    first, second = (
        f"{data.example_ids[row].as_py()!r} ({data.class_names[data.labels[row]]})"
        for row in (int(rows[0]), int(rows[other][0]))
    )
    occur = "occurs" if len(several) == 1 else "occur"
    return (
        f"{counted(len(several), 'text')} {occur} with different labels in the training data, in "
        f"{counted(len(rows), 'row')}, such as the examples {first} and {second}"
    )
