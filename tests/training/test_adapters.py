"""Trainings of an adapter: what is trained, recorded, resumed, saved, loaded and merged."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from completions import make_decoder
from ftft.config.adapter import Adapter
from ftft.config.schema import FineTuning, Recording
from ftft.dynamics.store import read_dynamics
from ftft.errors import ModelError
from ftft.tasks import TASKS
from ftft.tasks.outputs import auto_model
from ftft.training.adapters import targets
from ftft.training.erm_cost import planned_counter
from ftft.training.finetune import finetune
from ftft.training.fitting import check_model
from ftft.training.flops import FlopCounter
from ftft.training.models import load_model
from ftft.training.saved import load_finetuned, merge, task_of
from ftft.training.saved_adapters import write_about
from ftft.training.scoring import score_recorded, score_sets
from killing import KilledError, Killer, check_same, scores
from tiny_task import CLASSES, plan, same_weights, weights

LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1}
# The layers after the network, and the pooler.
WHOLE = {"classifier", "bert.pooler"}


@pytest.fixture
def adapted(settings: Any) -> Any:
    """Settings of a training with an adapter."""

    def make(adapter: dict[str, Any] | None = None, **changes: Any) -> Any:
        return settings(adapter=LORA | (adapter or {}), **changes)

    return make


def own_name(key: str) -> str:
    return key.removeprefix("base_model.model.")


def test_only_adapter_and_head_are_trained(tune, adapted):
    """The weights of the network are those of before; all others have moved."""
    before: dict[str, torch.Tensor] = {}
    seen: dict[str, Any] = {}

    class Spy(Killer):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            before.update({k: v.detach().clone() for k, v in kwargs["model"].named_parameters()})
            seen["model"] = kwargs["model"]

    tuned = tune("run", plan(4), settings=adapted(), spies=(Spy(99),))
    after = dict(seen["model"].named_parameters())
    moved = {key for key, value in after.items() if not torch.equal(value, before[key])}
    trained = {
        key
        for key in after
        if ".lora_" in key or any(f"{one}.modules_to_save." in key for one in WHOLE)
    }
    assert moved == trained
    assert len(trained) == 2 * 12 + 4
    assert tuned.trained_parameters == sum(after[key].numel() for key in trained)
    kept = [value for key, value in after.items() if ".original_module." not in key]
    assert tuned.parameters == sum(value.numel() for value in kept)


def test_an_adapter_starts_from_the_seed_and_changes_nothing_yet(adapted, settings):
    one, same, other = (load_model(adapted(), CLASSES, seed=seed) for seed in (1, 1, 2))
    name = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.default.weight"
    first = one.get_parameter(name)
    assert torch.equal(first, same.get_parameter(name))
    assert not torch.equal(first, other.get_parameter(name))
    ids = {"input_ids": torch.arange(12).reshape(2, 6)}
    plain = load_model(settings(), CLASSES, seed=1)
    assert torch.equal(one.eval()(**ids).logits, plain.eval()(**ids).logits)


def test_recording_changes_nothing_and_records_what_the_model_gives(tune, adapted, train):
    chosen = adapted()
    seen = tune("seen", plan(6), settings=chosen, recording=Recording())
    assert same_weights(seen.model_folder, tune("off", plan(6), settings=chosen).model_folder)
    assert read_dynamics(seen.dynamics_folder).epochs == (0, 1)
    passes = tune("passes", plan(6), settings=chosen, recording=Recording(mode="evaluation"))
    # The last pass over the training set is that of the finished model, loaded again.
    last = read_dynamics(passes.dynamics_folder).logits()[-1]
    scored = score_recorded(passes.model_folder, chosen, train)
    np.testing.assert_allclose(last, scored, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "schedule", "recording"),
    [(5, plan(8, 2), Recording()), (7, plan(8, 2, keep="best"), None)],
)
def test_killed_and_resumed(tune, adapted, step, schedule, recording):
    chosen = adapted()
    whole = tune("whole", schedule, settings=chosen, recording=recording)
    with pytest.raises(KilledError):
        tune("again", schedule, settings=chosen, recording=recording, spies=(Killer(step),))
    check_same(tune("again", schedule, settings=chosen, recording=recording), whole)


def test_the_best_weights_are_kept(tune, adapted, monkeypatch):
    with monkeypatch.context() as patch:
        scores(patch, {2: 0.8, 4: 0.7, 6: 0.7})
        best = tune("best", plan(8, 2, keep="best", patience=2), settings=adapted())
    assert (best.steps, best.kept_step) == (6, 2)
    other = tune("other", plan(2, horizon=8), settings=adapted())
    assert same_weights(best.model_folder, other.model_folder)


def test_what_it_costs_is_counted_and_planned_alike(tune, adapted, settings):
    tuned = tune("run", plan(3), settings=adapted())
    planned = planned_counter(adapted(), 2).batch((4, 16))
    assert planned == FlopCounter(load_model(adapted(), CLASSES, seed=0)).batch((4, 16))
    assert planned.training < 0.85 * planned_counter(settings(), 2).batch((4, 16)).training
    assert tuned.cost.training.flops < planned_counter(settings(), 2).training({(16, 16): 3})


@pytest.fixture(scope="module")
def finished(tiny_model, train, dev, tokenizer, tmp_path_factory):
    """A finished training; nothing may change its files."""
    given = {"model": str(tiny_model), "max_length": 16, "batch_size": 16, "precision": "fp32"}
    chosen = FineTuning(**given, adapter=LORA | {"rank_pattern": {"query": 2}})
    folder = tmp_path_factory.mktemp("finished")
    return finetune(chosen, plan(4), train, dev, tokenizer, folder, say=lambda line: None)


def test_what_is_saved_is_small_and_loads_as_it_was(finished, adapted, dev_set):
    folder = finished.model_folder
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("adapter_config.json", "adapter_model.safetensors", "adapter_base.json", "config.json"),
        *("tokenizer.json", "tokenizer_config.json"),
    }
    about = json.loads((folder / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == adapted().model
    assert (about["task_type"], about["r"]) == ("SEQ_CLS", 4)
    assert set(about["rank_pattern"].values()) == {2}
    model, _ = load_finetuned(folder)
    assert targets(model) == about["target_modules"]
    scored = score_sets(folder, adapted(), {"dev": dev_set})["dev"].metrics
    assert {key: scored[key] for key in finished.dev_scores["dev"]} == finished.dev_scores["dev"]


def saved(model: Any, settings: Any, task: Any, tokenizer: Any, folder: Path) -> Path:
    """A model with weights that a training might have found, written as a training writes it."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn_like(weight))
    model.save_pretrained(folder)
    write_about(model, settings, task, folder)
    tokenizer.save_pretrained(folder)
    return folder


