"""What is said of a selection that leaves labels out."""

from types import SimpleNamespace

import numpy as np
import pytest

from ftft.experiment.selections import labels_left_out


def labelled(*counts):
    """As many examples of each of two or three labels."""
    names = ("billing", "delivery", "other")[: len(counts)]
    labels = np.repeat(np.arange(len(counts)), counts)

    class Set(SimpleNamespace):
        def __len__(self):
            return len(self.labels)

    return Set(class_names=names, labels=labels)


def test_a_label_that_is_all_but_left_out_is_named():
    (note,) = labels_left_out(labelled(134, 180, 186), labelled(1, 82, 82))
    assert "1 of the 134 examples of billing" in note
    assert "about 44" in note
    assert "selection.keep_label_proportions=true" in note


@pytest.mark.parametrize(
    ("every", "chosen"),
    [
        ((134, 180, 186), (44, 60, 61)),
        ((134, 180, 186), (12, 73, 80)),  # fewer, as ambiguity has it
        ((10, 240, 250), (0, 80, 85)),  # so few that chance can leave them out
    ],
)
def test_others_are_not(every, chosen):
    assert list(labels_left_out(labelled(*every), labelled(*chosen))) == []
