"""What ``ftft init`` says of the data and the models, beside the file that it writes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftft.cli.common import say

if TYPE_CHECKING:
    from ftft.data.detect_sets import Found

CANNOT_RUN = "note: this experiment cannot run as it stands"

_UNKNOWN_CUT = 2
"""Layers of a reference that is the main model too, where nobody knows how many that has."""

_LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "encoder_layers", "num_layers")
"""What families of models call their layers in config.json."""

# Families of encoders, in names and in the model_type of a config.json.
_ENCODER = re.compile(
    r"bert(?!-?decoder)|electra|mpnet|minilm|xlm-r|ernie|xlnet|nystromformer|longformer|big-?bird",
    re.IGNORECASE,
)


def note_problems(found: Found) -> None:
    """Say why an experiment on the training data cannot run yet."""
    if found.problem:
        say(f"{CANNOT_RUN}: {found.problem}")
    if found.task == "classification" and len(found.values) == 1:
        (only,) = found.values
        say(
            f"{CANNOT_RUN}: all {found.values[only]:,} rows have one label, {only!r}, in the "
            f"column {found.source.label!r}; a classifier needs at least two. Name another column "
            "with --label, or add the rows of other classes."
        )


def note_unused(data: Path, found: Found, label: str | None) -> None:
    """Name the columns that the experiment does not read, so that no text or label is missed."""
    from ftft.data.detect import could_be_label, is_id_name
    from ftft.data.readers.sniff import read_head

    source = found.source
    if found.task != "classification":
        return
    read = {*source.text, source.label, source.id}
    columns = read_head(data).columns
    unused = [name for name in columns if name not in read]
    repeated = [name for name in unused if source.id is None and is_id_name(name)]
    for name in repeated:
        say(f"note: {name!r} is not taken for ids: a value is there twice, or missing")
    others = [name for name in unused if name not in repeated]
    if others:
        say(
            f"note: not read: {', '.join(map(repr, others))}. --text names the texts (twice for "
            "pairs), and a source's 'slices' other columns to score by"
        )
    rivals = [name for name in others if could_be_label(columns[name])]
    if rivals and label is None:
        say(
            f"note: {source.label!r} is taken for the label; {', '.join(map(repr, rivals))} could "
            "be it as well. --label names it"
        )


def note_size(found: Found, written: str) -> str:
    """What to expect of so many rows with the settings of a starting file; it is also said."""
    from ftft.config.yaml_core import parse
    from ftft.transfer.evidence import note_on_steps, notes_on_size

    values = parse(written)
    main = values["main"]
    rows = found.rows * (1 - values["data"].get("holdout", 0))
    erm = math.ceil(rows / main["batch_size"]) * main["epochs"]
    note = note_on_steps(found.rows, erm, max(1, round(erm * main["budget"])))
    for line in [f"note: {note}"] if note else notes_on_size(found.rows):
        say(line)
    return note


def layers_kept(model: str) -> int | None:
    """Layers for a reference that is the main model too; whole it costs more than FTFT saves."""
    config = _config_of(model)
    counts = (config.get(name) for name in _LAYER_KEYS)
    whole = next((count for count in counts if isinstance(count, int)), None)
    if whole is not None and whole < 2:
        say(
            "note: reference and main model are the same, of one layer; name a smaller one with "
            "--reference, or FTFT saves nothing"
        )
        return None
    layers = _UNKNOWN_CUT if whole is None else max(1, whole // 4)
    cut = f"{layers} of {whole} layers" if whole else f"{layers} layers if it has more"
    otherwise = "" if whole else "; if it has no more, name a smaller one with --reference"
    say(
        f"note: reference and main model are the same; the reference is cut to {cut} "
        f"(reference.layers), since whole it would cost more than FTFT saves{otherwise}"
    )
    return layers


def _config_of(model: str) -> Mapping[str, Any]:
    """The config.json of a model that is a folder here; empty of others."""
    from ftft.utils.packages import PACKAGE_PREFIX, home_of

    folder: Path | None = Path(model)
    if model.startswith(PACKAGE_PREFIX):
        package, _, inside = model.removeprefix(PACKAGE_PREFIX).partition("/")
        home = home_of(package)
        folder = None if home is None else home / inside
    if folder is None:
        return {}
    try:
        found = json.loads((folder.expanduser() / "config.json").read_bytes())
    except (OSError, ValueError, RuntimeError):
        return {}  # of the hub
    return found if isinstance(found, dict) else {}


def note_encoder(option: str, model: str, instead: str) -> None:
    """Say that a model is an encoder, where one that writes text is needed."""
    kind = _config_of(model).get("model_type")  # of the hub the name says it
    if _ENCODER.search(kind if isinstance(kind, str) else model):
        say(
            f"note: --{option} {model} is an encoder, and prompts with completions need a decoder "
            f"(a causal language model), such as {instead}"
        )