OUTPUTS = {
    "classification": ("a", "b", "c"),
    "multiple-choice": ("A",),
    "token-classification": ("B-x", "O"),
    "causal-lm": (),
}


@pytest.mark.parametrize(
    ("task", "kind", "adapter"),
    [
        ("classification", "bert", {"use_dora": True, "bias": "lora_only"}),
        ("classification", "electra", {"alpha_pattern": {"dense": 3}}),
        ("classification", "llama", {"target_modules": ["q_proj", "up_proj"]}),
        ("multiple-choice", "bert", {"use_rslora": True}),
        ("token-classification", "bert", {"target_modules": r".*\.(query|value)"}),
        ("causal-lm", "gpt2", {"bias": "all"}),
        ("causal-lm", "llama", {"target_modules": ["up_proj"], "layers_to_transform": 1}),
    ],
)
def test_saved_loaded_and_merged(model_maker, tmp_path, task, kind, adapter):
    """The same logits each time; what is merged loads without PEFT or ftft."""
    place = tmp_path / "base"
    if kind in ("gpt2", "llama"):
        make_decoder(place, kind=kind)
    else:
        model_maker(place, kind=kind)
    settings = FineTuning(model=str(place), max_length=16, adapter={"r": 2, **adapter})
    chosen = TASKS[task]
    model = load_model(settings, OUTPUTS[task], seed=0, task=chosen).eval()
    tokenizer = AutoTokenizer.from_pretrained(place)
    ids = {"input_ids": torch.arange(3, 13).reshape(2, 5), "attention_mask": torch.ones(2, 5)}
    fresh = model(**chosen.as_inputs(ids)).logits
    folder = saved(model, settings, chosen, tokenizer, tmp_path / "adapter")
    expected = model(**chosen.as_inputs(ids)).logits
    assert not torch.allclose(expected, fresh, atol=1e-2)
    assert not list(folder.glob("*.bin"))
    assert task_of(folder) is chosen
    loaded, _ = load_finetuned(folder)
    assert torch.equal(loaded(**chosen.as_inputs(ids)).logits, expected)
    merge(folder, tmp_path / "merged")
    plain = auto_model(chosen).from_pretrained(tmp_path / "merged", dtype=torch.float32).eval()
    assert not hasattr(plain, "peft_config")
    torch.testing.assert_close(plain(**chosen.as_inputs(ids)).logits, expected)
    whole, _ = load_finetuned(tmp_path / "merged")
    torch.testing.assert_close(whole(**chosen.as_inputs(ids)).logits, expected)


