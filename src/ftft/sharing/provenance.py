"""Where something comes from, as far as the run folder it lies in says: models, cost, scores.

Nothing of this machine goes out: a model that is a local folder is named by its last part, and
of the environment the versions of the packages are given, not the machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftft.config.methods import METHODS
from ftft.errors import WorkspaceError
from ftft.results.read import read_run
from ftft.results.verdict import verdict
from ftft.workspace.layout import RESULTS_NAME, run_folder_of, stage_name
from ftft.workspace.stage_record import RECORD_NAME, read_record

_SETTINGS = (
    *("learning_rate", "batch_size", "epochs", "max_length", "warmup", "batching", "layers"),
    *("revision", "freeze_embeddings", "adapter", "quantization"),
)
_PARAMETERS = ("trained_parameters", "parameters")


def public_name(model: str) -> str:
    """A model's name without the folders of this machine."""
    local = model.startswith(("/", ".", "~")) or os.path.isabs(model) or Path(model).is_dir()
    return Path(model).name if local else model


def provenance(path: Path) -> dict[str, Any]:
    """What the run folder around a file or folder says about it.

    Args:
        path: What is shared.

    Returns:
        Plain JSON values, each key only where it is known: ``run``, ``seed``, ``method``,
        ``reference`` and ``main`` (trainings), ``map``, ``selection``, ``preflight``, ``data``,
        ``test`` (scores), ``cost_relative_to_erm``, ``verdict`` (of FTFT, over all
        seeds), ``packages``. Of a study only what the stage's own record says. Empty where there
        is no record.

    Raises:
        WorkspaceError: A record of the run is damaged.
    """
    stage = _stage_of(path)
    if stage is None:
        return {}
    place, seed, own = run_folder_of(stage), stage.name, _record(stage)
    kind = "" if place is None else stage.relative_to(place).parts[0]
    method = _method_of(kind)
    stages = {} if method is None else METHODS[method].stages
    # In a study one reference serves many main models: only the stage speaks for itself.
    run = place if place == stage.parent.parent else None
    records = {
        role: own if run is None else _record(run / name / seed)
        for role, name in stages.items()
        if run is not None or name == kind
    }
    reference, main = records.get("reference"), records.get("main")
    datamap, selection = records.get("map"), records.get("selection")
    known = {
        "run": None if run is None else run.name,
        "seed": int(seed.removeprefix("seed-")),
        "method": method if run is not None or stages.get("main") == kind else None,
        "reference": _training(reference),
        "main": _training(main),
        "map": None if datamap is None else datamap["made_from"].get("map"),
        "selection": None if selection is None else selection["made_from"].get("selection"),
        "preflight": _verdict(datamap),
        "data": _fingerprint(own, reference, main, selection),
        "test": None if run is None else _test_scores(run, method, seed, main),
        **({} if run is None else _found(run, method, seed, reference, main)),
        "packages": None if own is None else own["environment"].get("packages"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _stage_of(path: Path) -> Path | None:
    place = path.absolute()
    for folder in (place, *place.parents):
        if (folder / RECORD_NAME).is_file() and folder.name.startswith("seed-"):
            return folder if folder.name.removeprefix("seed-").isdecimal() else None
    return None


def _record(stage: Path) -> dict[str, Any] | None:
    record = read_record(stage, stage_name(stage))
    return record if record is not None and record["status"] == "finished" else None


def _training(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A training: model, settings, length, cost and development scores."""
    if record is None:
        return None
    settings, result = record["made_from"]["settings"], record["result"]
    cost = result["cost"]
    counts = {name: result[name] for name in _PARAMETERS if result.get(name)}
    return counts | {
        "model": public_name(settings["model"]),
        "settings": {name: settings[name] for name in _SETTINGS if settings.get(name) is not None},
        "steps": result["steps"],
        "kept_step": result["kept_step"],
        "precision": result["precision"],
        "flops": cost["training"]["flops"] + cost["evaluation"]["flops"],
        "seconds": cost["training"]["seconds"] + cost["evaluation"]["seconds"],
        "dev_scores": result["dev_scores"],
    }


def _method_of(kind: str) -> str | None:
    """The method of a stage; ERM's training is ERM's, though DM reads it too."""
    own = [method.key for method in METHODS.values() if method.stages["main"] == kind]
    others = [method.key for method in METHODS.values() if kind in method.stages.values()]
    return next(iter([*own, *others]), None)


def _verdict(datamap: Mapping[str, Any] | None) -> str | None:
    found = {} if datamap is None else datamap["result"].get("preflight", {})
    verdict = found.get("verdict")
    return None if verdict is None else str(verdict)


def _fingerprint(*records: Mapping[str, Any] | None) -> dict[str, str] | None:
    for record in records:
        made_from = {} if record is None else record["made_from"]
        found = made_from.get("train") or made_from.get("data")
        if found:
            return {"fingerprint": found}
    return None


def _test_scores(
    run: Path, method: str | None, seed: str, main: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The test scores of exactly this main model; None where it was not scored."""
    scored = None if main is None else _record(run / "scores" / str(method) / seed)
    if main is None or scored is None or scored["made_from"].get("model") != main["digest"]:
        return None
    return {name: values["metrics"] for name, values in scored["result"].items()}


def _found(
    run: Path,
    method: str | None,
    seed: str,
    reference: Mapping[str, Any] | None,
    main: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Cost over ERM's, and FTFT's verdict; nothing unless the results are about these trainings."""
    if main is None or not (run / RESULTS_NAME).is_file():
        return {}
    try:
        results = read_run(run)
    except WorkspaceError:
        return {}  # of another version; the rest is known all the same
    flops = [
        0.0 if one is None else one["result"]["cost"]["training"]["flops"]
        for one in (reference, main)
    ]
    for one in results.runs:
        cost = one.record["cost"]
        spent = [cost["flops"]["reference"], cost["flops"]["main"]]
        if (one.method, f"seed-{one.seed}", spent) == (method, seed, flops):
            return {
                "cost_relative_to_erm": {
                    **cost["relative_to_erm"],
                    "erm_estimated": cost["erm_estimated"],
                    "jobs": one.jobs,
                },
                "verdict": verdict(results).sentence if method == "ftft" else None,
            }
    return {}
