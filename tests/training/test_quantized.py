"""Networks held in 4 or 8 bits under an adapter, where bitsandbytes is installed, on the CPU."""

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
from transformers import AutoTokenizer

from completions import make_decoder
from ftft.config.schema import FineTuning, Recording
from ftft.dynamics.store import read_dynamics
from ftft.errors import ModelError
from ftft.tasks import TASKS
from ftft.training.arguments import decisive
from ftft.training.erm_cost import planned_counter
from ftft.training.finetune import FineTuned, finetune
from ftft.training.fitting import check_model
from ftft.training.models import load_model
from ftft.training.saved import load_finetuned, merge
from ftft.training.scoring import score_recorded, score_sets
from killing import KilledError, Killer, check_same
from tiny_task import CLASSES, plan

HERE = importlib.util.find_spec("bitsandbytes") is not None
MISSING = "bitsandbytes, which holds rounded weights: pip install 'ftft[quantized]'"
needed = pytest.mark.skipif(not HERE, reason=MISSING)
BITS = ("4bit", "8bit")
LORA = {"r": 4, "lora_alpha": 8}


@pytest.fixture(scope="module")
def base(model_maker: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose layers are large enough for blocks of 64 weights."""
    made: Path = model_maker(tmp_path_factory.mktemp("base"), hidden=64)
    return made


@pytest.fixture
def quantised(settings: Any, base: Path) -> Any:
    """Settings of a training on rounded weights."""

    def make(bits: str | None = "4bit", **changes: Any) -> Any:
        return settings(**{"model": str(base), "adapter": LORA, "quantization": bits} | changes)

    return make


class TestWithoutBitsandbytes:
    def test_it_is_for_adapters_only(self, base):
        with pytest.raises(ValidationError, match="quantised weights cannot be trained; add adapt"):
            FineTuning(model=str(base), quantization="4bit")
        with pytest.raises(ValidationError, match="'4bit' or '8bit'"):
            FineTuning(model=str(base), adapter=LORA, quantization="2bit")

    def test_stages_of_before_stay_what_they_are(self, quantised):
        assert "quantization" not in decisive(quantised(None))
        assert decisive(quantised("8bit"))["quantization"] == "8bit"
        assert quantised("8bit").label.endswith("(LoRA r=4, 8bit)")
        assert quantised(None).label.endswith("(LoRA r=4)")

    def test_what_is_missing_is_named(self, quantised, monkeypatch):
        given = importlib.util.find_spec
        monkeypatch.setattr(
            "importlib.util.find_spec", lambda name: None if name == "bitsandbytes" else given(name)
        )
        for ask in (check_model, lambda chosen: load_model(chosen, CLASSES, seed=0)):
            with pytest.raises(ModelError, match=r"`pip install bitsandbytes`, or leave quantiz"):
                ask(quantised(max_length=15))

    def test_operations_are_those_of_the_whole_network(self, quantised):
        planned = [planned_counter(quantised(bits), 2).batch((4, 16)) for bits in (None, *BITS)]
        assert planned[0] == planned[1] == planned[2]


@pytest.fixture(scope="module", params=BITS)
def finished(
    request: pytest.FixtureRequest,
    base: Path,
    train: Any,
    dev: Any,
    tokenizer: Any,
    tmp_path_factory: Any,
) -> tuple[str, FineTuned]:
    """A finished training on rounded weights; nothing may change its files."""
    pytest.importorskip("bitsandbytes", reason=MISSING)
    given = {"model": str(base), "max_length": 16, "batch_size": 16, "precision": "fp32"}
    chosen = FineTuning(**given, learning_rate=1e-2, adapter=LORA, quantization=request.param)
    folder = tmp_path_factory.mktemp("finished")
    found = finetune(
        chosen, plan(6), train, dev, tokenizer, folder, recording=Recording(mode="evaluation")
    )
    return request.param, found


class TestATraining:
    def test_is_counted_as_if_the_weights_were_whole(self, finished, quantised, tune):
        _, tuned = finished
        passes = Recording(mode="evaluation")
        whole = tune("whole", plan(6), settings=quantised(None), recording=passes)
        for part in ("training", "evaluation"):
            found, expected = (getattr(one.cost, part) for one in (tuned, whole))
            assert (found.flops, found.tokens) == (expected.flops, expected.tokens)
        assert tuned.parameters == whole.parameters
        assert tuned.trained_parameters == whole.trained_parameters

    def test_saves_the_adapter_alone_and_how_the_network_is_held(self, finished):
        bits, tuned = finished
        names = {path.name for path in tuned.model_folder.iterdir()}
        assert names == {
            *("adapter_config.json", "adapter_model.safetensors", "adapter_base.json"),
            *("config.json", "tokenizer.json", "tokenizer_config.json"),
        }
        about = json.loads((tuned.model_folder / "adapter_base.json").read_text())
        assert about["rounding"] == {"quantization": bits, "compute": "float32"}
        assert "quantization_config" not in (tuned.model_folder / "config.json").read_text()

    def test_is_loaded_as_it_was(self, finished, quantised, dev_set, train):
        bits, tuned = finished
        model, _ = load_finetuned(tuned.model_folder)
        kinds = {type(module).__name__ for module in model.modules()}
        assert {"4bit": "Linear4bit", "8bit": "Linear8bitLt"}[bits] in kinds
        assert model.dtype == torch.float32
        scored = score_sets(tuned.model_folder, quantised(bits), {"dev": dev_set})["dev"].metrics
        assert {key: scored[key] for key in tuned.dev_scores["dev"]} == tuned.dev_scores["dev"]
        last = read_dynamics(tuned.dynamics_folder).logits()[-1]
        again = score_recorded(tuned.model_folder, quantised(bits), train)
        np.testing.assert_allclose(last, again, atol=1e-5)

    def test_is_not_merged(self, finished, tmp_path):
        bits, tuned = finished
        with pytest.raises(
            ModelError, match=f"held in {bits}.* train without quantization to merg"
        ):
            merge(tuned.model_folder, tmp_path / "merged")
        assert not (tmp_path / "merged").exists()

    def test_of_a_folder_that_was_changed_is_refused(self, finished, tmp_path):
        _, tuned = finished
        folder = shutil.copytree(tuned.model_folder, tmp_path / "model")
        path = folder / "adapter_base.json"
        about = json.loads(path.read_text())
        path.write_text(json.dumps(about | {"rounding": {"quantization": "2bit", "compute": "x"}}))
        with pytest.raises(ModelError, match=r"adapter_base\.json is not as ftft writes it"):
            load_finetuned(folder)


@needed
@pytest.mark.parametrize("bits", BITS)
def test_only_the_network_is_rounded_and_frozen(quantised, bits):
    model = load_model(quantised(bits), CLASSES, seed=0)
    rounded = {key for key, one in model.named_parameters() if not one.is_floating_point()}
    assert rounded
    assert all(".encoder." in key and "base_layer" in key for key in rounded), rounded
    trained = {key for key, one in model.named_parameters() if one.requires_grad}
    assert any("pooler.modules_to_save" in key for key in trained)
    assert any("classifier.modules_to_save" in key for key in trained)
    # The head is drawn from the seed as without.
    whole = load_model(quantised(None), CLASSES, seed=0)
    for key in trained:
        assert torch.equal(model.get_parameter(key), whole.get_parameter(key)), key
    ids = {"input_ids": torch.arange(12).reshape(2, 6)}
    near, exact = (one.eval()(**ids).logits for one in (model, whole))
    assert not torch.equal(near, exact)
    torch.testing.assert_close(near, exact, atol=0.1, rtol=0)


@needed
def test_killed_and_resumed(tune, quantised):
    schedule, chosen = plan(8, 2, keep="best"), quantised(learning_rate=1e-2)
    whole = tune("whole", schedule, settings=chosen, recording=Recording())
    with pytest.raises(KilledError):
        tune("again", schedule, settings=chosen, recording=Recording(), spies=(Killer(5),))
    check_same(tune("again", schedule, settings=chosen, recording=Recording()), whole)


@needed
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_of_a_language_model_the_words_stay_whole(tmp_path, kind):
    place = make_decoder(tmp_path / "base", kind=kind)
    chosen = FineTuning(model=str(place), max_length=16, adapter=LORA, quantization="4bit")
    check_model(chosen, texts=1, task=TASKS["causal-lm"])
    model = load_model(chosen, (), seed=0, task=TASKS["causal-lm"])
    assert type(model.get_output_embeddings()) is torch.nn.Linear
    ids = AutoTokenizer.from_pretrained(place)("a b a", return_tensors="pt")["input_ids"]
    model(input_ids=ids, labels=ids).loss.backward()
    grads = [one.grad for one in model.parameters() if one.requires_grad]
    assert grads
    assert all(one is not None for one in grads)


@needed
def test_through_the_commands(ftft, make_experiment, base, tmp_path):
    """Run, plan, score, share; each loads the network in 4 bits."""
    file = make_experiment(tmp_path / "given")
    asked = ("--set", f"main.model={base}", "--set", "main.adapter={r: 2}", "--set", "seeds=[3]")
    four = (*asked, "--set", "main.quantization=4bit")
    ran = ftft("run", file, "-o", "run", *four)
    assert ran.code == 0, ran.err
    assert "(LoRA r=2, 4bit)" in ran.out
    again = ftft("run", file, "-o", "run", *four, "--dry-run")
    assert "nothing to train: all trainings are finished" in again.out
    other = ftft("run", file, "-o", "run", *asked, "--dry-run")
    assert "main/seed-3: again: main.quantization was 4bit" in other.err
    model = "run/main/seed-3/model"
    assert ftft("evaluate", file, model).code == 0
    merged = ftft("export", "--merge", model, "merged")
    assert merged.code == 2
    assert "train without quantization to merge" in " ".join(merged.err.split())
    assert ftft("push", model, "./shared").code == 0
    card = (tmp_path / "shared/README.md").read_text()
    assert "held in 4bit by bitsandbytes" in card
    assert "--merge" not in card
    assert ftft("pull", "./shared", "./pulled").code == 0
    load_finetuned(tmp_path / "pulled", base=str(base))