def test_a_merged_model_is_a_start_like_any_other(finished, settings, tmp_path, tune):
    merge(finished.model_folder, tmp_path / "merged")
    load_model(settings(model=str(tmp_path / "merged")), CLASSES, seed=0)
    with pytest.raises(ModelError, match=r"ftft export --merge"):
        load_model(settings(model=str(finished.model_folder)), CLASSES, seed=0)
    with pytest.raises(ModelError, match="nothing to merge"):
        merge(tmp_path / "merged", tmp_path / "again")


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("adapter", "words"),
        [
            ({"target_modules": ["query", "q_proj"]}, "target_modules names 'q_proj', but nothing"),
            ({"target_modules": ["q_proj"]}, "called dense, key, position_embeddings, query"),
            ({"target_modules": "("}, "adapter: .*called dense"),
            ({"target_modules": ["classifier"]}, "called dense, key, position_embeddings, query"),
            ({"exclude_modules": ["x"]}, "exclude_modules names 'x'"),
            ({"modules_to_save": ["x"]}, "modules_to_save names 'x'"),
            ({"rank_pattern": {"x": 2}}, "rank_pattern names 'x'"),
            ({"layers_to_transform": 9, "target_modules": ["key"]}, "'layers_to_transform': 9"),
            ({"init_lora_weights": "orthogonal", "r": 3}, "adapter: .*r"),
        ],
    )
    def test_is_found_without_weights(self, adapted, adapter, words):
        with pytest.raises(ModelError, match=words):
            check_model(adapted(adapter))

    def test_a_table_that_is_shared(self, tmp_path):
        place = make_decoder(tmp_path / "base")
        for adapter in ({"target_modules": ["lm_head"]}, {"modules_to_save": ["wte"]}):
            chosen = FineTuning(model=str(place), max_length=16, adapter=adapter)
            with pytest.raises(ModelError, match="share their weights"):
                check_model(chosen, texts=1, task=TASKS["causal-lm"])

    def test_weights_that_would_stay_as_they_are_drawn(self, tmp_path):
        place = make_decoder(tmp_path / "base", kind="llama")
        path = place / "model.safetensors"
        tensors = load_file(path)
        del tensors["lm_head.weight"]
        save_file(tensors, path, metadata={"format": "pt"})
        chosen = FineTuning(model=str(place), max_length=16, adapter=LORA)
        with pytest.raises(ModelError, match=r"first: lm_head\.weight.*modules_to_save"):
            load_model(chosen, (), seed=0, task=TASKS["causal-lm"])
        saving = chosen.model_copy(update={"adapter": Adapter(modules_to_save=("lm_head",))})
        load_model(saving, (), seed=0, task=TASKS["causal-lm"])

    def test_peft_is_missing(self, adapted, monkeypatch):
        given = importlib.util.find_spec
        monkeypatch.setattr(
            "importlib.util.find_spec", lambda name: None if name == "peft" else given(name)
        )
        with pytest.raises(ModelError, match=r'pip install "ftft\[adapters\]"'):
            check_model(adapted({"r": 5}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"r": 0}, "greater than or equal to 1"),
        ({"lora_dropout": 1}, "less than 1"),
        ({"rank": 8}, "rank"),
        ({"type": "ia3"}, "'lora'"),
        ({"megatron_core": "megatron.mine"}, "import Python modules by name"),
        ({"auto_mapping": {"parent_library": "mine"}}, "import Python modules by name"),
        ({"task_type": "SEQ_CLS"}, "follows from the task"),
        ({"init_lora_weights": "pissa"}, "knows true, false, gaussian and orthogonal"),
    ],
)
def test_keys_that_are_refused(values, words):
    with pytest.raises(ValidationError, match=words):
        Adapter(**values)


