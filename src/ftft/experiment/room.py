"""Prompts that leave no room for their completion: refused, or left out everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ftft.config.data import DataSource
from ftft.config.schema import Experiment, FineTuning
from ftft.data.completions import places
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.errors import DataError
from ftft.tasks import load_data
from ftft.tasks.causal_lm import CAUSAL_LM
from ftft.training.models import load_tokenizer

# Rows that a message names.
_NAMED = 5


def usable_data(experiment: Experiment) -> TaskData:
    """The data of an experiment, without the examples that it leaves out.

    Where it leaves out none, no model is looked at: who encodes the data refuses such examples.

    Raises:
        FtftError: Something cannot be read or does not fit, or a tokenizer cannot be loaded.
    """
    data = load_data(experiment)
    return data if experiment.data.without_room == "refuse" else with_room(experiment, data)


def with_room(experiment: Experiment, data: TaskData) -> TaskData:
    """The data without the examples whose prompts leave no room for their completion.

    Of training and in-distribution development sets an example needs room in the reference's tokens
    and in the main model's, so that all methods see the same examples; of all other sets, which the
    main model alone is scored on, in its tokens. The data's fingerprint stays that of what was
    read.

    Raises:
        DataError: There are such examples and the experiment does not leave them out, or no
            example of a set is left.
        ModelError: A tokenizer cannot be loaded.
    """
    if experiment.task != CAUSAL_LM.name:
        return data
    kept: dict[str, LabelledDataset] = {}
    remarks, left_out, problems = [*data.remarks], {**data.left_out}, []
    for role, dataset in _sets(data):
        models = (experiment.reference, experiment.main)
        lost = _lost(dataset, models if role in ("train", "dev") else models[1:])
        if not lost:
            continue
        about = _about(experiment, role, dataset, lost)
        if experiment.data.without_room == "refuse" or len(lost) == len(dataset):
            problems.append(about)
            continue
        ids = np.array(dataset.example_ids.to_pylist(), dtype=object)
        kept[dataset.name] = dataset.take(ids[~np.isin(ids, [*lost])].tolist())
        left_out[dataset.name] = {**left_out.get(dataset.name, {}), "without_room": len(lost)}
        remarks.append(f"{about}; left out, as data.without_room says")
    if problems:
        raise DataError(f"{'; '.join(problems)}. {_remedy(experiment)}")
    left = {
        role: {name: kept.get(name, one) for name, one in found.items()}
        for role, found in data.evaluation_sets.items()
    }
    return replace(
        data,
        train=kept.get("train", data.train),
        dev=left["dev"],
        dev_ood=left["dev_ood"],
        test=left["test"],
        test_ood=left["test_ood"],
        remarks=tuple(remarks),
        left_out=left_out,
    )


def _sets(data: TaskData) -> Iterator[tuple[str, LabelledDataset]]:
    yield "train", data.train
    for role, sets in data.evaluation_sets.items():
        yield from ((role, dataset) for dataset in sets.values())


def _lost(dataset: LabelledDataset, models: Sequence[FineTuning]) -> dict[str, FineTuning]:
    """Ids of the examples without room, and a model in whose tokens they have none."""
    from ftft.tasks.completions import without_room

    found: dict[str, FineTuning] = {}
    for settings in models:
        tokenizer, length = load_tokenizer(settings), settings.max_length
        lost = without_room(dataset, tokenizer, max_length=length)
        found = dict.fromkeys(lost, settings) | found
    return found


def _about(
    experiment: Experiment, role: str, dataset: LabelledDataset, lost: dict[str, FineTuning]
) -> str:
    """Which examples have no room, by row and id, and in whose tokens."""
    from ftft.tasks.completions import no_room

    ids, settings = [*lost], next(iter(lost.values()))
    rows = places(_sources(experiment, role, dataset.name), ids[:_NAMED])
    named = [f"{row} (id {one!r})" for row, one in zip(rows, ids, strict=False)]
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    length = settings.max_length
    which = "reference" if settings is experiment.reference else "main"
    return (
        f"data set {dataset.name!r}: {no_room(len(ids), length)} by {which}.model: "
        f"{', '.join(named)}{more}"
    )


def _sources(experiment: Experiment, role: str, name: str) -> Sequence[DataSource]:
    named = experiment.data.evaluation_sets.get(role, {})
    return [named[name]] if name in named else experiment.data.train


def _remedy(experiment: Experiment) -> str:
    longest = max(experiment.reference.max_length, experiment.main.max_length)
    if experiment.data.without_room == "leave-out":
        return f"Nothing is left of it: raise max_length (it is {longest} at most)."
    return (
        "Raise max_length, take these rows out of the data, or leave them out of everything with "
        "data.without_room=leave-out."
    )
