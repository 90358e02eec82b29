"""The development set that is held out of the training data: whole texts, labels in proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ftft.data.ids import hashed

# Of the rows of a label that can be held out at all, training keeps at least this share.
_KEPT = 0.5

# Rows that repeat a text, as a share of the rows to choose, from which on labels are counted.
_FEW_REPEATS = 0.1


def choose_held_out(
    texts: Sequence[str], labels: npt.NDArray[np.int64], share: float, *, salt: str
) -> npt.NDArray[np.bool_]:
    """Choose the rows of a development set, the same ones in any order and on every machine.

    Rows with the same text go to the same side. Texts come in the order of their hashes; where
    none occurs twice, the first ``share`` of them are chosen. A text of several rows is passed over
    where it would give a label more than its share. From there on every label gets its share and no
    more, and from the start where many rows repeat a text. A label whose share is a whole row or
    more is among the chosen rows, as far as its texts allow, and none loses its last training row.

    Args:
        texts: N texts.
        labels: N class indices.
        share: The share of the rows to choose, in (0, 1); at least one row is aimed at. Fewer or
            more are chosen only where many rows have the same text.
        salt: Changes the choice.

    Returns:
        A mask over the N rows; nothing is set where no text can be spared.
    """
    draw = _Draw(texts, labels, share, salt)
    draw.one_of_each_label()
    draw.in_order_of_chance()
    draw.what_is_missing()
    return draw.chosen[draw.group_of]


class _Draw:
    """Groups of rows with the same text, in the order of chance, and those chosen so far."""

    def __init__(
        self, texts: Sequence[str], labels: npt.NDArray[np.int64], share: float, salt: str
    ) -> None:
        place: dict[str, int] = {}
        places = [place.setdefault(text, len(place)) for text in texts]
        # The number of a group is its rank by hash, so that the order of the file is forgotten.
        self.group_of = np.argsort(np.argsort(hashed(list(place), salt=salt)))[places]
        self.sizes = np.bincount(self.group_of)
        self.labels = labels
        self._labels_by_group = labels[np.argsort(self.group_of, kind="stable")]
        self._ends = np.cumsum(self.sizes)
        self.wanted = min(max(1, round(share * len(texts))), len(texts) - 1)
        self.totals = np.bincount(labels)
        can_go = np.bincount(
            labels[self.sizes[self.group_of] <= self.wanted], minlength=len(self.totals)
        )
        due = self.wanted / len(texts)
        self.due = np.minimum(due * self.totals, max(due, _KEPT) * can_go)
        self.held = np.zeros_like(self.totals)
        self.chosen = np.zeros(len(place), dtype=np.bool_)

    def one_of_each_label(self) -> None:
        """Choose the first group of every label whose share is a whole row or more."""
        for label in np.flatnonzero(self.due >= 1 - 1e-9):
            # Where chance alone would choose one in any case, this changes nothing.
            for group in np.unique(self.group_of[self.labels == label]):
                if self.held[label]:
                    break
                counts = self._counts(group)
                if self._fits(counts) and self._in_proportion(counts):
                    self._take(group, counts)

    def in_order_of_chance(self) -> None:
        """Choose groups in order until there are enough rows."""
        # Texts too frequent to be chosen leave other labels to chance than the data have.
        repeats = len(self.labels) - len(self.sizes)
        chance_alone = repeats <= _FEW_REPEATS * self.wanted
        for group in np.flatnonzero(~self.chosen):
            if self.held.sum() == self.wanted:
                return
            single, counts = self.sizes[group] == 1, self._counts(group)
            if self._fits(counts) and ((single and chance_alone) or self._in_proportion(counts)):
                self._take(group, counts)
            elif not single:
                chance_alone = False

    def what_is_missing(self) -> None:
        """Choose further groups that bring the labels nearer to their shares, if a bit too large.

        The first one is chosen in any case, so that a few frequent texts can be split, too.
        """
        groups = np.flatnonzero(~self.chosen & (self.sizes > 1))
        if self.held.sum() == self.wanted or len(groups) == 0:
            return
        counts = np.stack([self._counts(group) for group in groups])
        while True:
            spared = ~np.any((counts > 0) & (self.held + counts >= self.totals), axis=1)
            distances = np.abs(self.held + counts - self.due).sum(axis=1)
            distances[~spared | self.chosen[groups]] = np.inf
            best = int(np.argmin(distances))
            nearer = distances[best] < np.abs(self.held - self.due).sum()
            if not nearer and (self.held.any() or np.isinf(distances[best])):
                return
            self._take(groups[best], counts[best])

    def _counts(self, group: np.int64) -> npt.NDArray[np.int64]:
        end = self._ends[group]
        rows = self._labels_by_group[end - self.sizes[group] : end]
        return np.bincount(rows, minlength=len(self.totals))

    def _fits(self, counts: npt.NDArray[np.int64]) -> bool:
        """Whether there is room, and every label keeps a training row."""
        lost = np.any((counts > 0) & (self.held + counts >= self.totals))
        return bool(self.held.sum() + counts.sum() <= self.wanted and not lost)

    def _in_proportion(self, counts: npt.NDArray[np.int64]) -> bool:
        return not np.any((counts > 0) & (self.held + counts > np.ceil(self.due - 1e-9)))

    def _take(self, group: np.int64, counts: npt.NDArray[np.int64]) -> None:
        self.chosen[group] = True
        self.held = self.held + counts