class TestAFolderFromElsewhere:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"megatron_config": {"a": 1}, "megatron_core": "mine"}, "megatron_config, megatron_c"),
            ({"auto_mapping": {"parent_library": "mine"}}, "auto_mapping, which ftft does not wr"),
            ({"peft_type": "XLORA"}, "peft_type"),
            ({"target_modules": "(a+)+$"}, "target_modules"),
            ({"rank_pattern": {"(a+)+$": 2}}, "names a layer without an adapter"),
            ({"r": 10**9}, "r: "),
            ({"target_modules": ["bert.nothing"], "rank_pattern": {}}, "'bert.nothing'"),
            ({"r": 8}, "does not fit its model"),
        ],
    )
    def test_is_checked(self, finished, tmp_path, changes, words):
        folder = shutil.copytree(finished.model_folder, tmp_path / "model")
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        with pytest.raises(ModelError, match=words):
            load_finetuned(folder)

    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 99_999])
    @pytest.mark.parametrize("name", ["adapter_config.json", "adapter_base.json"])
    def test_is_no_json(self, finished, tmp_path, name, content):
        folder = shutil.copytree(finished.model_folder, tmp_path / "model")
        (folder / name).write_bytes(content)
        with pytest.raises(ModelError, match=f"{name} is not as ftft writes it"):
            load_finetuned(folder)

    def test_is_damaged(self, finished, tmp_path):
        folder = shutil.copytree(finished.model_folder, tmp_path / "model")
        path = folder / "adapter_model.safetensors"
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(ModelError, match="damaged or cut off"):
            load_finetuned(folder)

    def test_names_a_kernel(self, finished, tmp_path):
        folder = shutil.copytree(finished.model_folder, tmp_path / "model")
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"attn_implementation": "me/k"}))
        with pytest.raises(ModelError, match="may fetch code from the hub"):
            load_finetuned(folder)

    def test_its_model_is_elsewhere(self, finished, tmp_path, tiny_model, model_maker):
        folder = shutil.copytree(finished.model_folder, tmp_path / "model")
        path = folder / "adapter_config.json"
        about = json.loads(path.read_text())
        path.write_text(json.dumps(about | {"base_model_name_or_path": "bert-base-uncased"}))
        with pytest.raises(ModelError, match="there is no folder bert-base-uncased"):
            load_finetuned(folder)
        load_finetuned(folder, base=str(tiny_model))
        other = model_maker(tmp_path / "other", hidden=16)
        with pytest.raises(ModelError, match="other weights than those it was trained on"):
            load_finetuned(folder, base=str(other))


