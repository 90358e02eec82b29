"""Examples whose label is probably wrong, and probabilities for tools that look for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.cartography.burn_in import epochs_used
from ftft.cartography.datamap import DataMap
from ftft.cartography.ranking import top
from ftft.cartography.tables import label_names
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.values import softmax
from ftft.errors import DynamicsError
from ftft.utils.nearest import nearest

SCORES = ("confidence", "aum")
_OF_DYNAMICS = ("cleanlab", "word")


def check_score(by: str) -> None:
    """Check the name of what label errors are ranked by.

    Raises:
        DynamicsError: It is none of ``SCORES``.
    """
    if by not in SCORES:
        raise DynamicsError(
            f"Label errors cannot be ranked by {by!r}.{nearest(str(by), (*SCORES, *_OF_DYNAMICS))} "
            f"Use one of: {', '.join(SCORES)}; of dynamics also {' and '.join(_OF_DYNAMICS)}."
        )


def label_error_candidates(datamap: DataMap, by: str = "aum", count: int | None = None) -> pa.Table:
    """Rank examples by how likely their label is wrong, the likeliest first.

    Both scores find examples that the model did not come to agree with. Such an example
    may be mislabelled, or only hard: look at it before it is changed.

    Args:
        datamap: The map of N examples.
        by: "confidence": lowest mean probability of the label (hard-to-learn; Swayamdipta
            et al. 2020, section 5). "aum": lowest area under the margin (Pleiss et al.
            2020, section 3), which unlike a probability does not level off.
        count: How many; all N where None.

    Returns:
        Arrow table ``example_id, label, score, rank``; a low score is suspicious, rank 0 the
        most; equal scores by ascending id.

    Raises:
        DynamicsError: An unknown score, one that the map lacks, or a count out of range.
    """
    check_score(by)
    scores = datamap.aum if by == "aum" else datamap.confidence
    if np.isnan(scores).any():
        raise DynamicsError(
            f"The map has no {by}: it was imported from coordinates, or its task has no margins. "
            "Rank by confidence (--by confidence), or make the map from dynamics of logits."
        )
    wanted = len(datamap) if count is None else count
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 < wanted <= len(datamap):
        raise DynamicsError(
            f"{count!r} label-error candidates were asked for; give a number from 1 to "
            f"{len(datamap)}."
        )
    rows = top(scores, datamap.example_ids, wanted, largest=False)
    return pa.table(
        {
            "example_id": datamap.example_ids.take(pa.array(rows)),
            "label": label_names(datamap.group_names, datamap.labels[rows]),
            "score": pa.array(scores[rows].astype(np.float64)),
            "rank": pa.array(np.arange(wanted)),
        }
    )


def label_quality_probabilities(
    dynamics: TrainingDynamics, burn_in: int = 0
) -> npt.NDArray[np.float64]:
    """Mean over epochs of the predicted class probabilities, ready for cleanlab.

    **These are not out-of-sample probabilities**, which confident learning (Northcutt et
    al. 2021) asks for. They come from the training run itself: each is predicted before
    the model is updated on the example in that epoch, but, from the second epoch on,
    after it was trained on it in earlier ones. A model that memorises labels makes wrong
    ones look right. Averaging keeps the early epochs, in which little is memorised, in the
    balance, and so the ranking useful; do not read the numbers as calibrated, and use
    cross-validated predictions where a decision depends on them.

    Args:
        dynamics: What was recorded.
        burn_in: How many of the first complete recording points to leave out.

    Returns:
        float64 array of shape (N, C); each row sums to 1. With the gold labels,
        ``cleanlab.filter.find_label_issues(dynamics.labels, probabilities)`` takes it as it is.

    Raises:
        DynamicsError: No complete recording point is left, or one cannot be read.
    """
    epochs = epochs_used(dynamics, burn_in, least=1)
    total: npt.NDArray[np.float64] = np.zeros((len(dynamics), dynamics.num_classes))
    for epoch in epochs:
        logits = dynamics.epoch_logits(epoch)
        for start in range(0, len(logits), 1 << 15):
            rows = slice(start, start + (1 << 15))
            total[rows] += softmax(logits[rows])
    return np.asarray(total / total.sum(axis=1, keepdims=True))
