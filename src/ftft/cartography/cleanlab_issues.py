"""What cleanlab finds in the data: likely label errors, near-duplicates and outliers.

cleanlab is an extra (``pip install 'ftft[cleanlab]'``), loaded when it is asked for.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.cartography.label_errors import label_quality_probabilities
from ftft.cartography.ranking import top
from ftft.cartography.tables import label_names
from ftft.dynamics.container import TrainingDynamics
from ftft.errors import DynamicsError, reason

# Dimensions that texts are reduced to, and the examples that cleanlab compares each with.
_DIMENSIONS = 128
_NEIGHBOURS = 10


@dataclass(frozen=True, eq=False)
class Issues:
    """What cleanlab says of N examples.

    Attributes:
        table: Arrow table ``example_id, label, score, rank, is_label_issue, suggested_label``;
            a low score (the label's quality, in [0, 1]) is suspicious, rank 0 the most. With
            texts also ``is_near_duplicate, near_duplicates`` (their ids), `is_outlier,
            outlier_score` (low is far from all others).
        label_errors: The estimated number of label errors; the flagged ones may be more or fewer.
    """

    table: pa.Table
    label_errors: int

    def flagged(self, name: str) -> int:
        """How many examples have a flag, such as ``is_label_issue``."""
        return int(self.table.column(name).to_numpy().sum())


def cleanlab_issues(
    dynamics: TrainingDynamics, texts: Sequence[str] | None = None, *, burn_in: int = 0
) -> Issues:
    """Find likely label errors by confident learning; with texts also near-duplicates and outliers.

    The probabilities are those of ``label_quality_probabilities``, which are **not
    out-of-sample**: label errors that the model has memorised are missed. Texts are compared
    by their character n-grams (TF-IDF, reduced by SVD).

    Args:
        dynamics: What was recorded of N examples.
        texts: (N,) texts, in the order of the examples.
        burn_in: How many of the first complete recording points to leave out.

    Raises:
        DynamicsError: Cleanlab is not installed or refuses the data, there are fewer than two
            classes, or the texts are not those of the examples.
    """
    cleanlab = _cleanlab()
    means = label_quality_probabilities(dynamics, burn_in)
    # cleanlab takes classes that have examples only.
    present, labels = np.unique(dynamics.labels, return_inverse=True)
    if len(present) < 2:
        raise DynamicsError(
            "All examples have the same label, so there is nothing that a label could be mistaken "
            "for. Give dynamics with gold labels of at least two classes."
        )
    # A class without examples may take all of an example's probability.
    probabilities = np.maximum(means[:, present], np.finfo(np.float64).tiny)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    with _explained():
        flags = cleanlab.filter.find_label_issues(labels, probabilities, n_jobs=1)
        estimated = int(cleanlab.count.num_label_issues(labels, probabilities))
        quality = cleanlab.rank.get_label_quality_scores(labels, probabilities)
    suggested = label_names(dynamics.class_names, present[probabilities.argmax(axis=1)])
    columns: dict[str, Any] = {
        "example_id": dynamics.example_ids,
        "label": label_names(dynamics.class_names, dynamics.labels),
        "score": quality,
        "is_label_issue": np.asarray(flags, dtype=np.bool_),
        "suggested_label": suggested,
    }
    if texts is not None:
        columns |= _of_texts(cleanlab, texts, dynamics.example_ids)
    rows = top(quality, dynamics.example_ids, len(dynamics), largest=False)
    table = pa.table(columns).take(pa.array(rows))
    return Issues(table.add_column(3, "rank", pa.array(np.arange(len(rows)))), estimated)


def _of_texts(cleanlab: Any, texts: Sequence[str], ids: pa.StringArray) -> dict[str, Any]:
    if len(texts) != len(ids):
        raise DynamicsError(
            f"There are {len(texts)} texts for {len(ids)} examples. Give the text of each example, "
            "in the order of the dynamics."
        )
    if len(texts) <= _NEIGHBOURS:
        raise DynamicsError(
            f"There are {len(texts)} examples, but near-duplicates and outliers are looked for "
            f"among at least {_NEIGHBOURS + 1}. Leave the texts out."
        )
    with _explained():
        lab = cleanlab.Datalab({"row": list(range(len(texts)))}, verbosity=0)
        kinds: dict[str, Any] = {"near_duplicate": {}, "outlier": {"k": _NEIGHBOURS}}
        lab.find_issues(features=_features(texts), issue_types=kinds)
        same, far = lab.get_issues("near_duplicate"), lab.get_issues("outlier")
    names = ids.to_pylist()
    sets = [[names[int(one)] for one in others] for others in same["near_duplicate_sets"]]
    return {
        "is_near_duplicate": same["is_near_duplicate_issue"].to_numpy(),
        "near_duplicates": pa.array(sets, pa.list_(pa.string())),
        "is_outlier": far["is_outlier_issue"].to_numpy(),
        "outlier_score": far["outlier_score"].to_numpy(),
    }


def _features(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    counted = weights.fit_transform(texts)
    dimensions = min(_DIMENSIONS, counted.shape[0] - 1, counted.shape[1] - 1)
    if dimensions < 1:
        return np.asarray(counted.todense())
    return np.asarray(TruncatedSVD(dimensions, random_state=0).fit_transform(counted))


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Keep quiet what cleanlab prints, and turn what it raises into a DynamicsError."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except (ValueError, TypeError, IndexError, AssertionError) as error:
        raise DynamicsError(
            f"cleanlab cannot use these dynamics: {reason(error)}. Rank by aum or confidence."
        ) from error


def _cleanlab() -> Any:
    try:
        import cleanlab
        import cleanlab.count
        import cleanlab.filter
        import cleanlab.rank
    except ImportError as error:
        raise DynamicsError(
            "This needs cleanlab, which is not installed: pip install 'ftft[cleanlab]'. Or rank "
            "label errors by aum or confidence, which need nothing else."
        ) from error
    return cleanlab
