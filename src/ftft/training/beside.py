"""What lies beside a model's weights and would be loaded with them: looked at before it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto.tokenization_auto import tokenizer_class_from_name
from transformers.utils import cached_file
from transformers.utils.hub import extract_commit_hash

from ftft.config.adapter import ADAPTER_FILE
from ftft.errors import ModelError

TOKENIZER = "tokenizer_config.json"

# What a network may be computed with. All else is a kernel that is fetched and run, or one that
# transformers fetches where its package is missing.
_IMPLEMENTATIONS = {
    "attn_implementation": {"eager", "sdpa", "flex_attention"},
    "experts_implementation": {"eager", "batched_mm", "grouped_mm"},
}


def check_beside(
    place: str, revision: str | None, name: str, *, trusted: bool, own_adapter: bool = False
) -> None:
    """Refuse what would run code, replace the weights or freeze the network while a model loads.

    Args:
        place: A folder or hub id.
        revision: Branch, tag or commit of a hub model.
        name: The model as the user named it, for messages.
        trusted: Whether its code may be run; what names code is then no reason to refuse it.
        own_adapter: Whether an adapter in the folder was checked and is loaded by ftft itself.

    Raises:
        ModelError: There is an adapter, quantised weights, weights under another name, a kernel
            or a tokenizer class that is none.
        Exception: What transformers raises where a file cannot be read.
    """
    if not own_adapter:
        _refuse_adapter(place, revision, name)
    config, _ = PreTrainedConfig.get_config_dict(place, revision=revision or "main")
    for where, key, value in _entries(config):
        if value is not None:
            _check_entry(name, where, key, value, trusted=trusted)
    path = _file(place, revision, TOKENIZER)
    declared = json.loads(Path(path).read_bytes()) if path else {}
    for file, values in ((TOKENIZER, declared), ("config.json", config)):
        if isinstance(values, dict) and not (trusted and "auto_map" in declared):
            _check_tokenizer_class(name, file, values.get("tokenizer_class"))


def commit_of(repository: str, revision: str | None) -> str | None:
    """The commit of the hub that a model's configuration comes from; None where it is not known.

    Raises:
        Exception: What transformers raises where the repository cannot be read.
    """
    # A configuration that was loaded no longer says it.
    commit: str | None = extract_commit_hash(_file(repository, revision, "config.json"), None)
    return commit


def _file(place: str, revision: str | None, filename: str) -> str | None:
    """A file of a folder or repository; None where it is not there."""
    found: str | None = cached_file(
        place,
        filename,
        revision=revision,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        # Whether the hub can be reached is for whoever loads what must be there.
        _raise_exceptions_for_connection_errors=False,
    )
    return found


def _refuse_adapter(place: str, revision: str | None, name: str) -> None:
    if _file(place, revision, ADAPTER_FILE) is not None:
        raise ModelError(
            f"model {name}: {ADAPTER_FILE} lies beside it, so transformers would load an adapter "
            "(LoRA and the like) with it, which can import Python modules that the file names, and "
            "which freezes the network. ftft starts no training from an adapter. Merge it into the "
            "weights, with `ftft export --merge` where ftft trained it, else with PEFT, where you "
            "trust it (merge_and_unload(), then save_pretrained), and name that folder; or, to "
            f"train the network without the adapter, remove {ADAPTER_FILE} from a copy."
        )


def _entries(values: Any, where: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every key of nested JSON objects: its path, the key itself and its value."""
    for key, value in values.items():
        yield f"{where}{key}", key, value
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if isinstance(part, dict):
                yield from _entries(part, f"{where}{key}.")


def _check_entry(name: str, where: str, key: str, value: Any, *, trusted: bool) -> None:
    at = f"model {name}: config.json has {where}"
    if key == "quantization_config":
        raise ModelError(
            f"{at}: its weights are quantised, and ftft trains weights in float32; name the model "
            "that it was made from, or a copy of it with whole weights."
        )
    if key == "transformers_weights":
        raise ModelError(
            f"{at}, which names other weights ({value!r}) than model.safetensors; those would be "
            "loaded unchecked. Remove the key from a copy, with the weights as model.safetensors."
        )
    if key == "attribute_map":
        raise ModelError(
            f"{at}, which would give other keys a new meaning, unseen. Remove the key from a copy."
        )
    allowed = _IMPLEMENTATIONS.get(key.removeprefix("_"))
    if allowed is not None and not trusted and not allowed.issuperset(_names(value)):
        raise ModelError(
            f"{at}: {value!r}, for which transformers may fetch code from the hub and run it; "
            f"expected {', '.join(sorted(allowed))} or nothing. Remove the key from a copy; flash "
            "attention you can ask for yourself, with attn_implementation in the experiment. Or "
            "read that code and, if you trust it, set trust_remote_code: true."
        )


def _names(value: Any) -> list[str]:
    """The implementations that a value names: one, or one of each part of the model."""
    if isinstance(value, dict):
        return [name for one in value.values() for name in _names(one)]
    return [] if value is None else [str(value)]


def _check_tokenizer_class(name: str, file: str, declared: object) -> None:
    if not isinstance(declared, str):
        return
    found = tokenizer_class_from_name(declared)
    # A class whose packages are missing is a stand-in, which says so when it is used.
    known = found is None or hasattr(found, "_backends")
    if not known and not issubclass(found, PreTrainedTokenizerBase):
        raise ModelError(
            f"model {name}: {file} has tokenizer_class {declared!r}, which is no tokenizer: "
            "transformers would load it with what it reads; the class of a tokenizer was expected, "
            "such as PreTrainedTokenizerFast. Copy the tokenizer's files from the original model."
        )
