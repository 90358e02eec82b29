"""Model folders that are damaged, incomplete, of another format, or hold code."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from corpus import Case, check_refused, flipped, parametrised, read_or_refuse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ftft.checks import check_model
from ftft.config.schema import FineTuning
from ftft.training.models import load_finetuned, load_model, model_fingerprint

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
        "no finished classifier",
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
