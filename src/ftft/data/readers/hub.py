"""Data sets of the hub, local data set folders and folders of ``save_to_disk``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftft.config.data import DataSource
from ftft.data.messages import listed
from ftft.errors import DataError
from ftft.utils.hub_reach import asking_the_hub, unreachable
from ftft.utils.nearest import nearest

if TYPE_CHECKING:
    from datasets import Dataset


def open_hub(source: DataSource) -> Dataset:
    """Open the split of a data set that a source names.

    Args:
        source: A source with ``hub`` set.

    Returns:
        The split, as ``datasets`` gives it.

    Raises:
        DataError: The data set, its configuration or its split does not exist or cannot
            be had (no network, no access), or there are several splits and none is named.
    """
    assert source.hub is not None
    folder = Path(source.hub)
    if os.path.isfile(folder):
        raise DataError(
            f"{source.hub} is a file, where 'hub' names a data set of the hub or a folder; give it "
            "under 'path'."
        )
    if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
        return _one_split(_from_disk(source), source)
    return _one_split(_load(source), source)


def _from_disk(source: DataSource) -> Any:
    from datasets import load_from_disk

    if source.config or source.revision:
        raise DataError(
            f"{source.hub} was written by save_to_disk, where there is no 'config' and no "
            "'revision'; leave them out."
        )
    try:
        return load_from_disk(source.hub)
    except Exception as error:
        raise DataError(
            f"{source.hub}: cannot be read ({_reason(error)}). Copy the folder again, or write it "
            "again with save_to_disk."
        ) from error


def _load(source: DataSource) -> Any:
    from datasets import load_dataset

    assert source.hub is not None
    revision = source.revision
    try:
        with asking_the_hub(source.hub):
            return load_dataset(source.hub, source.config, split=source.split, revision=revision)
    # Any exception: what a data set's own files, the hub's client and the network raise
    # has no common base, and none of it is a fault of ftft.
    except Exception as error:
        why = "; ".join(filter(None, [unreachable(source.hub), _reason(error)]))
        raise DataError(
            f"{source.place}: cannot be loaded ({why}). Check the name, 'config', "
            "'split' and 'revision'; a private or gated data set needs `hf auth login`; without "
            "a network, give a local folder, or a file under 'path'."
        ) from error


def _one_split(loaded: Any, source: DataSource) -> Dataset:
    """Return a single data set as it is; of several, the one that is named or the only one."""
    from datasets import Dataset

    if isinstance(loaded, Dataset):
        return loaded
    names = [str(name) for name in loaded]
    if source.split in names:
        return loaded[source.split]
    if source.split is not None:
        raise DataError(
            f"{source.hub}: there is no split {source.split!r}.{nearest(source.split, names)} "
            f"The splits are: {listed(names)}."
        )
    if len(names) > 1:
        raise DataError(f"{source.hub}: choose one of its splits with 'split': {listed(names)}.")
    return loaded[names[0]]


def _reason(error: Exception) -> str:
    """The first line of a foreign message, cut short."""
    lines = str(error).strip().splitlines() or [""]
    text = lines[0] if len(lines[0]) <= 300 else lines[0][:300] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
