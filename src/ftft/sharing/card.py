"""The card that goes with what is shared: what it is, how it was made, its cost, how to use it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from ftft.cartography.tables import SELECTION_NAME
from ftft.config.adapter import ADAPTER_FILE, Adapter
from ftft.config.methods import METHODS
from ftft.config.tasks import METRIC_NAMES
from ftft.results.formatting import percent, ratio
from ftft.results.jobs import side_by_side
from ftft.sharing.manifest import Manifest
from ftft.sharing.targets import FILE_PREFIX, Repository
from ftft.tasks import TASKS

Rows = list[tuple[str, str]]

_TITLES = {
    "dynamics": "Training dynamics",
    "map": "Data map",
    "selection": "Selected training examples",
    "model": "Fine-tuned model",
}
_PIPELINES = {
    "classification": "text-classification",
    "multiple-choice": "multiple-choice",
    "token-classification": "token-classification",
    "causal-lm": "text-generation",
}
_NOUNS = {
    "classification": "text classifier",
    "multiple-choice": "multiple-choice model",
    "token-classification": "token classifier",
    "causal-lm": "language model",
}
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&$])")


def card(manifest: Manifest, place: Repository | None) -> str:
    """Write the card.

    Args:
        manifest: What is shared.
        place: The repository; None for a folder, whose name is left to the reader.

    Returns:
        Markdown with YAML metadata, as the hub shows it.
    """
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["plain"] = plain
    text = (resources.files("ftft.sharing") / "templates/card.md.jinja").read_text("utf-8")
    return environment.from_string(text).render(
        kind=manifest.kind,
        metadata=yaml.safe_dump(_metadata(manifest), sort_keys=False, allow_unicode=True),
        title=plain(_title(manifest.about, manifest.kind)),
        summary=plain(_summary(manifest)),
        place=f"{FILE_PREFIX}THIS_FOLDER" if place is None else place,
        loaded="THIS_FOLDER" if place is None else place.id,
        auto_class=TASKS[_task(manifest.about)].auto_class,
        is_adapter=ADAPTER_FILE in manifest.files,
        quantization=_main_settings(manifest.about).get("quantization"),
        has_selection=SELECTION_NAME in manifest.files,
        sections=list(_sections(manifest.about)),
        files=[(name, f"{entry.bytes:,}") for name, entry in manifest.files.items()],
    )


def plain(value: object) -> str:
    """A text from data, on one line, none of whose characters is markup."""
    line = "".join(c if c.isprintable() else " " for c in str(value))
    return _MARKUP.sub(r"\\\1", line)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    about = manifest.about
    tags = ["ftft", "training-dynamics", "data-map", "dataset-cartography"]
    if manifest.kind != "model":
        # The hub would take the Parquet files for one table and show that they are none.
        return {"pretty_name": _title(about, manifest.kind), "viewer": False, "tags": tags}
    tag = _PIPELINES[_task(about)]
    metadata: dict[str, Any] = {
        "library_name": "peft" if ADAPTER_FILE in manifest.files else "transformers",
        "pipeline_tag": tag,
        "tags": ["ftft", tag],
    }
    base = about.get("main", {}).get("model", "")
    # A folder's name is no model of the hub; an id with its owner is.
    if base.count("/") == 1 and ":" not in base:
        metadata["base_model"] = base
        if ADAPTER_FILE in manifest.files:
            metadata["base_model_relation"] = "adapter"
    return metadata


def _task(about: Mapping[str, Any]) -> str:
    return str(about.get("data", {}).get("task", "classification"))


def _title(about: Mapping[str, Any], kind: str) -> str:
    model = about.get("main" if kind == "model" else "reference", {}).get("model")
    run = about.get("run")
    parts = [_TITLES[kind], f"of {model}" if model else "", f"({run})" if run else ""]
    return " ".join(part for part in parts if part)


def _main_settings(about: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = about.get("main", {}).get("settings", {})
    return found


def _summary(manifest: Manifest) -> str:
    about, data = manifest.about, manifest.about.get("data", {})
    classes = ", ".join(map(str, data.get("classes", [])))
    labels = f" with the labels {classes}" if classes else ""
    if manifest.kind == "model":
        known = METHODS.get(about.get("method", ""))
        method = "" if known is None else known.card
        trained = f"{_NOUNS[_task(about)]}{labels}{f', trained {method}' if method else ''}."
        if ADAPTER_FILE not in manifest.files:
            return f"A {trained}"
        given = _main_settings(about).get("adapter")
        kind = "LoRA" if given is None else Adapter.model_validate(given).label
        return f"An adapter ({kind}) that makes {_base(about)} a {trained}"
    count = f"{data.get('examples', 0):,} training examples{labels}"
    if manifest.kind == "dynamics":
        return (
            f"The logits that a model gave each of {count} while it was fine-tuned on them, at "
            f"{data.get('points')} recording points."
        )
    if manifest.kind == "map":
        return (
            f"Confidence, variability and other statistics of {count}, from training dynamics; and "
            "the region of each: easy-to-learn, ambiguous, hard-to-learn."
        )
    return f"The ids of the examples that were selected out of {count}, best first."


def _sections(about: Mapping[str, Any]) -> Iterator[tuple[str, Rows]]:
    for heading, key in (("Reference model", "reference"), ("Main model", "main")):
        if key in about:
            yield heading, _training(about[key])
    drawn = {f"map.{name}": value for name, value in about.get("map", {}).items()}
    chosen = {f"selection.{name}": value for name, value in about.get("selection", {}).items()}
    if "preflight" in about:
        drawn["preflight check of the reference"] = about["preflight"]
    if drawn or chosen:
        yield "Map and selection", [(name, str(value)) for name, value in (drawn | chosen).items()]
    if "cost_relative_to_erm" in about:
        yield "Cost of the whole, reference included", _cost(about["cost_relative_to_erm"])
    if "verdict" in about:
        yield "What the run found", [("over its seeds", about["verdict"])]
    if "test" in about:
        rows = [(name, _scores(metrics)) for name, metrics in about["test"].items()]
        yield "Test scores of the main model (one seed)", rows
    yield "Data and versions", _data(about)


def _base(about: Mapping[str, Any]) -> str:
    return str(about.get("main", {}).get("model", f"the model that {ADAPTER_FILE} names"))


def _training(values: Mapping[str, Any]) -> Rows:
    counts = [values.get(name) for name in ("trained_parameters", "parameters")]
    return [
        ("model", values["model"]),
        *((name, _setting(value)) for name, value in values["settings"].items()),
        *([("trained parameters", "{:,} of {:,}".format(*counts))] if all(counts) else []),
        ("steps", f"{values['steps']:,}, weights of step {values['kept_step']:,}"),
        ("precision", values["precision"]),
        ("cost", f"{values['flops']:.3g} FLOPs, {values['seconds']:,.0f} seconds"),
        *((f"development set {name}", _scores(s)) for name, s in values["dev_scores"].items()),
    ]


def _setting(value: object) -> str:
    """A setting; of an adapter the keys that are not as they are by default."""
    if not isinstance(value, Mapping):
        return str(value)
    given = Adapter.model_validate(value).model_dump(mode="json", exclude_defaults=True)
    shown = {"r": value["r"], "target_modules": value["target_modules"]} | given
    return ", ".join(f"{name} {one}" for name, one in shown.items())


def _cost(values: Mapping[str, Any]) -> Rows:
    estimated = bool(values["erm_estimated"])
    computed = " (ERM was not run: computed)" if estimated else ""
    kind = side_by_side(values.get("jobs", 1))
    shared = f" (of {kind})" if kind else ""
    return [
        ("FLOPs over ERM's", f"{ratio(values['flops'])}{computed}"),
        (
            "seconds over ERM's",
            f"{ratio(values['seconds'], estimated=estimated)}{computed}{shared}",
        ),
    ]


def _scores(metrics: Mapping[str, float]) -> str:
    found = {METRIC_NAMES[name]: metrics[name] for name in METRIC_NAMES if name in metrics}
    return ", ".join(f"{name} {percent(value, 1)}" for name, value in found.items())


def _data(about: Mapping[str, Any]) -> Rows:
    data = about.get("data", {})
    rows = [("classes", ", ".join(map(str, data["classes"])))] if "classes" in data else []
    rows += [("training examples", f"{data['examples']:,}")] if "examples" in data else []
    if "fingerprint" in data:
        rows.append(("fingerprint of the training data", data["fingerprint"]))
    rows += [("seed", str(about["seed"]))] if "seed" in about else []
    packages = about.get("packages", {})
    return [*rows, *((name, version) for name, version in packages.items() if version)]