@pytest.mark.parametrize(
    "arguments", [{"gradient_checkpointing": True}, {"gradient_accumulation_steps": 2}]
)
def test_the_same_gradients_however_a_step_is_computed(tune, adapted, arguments):
    """Activations that are computed twice pass the gradient through the frozen embeddings."""
    plain = tune("plain", plan(3), settings=adapted(learning_rate=1e-3))
    other = adapted(learning_rate=1e-3, training_arguments=arguments)
    changed = tune("changed", plan(3), settings=other)
    found, expected = weights(changed.model_folder), weights(plain.model_folder)
    assert any("lora_B" in key for key in found)
    # Dropout is drawn otherwise in smaller batches.
    bound = 1e-6 if "gradient_checkpointing" in arguments else 5e-3
    for key, value in found.items():
        torch.testing.assert_close(value, expected[key], atol=bound, rtol=0)
        if "lora_B" in key:
            assert value.abs().max() > 1e-4


def test_of_cut_layers_with_a_head_that_is_kept(finished, settings, tmp_path, tune, dev_set):
    merge(finished.model_folder, tmp_path / "merged")
    chosen = settings(model=str(tmp_path / "merged"), head="keep", layers=1, adapter={"r": 1})
    tuned = tune("run", plan(2), settings=chosen)
    assert len(targets(load_finetuned(tuned.model_folder)[0])) == 6
    scored = score_sets(tuned.model_folder, chosen, {"dev": dev_set})["dev"].metrics
    assert {key: scored[key] for key in tuned.dev_scores["dev"]} == tuned.dev_scores["dev"]


def test_of_a_hub_model_at_its_commit(tiny_model, model_maker, tmp_path, monkeypatch, tokenizer):
    repository = tmp_path / "hub" / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    shutil.copytree(tiny_model, repository / "snapshots" / ("a" * 40))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    chosen = FineTuning(model="owner/name", max_length=16, adapter={"r": 2})
    task = TASKS["classification"]
    model = load_model(chosen, CLASSES, seed=0).eval()
    folder = saved(model, chosen, task, tokenizer, tmp_path / "adapter")
    about = json.loads((folder / "adapter_config.json").read_text())
    assert (about["base_model_name_or_path"], about["revision"]) == ("owner/name", "a" * 40)
    # The repository moves on, to a model that would not even fit.
    model_maker(repository / "snapshots" / ("b" * 40), hidden=16)
    (repository / "refs" / "main").write_text("b" * 40)
    ids = {"input_ids": torch.arange(12).reshape(2, 6)}
    assert torch.equal(load_finetuned(folder)[0](**ids).logits, model(**ids).logits)
    shutil.rmtree(repository / "snapshots" / ("a" * 40))
    with pytest.raises(ModelError, match="model owner/name: cannot be loaded"):
        load_finetuned(folder)
    # Other weights in a folder that happens to have the name.
    shutil.copytree(tiny_model, tmp_path / "owner" / "name")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="hub model owner/name, but here a folder has that name"):
        load_finetuned(folder)


def test_a_pooler_that_the_files_lack_is_saved(model_maker, tokenizer, tmp_path):
    """It is drawn from the seed when the training starts, and from another when it is loaded."""
    place = model_maker(tmp_path / "base")
    tensors = load_file(place / "model.safetensors")
    left = {key: one for key, one in tensors.items() if not key.startswith("pooler.")}
    assert len(left) == len(tensors) - 2
    save_file(left, place / "model.safetensors", metadata={"format": "pt"})
    chosen = FineTuning(model=str(place), max_length=16, adapter={"r": 2})
    model = load_model(chosen, CLASSES, seed=5).eval()
    folder = saved(model, chosen, TASKS["classification"], tokenizer, tmp_path / "adapter")
    ids = {"input_ids": torch.arange(12).reshape(2, 6)}
    assert torch.equal(load_finetuned(folder)[0](**ids).logits, model(**ids).logits)
