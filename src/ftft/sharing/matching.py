"""Whether something from elsewhere is about the same training examples as an experiment's data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.data.dataset import LabelledDataset
from ftft.dynamics.store import read_dynamics
from ftft.errors import SharingError
from ftft.selection.selection import Selection
from ftft.sharing.manifest import Manifest


def check_match(folder: Path, manifest: Manifest, train: LabelledDataset, experiment: str) -> str:
    """Check that a main model can be trained with what was pulled.

    The same fingerprint of the training data is enough. Otherwise every example that is named must
    be a training example, with the same label; the training data may hold more.

    Args:
        folder: What was pulled.
        manifest: Its manifest.
        train: The training data of the experiment.
        experiment: The experiment's name, for messages.

    Returns:
        What was found, in a sentence.

    Raises:
        SharingError: They are not about the same examples; says how many differ, and what to do.
    """
    if manifest.kind == "model":
        return _same_classes(manifest, train, experiment)
    theirs = manifest.about.get("data", {}).get("fingerprint")
    if theirs == train.fingerprint:
        return "the training data are the same, row by row"
    ids, labels = _examples(folder, manifest)
    position = pc.index_in(ids, value_set=train.example_ids)
    if position.null_count:
        first = str(ids.filter(position.is_null())[0])[:80]
        raise SharingError(
            f"{position.null_count:,} of the {len(ids):,} examples of this {manifest.kind} are not "
            f"among the {len(train):,} training examples of experiment {experiment} (the first is "
            f"{first!r}), so it cannot say what to train on. Is it the same training file, read "
            "with the same label names, with the same 'id' column or none, and no 'limit', 'where' "
            "or 'holdout' that takes rows away? With a development set of your own, none is held "
            "out."
        )
    if labels is not None:
        groups = train.class_names or ("all",)  # as a map says it
        ours = pa.array([groups[i] for i in train.labels.tolist()]).take(position)
        different = pc.not_equal(labels, ours)
        count = pc.sum(different).as_py() or 0
        if count:
            row = different.index(pa.scalar(True)).as_py()
            first = f"{str(ids[row])[:80]!r}: {labels[row]} there, {ours[row]} here"
            raise SharingError(
                f"{count:,} of the {len(ids):,} examples of this {manifest.kind} have another "
                f"label in experiment {experiment} (the first is {first}). Give your labels the "
                "same names with 'labels', or use the same version of the data."
            )
    more = len(train) - len(ids)
    known = f"; {more:,} training examples are not in it" if more and labels is not None else ""
    return f"all {len(ids):,} examples are training examples with the same ids{known}"


def _examples(folder: Path, manifest: Manifest) -> tuple[pa.Array, pa.Array | None]:
    """Ids, and label names where they are known."""
    if manifest.kind == "selection":
        return Selection.read(folder / SELECTION_NAME).example_ids, None
    if manifest.kind == "map":
        table = DataMap.read(folder / MAP_NAME).to_table()
        return table.column("example_id").combine_chunks(), table.column("label").combine_chunks()
    dynamics = read_dynamics(folder)
    groups = dynamics.class_names or ("all",)
    names = pa.array([groups[label] for label in dynamics.labels.tolist()])
    return dynamics.example_ids, names


def _same_classes(manifest: Manifest, train: LabelledDataset, experiment: str) -> str:
    classes = tuple(map(str, manifest.about.get("data", {}).get("classes", ())))
    if classes != train.class_names:
        raise SharingError(
            f"this model answers with {', '.join(classes)}, in this order, and experiment "
            f"{experiment} has the classes {', '.join(train.class_names)}; name the same ones with "
            "'labels' and 'classes'."
        )
    return f"the classes are the same ({', '.join(classes)})"
