"""What lies at a path, made ready to be shared: the files that go out, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.config.adapter import ADAPTER_FILE
from ftft.dynamics.header import HEADER_NAME, read_header
from ftft.dynamics.store import check_dynamics, read_dynamics
from ftft.errors import DynamicsError, SharingError
from ftft.selection.selection import Selection
from ftft.sharing.manifest import FileEntry, Kind, Manifest, is_shared
from ftft.sharing.provenance import provenance, public_name
from ftft.utils.atomic import sha256_of
from ftft.utils.below import files_below, one_of
from ftft.utils.nearest import nearest_beside
from ftft.workspace.layout import run_folder_of
from ftft.workspace.workspace import check_artifact

# Where transformers writes down the folder that a model was loaded from.
_NAME_KEYS = ("_name_or_path", "name_or_path", "base_model_name_or_path")


@dataclass(frozen=True)
class Bundle:
    """What is to be shared.

    Attributes:
        manifest: Its files with checksums, and where it comes from.
        contents: File name to where its content lies, or the content itself where it was changed.
        left_out: Files of the folder that are not shared.
    """

    manifest: Manifest
    contents: Mapping[str, Path | bytes]
    left_out: tuple[str, ...] = ()


def bundle(path: Path, selection: Path | None = None) -> Bundle:
    """Find out what lies at a path and check that it is whole.

    Args:
        path: A dynamics folder, a ``map.parquet``, a ``selection.parquet``, a model folder, or the
            stage of a run that holds one of them.
        selection: A selection to go with a map; by default that of the same run and seed.

    Raises:
        SharingError: It is none of these.
        DynamicsError, ModelError, WorkspaceError: It is damaged.
    """
    if not path.exists():
        raise SharingError(
            f"{path} does not exist.{nearest_beside(path)} Give a dynamics folder, a map.parquet, "
            "a selection.parquet or a model folder, such as runs/NAME/map/seed-0/map.parquet."
        )
    check_artifact(path)
    kind, found = _recognised(path)
    if selection is not None and kind != "map":
        raise SharingError(f"--selection goes with a map; {path} is a {kind}.")
    if kind == "dynamics":
        return _dynamics(found)
    if kind == "model":
        return _model(found)
    if kind == "map":
        return _map(found, selection if selection is not None else _selection_of(found))
    return _selection(found)


def _recognised(path: Path) -> tuple[Kind, Path]:
    if path.is_dir():
        # A recorded ERM has a model and dynamics: the folder of one of them has to be named.
        inside = [path / name for name in ("dynamics", "model") if (path / name).is_dir()]
        if len(inside) == 2:
            raise SharingError(
                f"{path}: holds both a model and dynamics; give {inside[0]} or {inside[1]}."
            )
        for name in (MAP_NAME, SELECTION_NAME):
            if (path / name).is_file():
                return _recognised(path / name)
        for folder in (path / "dynamics", path):
            if (folder / HEADER_NAME).is_file():
                return "dynamics", folder
        for folder in (path, path / "model"):
            if (folder / "config.json").is_file():
                return "model", folder
        raise SharingError(
            f"{path}: holds neither dynamics nor a map, a selection or a model; give the folder or "
            f"file itself, such as {one_of(_below(path))}."
        )
    try:
        DataMap.read(path)
        return "map", path
    except DynamicsError as not_a_map:
        try:
            Selection.read(path)
            return "selection", path
        except DynamicsError:
            # The first complaint is the better one where the file is neither.
            raise not_a_map from None


def _below(folder: Path) -> list[Path]:
    """One of each kind of what can be shared, as far as there is one further below."""
    names = (HEADER_NAME, MAP_NAME, SELECTION_NAME, "config.json")
    first = [found[0] for name in names if (found := files_below(folder, name))]
    given = [one if one.suffix == ".parquet" else one.parent for one in first]
    return given or [Path("runs/NAME/reference/seed-0/dynamics")]


def _selection_of(datamap: Path) -> Path | None:
    """The selection that the same run drew from a map, if it did."""
    stage = datamap.absolute().parent
    name = {"map": "selection", "dm-map": "dm-selection"}.get(stage.parent.name)
    # Of a study several selections are drawn from one map: none of them is the one.
    if name is None or run_folder_of(stage) != stage.parent.parent:
        return None
    path = stage.parent.parent / name / stage.name / SELECTION_NAME
    return path if path.is_file() else None


def _dynamics(folder: Path) -> Bundle:
    check_dynamics(folder)
    dynamics, header = read_dynamics(folder), read_header(folder)
    contents: dict[str, Path | bytes] = _shared_files(folder, "dynamics")
    model = header.meta.get("model")
    if isinstance(model, str) and public_name(model) != model:
        meta = {**header.meta, "model": public_name(model)}
        contents[HEADER_NAME] = replace(header, meta=meta).to_text().encode()
    known = {
        "examples": len(dynamics),
        "classes": list(header.class_names),
        "points": len(dynamics.epochs),
        "fingerprint": header.meta.get("data"),
    }
    return _bundle("dynamics", folder, contents, known, _others(folder, contents))


def _map(path: Path, selection: Path | None) -> Bundle:
    drawn = DataMap.read(path)
    contents: dict[str, Path | bytes] = {MAP_NAME: path}
    if selection is not None:
        check_artifact(selection)
        chosen = Selection.read(selection)
        unknown = set(chosen.example_ids.to_pylist()) - set(drawn.example_ids.to_pylist())
        if unknown:
            raise SharingError(
                f"{selection}: {len(unknown):,} of its examples are not in {path}, so it was not "
                "selected from this map; give the selection that was, with --selection."
            )
        contents[SELECTION_NAME] = selection
    known = {"examples": len(drawn), "classes": list(drawn.class_names)}
    return _bundle("map", path, contents, known)


def _selection(path: Path) -> Bundle:
    return _bundle(
        "selection", path, {SELECTION_NAME: path}, {"examples": Selection.read(path).total}
    )


def _model(folder: Path) -> Bundle:
    from ftft.training.saved import load_finetuned, task_of

    model, _ = load_finetuned(folder)
    contents: dict[str, Path | bytes] = _shared_files(folder, "model")
    for name in ("config.json", "tokenizer_config.json", ADAPTER_FILE):
        if name in contents:
            contents[name] = _without_folders(folder / name)
    task, names = task_of(folder), model.config.id2label
    known: dict[str, Any] = {"task": task.name}
    if task.new_head:
        known["classes"] = [str(names[index]) for index in range(model.config.num_labels)]
    return _bundle("model", folder, contents, known, _others(folder, contents))


def _shared_files(folder: Path, kind: Kind) -> dict[str, Path | bytes]:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: path for path in paths if is_shared(path.name, kind)}


def _others(folder: Path, shared: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir() if path.name not in shared))


def _without_folders(path: Path) -> Path | bytes:
    """A model's JSON without the name of the folder that it was loaded from."""
    values = json.loads(path.read_text(encoding="utf-8"))
    named = {key: values[key] for key in _NAME_KEYS if isinstance(values.get(key), str)}
    public = {key: public_name(name) for key, name in named.items()}
    return path if public == named else json.dumps(values | public, indent=2).encode()


def _bundle(
    kind: Kind,
    source: Path,
    contents: Mapping[str, Path | bytes],
    known: Mapping[str, Any],
    left_out: tuple[str, ...] = (),
) -> Bundle:
    about = provenance(source)
    data = {key: value for key, value in known.items() if value is not None}
    about["data"] = data | about.get("data", {})
    files = {name: _entry(content) for name, content in contents.items()}
    return Bundle(Manifest(kind, files, about), contents, left_out)


def _entry(content: Path | bytes) -> FileEntry:
    if isinstance(content, Path):
        return FileEntry(content.stat().st_size, sha256_of(content))
    return FileEntry(len(content), hashlib.sha256(content).hexdigest())
