"""Model folders that are damaged, incomplete, of another format, or hold code."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from corpus import Case, check_corpus, check_refused, flipped, parametrised, read_or_refuse
from ftft.config.schema import FineTuning
from ftft.errors import ModelError
from ftft.training.fitting import check_model
from ftft.training.models import (
    load_config,
    load_model,
    load_tokenizer,
    model_fingerprint,
)
from ftft.training.saved import load_finetuned

WEIGHTS = "model.safetensors"
CLASSES = ("neg", "pos")


@pytest.fixture(scope="module")
def classifier(tiny_model, tmp_path_factory):
    """A finished classifier, as a run leaves it."""
    folder = tmp_path_factory.mktemp("classifier") / "model"
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=2)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture
def model(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


@pytest.fixture
def finished(classifier, tmp_path):
    return shutil.copytree(classifier, tmp_path / "model")


def use(folder, **changes):
    """All that is done with a model before it is trained."""
    values = {"model": str(folder), "max_length": 16} | changes
    chosen = FineTuning.model_validate(values)
    model_fingerprint(chosen)
    check_model(chosen)
    load_model(chosen, CLASSES, seed=0)


def test_what_the_cases_change_is_right_before(model, classifier):
    use(model)
    load_finetuned(classifier)


def config(**changes):
    def damage(at):
        path = at / "config.json"
        content = json.loads(path.read_text()) | changes
        content = {key: value for key, value in content.items() if value is not ...}
        path.write_text(json.dumps(content))

    return damage


def raw(name, content):
    return lambda at: (at / name).write_bytes(content)


def cut(name, size):
    return lambda at: (at / name).write_bytes((at / name).read_bytes()[:size])


def weights(change):
    """Rewrite the weights."""

    def damage(at):
        save_file(change(load_file(at / WEIGHTS)), at / WEIGHTS, metadata={"format": "pt"})

    return damage


def replaced_by(*names):
    """Other files in place of the safetensors."""

    def damage(at):
        (at / WEIGHTS).unlink()
        for name in names:
            (at / name).write_bytes(b"cos\nsystem\n(S'touch was-run'\ntR.")

    return damage


def pickled(at):
    torch.save(load_file(at / WEIGHTS), at / "pytorch_model.bin")
    (at / WEIGHTS).unlink()


def shards(index, **files):
    def damage(at):
        (at / WEIGHTS).unlink()
        for name, content in files.items():
            (at / f"{name}.safetensors").write_bytes(content)
        (at / f"{WEIGHTS}.index.json").write_text(json.dumps(index))

    return damage


CODE = "from pathlib import Path\nPath({place!r}).touch()\n"


def with_code(at, **changes):
    for name in ("configuration_mine", "modeling_mine", "tokenization_mine"):
        (at / f"{name}.py").write_text(CODE.format(place=str(at / "was-run")))
    config(
        model_type="mine",
        auto_map={
            "AutoConfig": "configuration_mine.Mine",
            "AutoModelForSequenceClassification": "modeling_mine.Mine",
        },
        **changes,
    )(at)


def tokenizer_with_code(at):
    with_code(at)
    config(model_type="bert", auto_map=...)(at)
    path = at / "tokenizer_config.json"
    content = json.loads(path.read_text())
    content |= {
        "tokenizer_class": "Mine",
        "auto_map": {"AutoTokenizer": ["tokenization_mine.Mine", None]},
    }
    path.write_text(json.dumps(content))


def without_tokenizer(at):
    for path in at.glob("*token*"):
        path.unlink()


LORA = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["query"]}


def adapter(**changes):
    """A LoRA beside the weights, as PEFT saves it, and modules that it could name."""

    def damage(at):
        (at / "adapter_config.json").write_text(json.dumps(LORA | changes))
        shapes = {"A": (2, 32), "B": (32, 2)}
        lora = {
            f"base_model.model.encoder.layer.{layer}.attention.self.query.lora_{part}.weight": shape
            for layer in (0, 1)
            for part, shape in shapes.items()
        }
        tensors = {key: torch.ones(shape) for key, shape in lora.items()}
        save_file(tensors, at / "adapter_model.safetensors", metadata={"format": "pt"})
        (at / "megatron").mkdir()
        (at / "megatron" / "mine.py").write_text(CODE.format(place=str(at / "was-run")))

    return damage


def tokenizer_class(name):
    def damage(at):
        path = at / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": name}))

    return damage


def elsewhere(at):
    """A configuration that names another configuration, which names other weights."""
    content = json.loads((at / "config.json").read_text())
    (at / "config.4.0.0.json").write_text(json.dumps(content | OTHER_WEIGHTS))
    config(configuration_files=["config.4.0.0.json"])(at)


def case(name, damage, *words, **changes):
    return Case(name, damage, ("model", *words), changes)


CASES = [
    case(
        "no config.json",
        lambda at: (at / "config.json").unlink(),
        "cannot be loaded",
        "config.json",
    ),
    case("empty config.json", raw("config.json", b""), "cannot be loaded", "config.json"),
    case("config.json cut off", cut("config.json", 50), "cannot be loaded", "config.json"),
    case("config.json a list", raw("config.json", b"[]"), "cannot be loaded", "config.json"),
    case(
        "config.json not UTF-8", raw("config.json", b'{"a": "\xe9"}'), "cannot be loaded", "folder"
    ),
    case(
        "config.json of brackets", raw("config.json", b"[" * 99_999), "cannot be loaded", "folder"
    ),
    case("unknown model type", config(model_type="mine"), "mine", "cannot be loaded"),
    case("no model type", config(model_type=..., architectures=...), "cannot be loaded", "Check"),
    case("model type a number", config(model_type=3), "cannot be loaded", "Check the name"),
    case(
        "no classifier of that type",
        config(model_type="clip_text_model"),
        "cannot be loaded",
        "Check",
    ),
    case("layers in words", config(num_hidden_layers="two"), "cannot be loaded", "config.json"),
    case("no heads", config(num_attention_heads=0), "cannot be loaded", "config.json"),
    case(
        "heads that do not divide", config(num_attention_heads=5), "cannot be loaded", "config.json"
    ),
    case("hidden size below 0", config(hidden_size=-32), "cannot be loaded", "config.json"),
    case(
        "positions in words", config(max_position_embeddings="many"), "cannot be loaded", "config"
    ),
    case("an unknown activation", config(hidden_act="mine"), "cannot be loaded", "config.json"),
    case("vocabulary in words", config(vocab_size="x"), "cannot be loaded", "config.json"),
    case("more layers than weights", config(num_hidden_layers=3), "16 weights", "architecture"),
    case("another hidden size", config(hidden_size=64), "another shape", "architecture"),
    case("another vocabulary", config(vocab_size=99), "another shape", "architecture"),
    case("no weights", replaced_by(), "holds no weights", "model.safetensors was expected"),
    case("a pickle", pickled, "pytorch_model.bin only", "safetensors only", "Convert"),
    case(
        "pickles in parts",
        replaced_by("pytorch_model-00001-of-00002.bin"),
        "safetensors only",
        "Convert",
    ),
    case(
        "a pickle of the Trainer", replaced_by("training_args.bin"), "safetensors only", "Convert"
    ),
    case("TensorFlow weights", replaced_by("tf_model.h5"), "tf_model.h5 only", "Convert"),
    case("JAX weights", replaced_by("flax_model.msgpack"), "flax_model.msgpack only", "Convert"),
    case("empty weights", raw(WEIGHTS, b""), WEIGHTS, "damaged or cut off", "again"),
    case("weights cut in the header", cut(WEIGHTS, 100), WEIGHTS, "damaged or cut off", "again"),
    case("weights cut at the end", cut(WEIGHTS, -1), WEIGHTS, "damaged or cut off", "again"),
    case("a pickle named safetensors", raw(WEIGHTS, b"\x80\x04cos\nsystem\n"), WEIGHTS, "again"),
    case("a header beyond counting", raw(WEIGHTS, b"\xff" * 64), WEIGHTS, "damaged or cut off"),
    case(
        "weights that are a folder",
        lambda at: ((at / WEIGHTS).unlink(), (at / WEIGHTS).mkdir()),
        "no weights",
        "expected",
    ),
    case(
        "no tensor of the network",
        weights(lambda t: {"x": torch.zeros(1)}),
        "weights of the network",
        "architecture",
    ),
    case(
        "one tensor missing",
        weights(
            lambda t: {k: v for k, v in t.items() if "layer.1.attention.self.query.weight" not in k}
        ),
        "1 weights",
        "architecture",
    ),
    case(
        "one tensor of another shape",
        weights(lambda t: {k: v[:3].clone() if "word_emb" in k else v for k, v in t.items()}),
        "another shape",
        "architecture",
    ),
    case("an index that is none", shards([]), "is no index of weights", "Copy the model again"),
    case("an index without map", shards({"a": 1}), "'weight_map'", "Copy the model again"),
    case(
        "an index to nowhere",
        shards({"weight_map": {"a": "model-1.safetensors"}}),
        "model-1",
        "missing",
    ),
    case(
        "an index out of the folder",
        shards({"weight_map": {"a": "../../x.safetensors"}}),
        "outside the folder",
        "Copy",
    ),
    case("an index to numbers", shards({"weight_map": {"a": 1}}), "is no index of weights", "Copy"),
    case(
        "a shard that is empty",
        shards({"weight_map": {"a": "m.safetensors"}}, m=b""),
        "m.safetensors",
        "cut off",
    ),
    case("no tokenizer", without_tokenizer, "knows no words", "tokenizer.json"),
    case("tokenizer cut off", cut("tokenizer.json", 200), "cannot be loaded", "a tokenizer"),
    case("an empty tokenizer", raw("tokenizer.json", b"{}"), "cannot be loaded", "a tokenizer"),
    case(
        "tokenizer settings a list",
        raw("tokenizer_config.json", b"[]"),
        "cannot be loaded",
        "a tokenizer",
    ),
    case("more layers asked for", lambda at: None, "layers is 3", "has 2 layers", layers=3),
    case(
        "longer than its positions", lambda at: None, "max_length is 65", "64 tokens", max_length=65
    ),
    case("code of its own", with_code, "cannot be loaded", "trust_remote_code"),
]


OTHER_WEIGHTS = {"transformers_weights": "other.safetensors"}
MODULE = {"megatron_config": {"a": 1}, "megatron_core": "megatron.mine"}
# What transformers would load with the weights or in their place.
BESIDE = [
    case("an adapter", adapter(), "adapter_config.json", "merge_and_unload()"),
    case("an adapter naming a module", adapter(**MODULE), "adapter_config.json", "remove"),
    case(
        "an adapter only",
        lambda at: (adapter()(at), (at / "config.json").unlink()),
        "adapter_config.json",
        "Merge it",
    ),
    case("quantised", config(quantization_config={"quant_method": "x"}), "quantised", "float32"),
    case("other weights named", config(**OTHER_WEIGHTS), "'other.safetensors'", "Remove the key"),
    case("other weights in another config", elsewhere, "'other.safetensors'", "Remove the key"),
    case("a kernel", config(attn_implementation="me/k"), "has attn_implementation", "code"),
    case("a hidden kernel", config(_attn_implementation="me/k"), "_attn_implementation", "code"),
    case(
        "flash attention",
        config(attn_implementation="flash_attention_4"),
        "has attn_implementation: 'flash_attention_4'",
        "Remove the key",
    ),
    case(
        "flash attention of a part",
        config(_attn_implementation={"text_config": "flash_attention_3"}),
        "has _attn_implementation: {'text_config'",
        "Remove the key",
    ),
    case(
        "a kernel of experts without a repository",
        config(parts=[{"experts_implementation": "sonicmoe"}]),
        "has parts.experts_implementation: 'sonicmoe'",
        "batched_mm",
    ),
    case(
        "a kernel under another name",
        config(attribute_map={"mine": "_attn_implementation"}, mine="me/k"),
        "has attribute_map",
        "Remove the key",
    ),
    case(
        "a kernel of a part",
        config(text_config={"experts_implementation": {"": "me/k:x"}}),
        "text_config.experts_implementation",
        "trust_remote_code: true",
    ),
    case(
        "a tokenizer that is a model",
        tokenizer_class("AutoModel"),
        "tokenizer_config.json has tokenizer_class 'AutoModel'",
        "PreTrainedTokenizerFast",
    ),
    case(
        "a tokenizer that unpickles",
        tokenizer_class("RagRetriever"),
        "'RagRetriever'",
        "no tokenizer",
    ),
    case(
        "a distributed checkpoint",
        raw("shard-00001-model-00001-of-00001.safetensors", b""),
        "shard-00001",
        "instead of model.safetensors",
    ),
]


@pytest.fixture
def importable(monkeypatch):
    """As with ``python -m ftft``: what lies in the current folder can be imported."""
    monkeypatch.syspath_prepend("")
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "megatron"]:
        del sys.modules[name]


@parametrised(BESIDE)
def test_what_lies_beside_is_refused(model, case, monkeypatch, importable):
    monkeypatch.chdir(model)
    case.damage(model)
    check_refused(lambda: use(model), model, case.words)
    if (model / "config.json").exists():
        check_refused(lambda: load_finetuned(model), model, case.words)
    assert not (model / "was-run").exists()


@pytest.mark.parametrize("load", [load_config, load_tokenizer])
def test_an_adapter_of_a_repository_is_refused(model, tmp_path, monkeypatch, load):
    repository = tmp_path / "hub" / "models--owner--name"
    commit = "a" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    found = shutil.copytree(model, repository / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    load(FineTuning(model="owner/name"))
    adapter()(found)
    with pytest.raises(ModelError, match=r"model owner/name: adapter_config\.json"):
        load(FineTuning(model="owner/name"))


def test_a_trusted_model_may_name_kernels_but_no_adapter(model):
    trusted = FineTuning(model=str(model), trust_remote_code=True)
    config(attn_implementation="me/k")(model)
    load_config(trusted)
    adapter()(model)
    with pytest.raises(ModelError, match="ftft starts no training from an adapter"):
        load_config(trusted)


@parametrised(CASES)
def test_is_refused(model, case, monkeypatch):
    monkeypatch.chdir(model)  # where code that must not run would leave its file
    case.damage(model)
    check_refused(lambda: use(model, **case.also), model, case.words)
    assert not (model / "was-run").exists()


def test_code_is_run_where_it_was_asked_for_by_name(model):
    """Otherwise the cases above would show nothing."""
    with_code(model)
    assert not read_or_refuse(lambda: use(model, trust_remote_code=True))
    assert (model / "was-run").exists()


def test_code_of_a_tokenizer_is_not_run(model, monkeypatch):
    """transformers takes a class of its own in its place, or refuses."""
    monkeypatch.chdir(model)
    tokenizer_with_code(model)
    read_or_refuse(lambda: use(model))
    assert not (model / "was-run").exists()


FINISHED = [
    case("no config", lambda at: (at / "config.json").unlink(), "no config.json", "ftft run"),
    case("a finished model as a pickle", pickled, "safetensors only", "Convert"),
    case("a finished model cut off", cut(WEIGHTS, 1000), "damaged or cut off", "again"),
    case(
        "no head",
        weights(lambda t: {k: v for k, v in t.items() if "classifier" not in k}),
        "2 weights are missing",
        "no finished model",
    ),
    case(
        "a head of another size",
        weights(lambda t: {k: v[:1].clone() if "classifier" in k else v for k, v in t.items()}),
        "cannot be loaded",
        "Check",
    ),
    case(
        "a finished model without tokenizer", without_tokenizer, "knows no words", "tokenizer.json"
    ),
    case("a finished model with code", with_code, "cannot be loaded", "trust_remote_code"),
]


@parametrised(FINISHED)
def test_a_finished_model_is_refused(finished, case):
    case.damage(finished)
    check_refused(lambda: load_finetuned(finished), finished, case.words)
    assert not (finished / "was-run").exists()


NAMES = {
    "package:": ("package:", "is not installed"),
    "package:no_such_package_x/model": ("no_such_package_x", "pip install"),
    "package:email/../json": ("package email has no folder '../json'", "config.json"),
    "package:email": ("package email has no folder", "config.json"),
    "./nowhere": ("./nowhere", "give a folder with a config.json"),
    "a/b/c": ("model a/b/c", "there is no such folder"),
    "../../no-such-folder": ("model ../../no-such-folder", "there is no such folder"),
    "owner/no-such-model": ("model owner/no-such-model", "Check the name"),
    "not a name!": ("model not a name!", "Check the name"),
    "owner/name:tag": ("model owner/name:tag", "Check the name"),
    "x" * 300: ("xxx", "no folder can be called that"),
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:40])
def test_a_name_is_refused(tmp_path, name):
    check_refused(lambda: use(name), tmp_path, ("model", *NAMES[name]))


# --- generated

anywhere = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TOUCHED = ["config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS]


@anywhere
@given(
    st.sampled_from(TOUCHED), st.integers(0, 3000), st.integers(0, 7), st.none() | st.floats(0, 1)
)
def test_damaged_files_are_used_or_refused(classifier, finished, name, position, bit, share):
    content = (classifier / name).read_bytes()
    kept = content if share is None else content[: int(share * len(content))]
    (finished / name).write_bytes(flipped(kept, position, bit))
    read_or_refuse(lambda: load_finetuned(finished))
    (finished / name).write_bytes(content)


KEYS = ["model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"]
KEYS += ["max_position_embeddings", "intermediate_size", "hidden_act", "layer_norm_eps", "id2label"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 200), st.floats(), st.text(max_size=9), st.just([])
)


@anywhere
@given(st.sampled_from(KEYS), VALUES)
def test_configs_of_any_value_are_used_or_refused(classifier, model, key, value):
    before = (model / "config.json").read_bytes()
    config(**{key: value})(model)
    read_or_refuse(lambda: use(model))
    (model / "config.json").write_bytes(before)


def test_the_corpus_is_large():
    check_corpus("model folders", CASES, FINISHED)
