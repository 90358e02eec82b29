"""The implementation of attention that a model is asked to train with."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import BertPreTrainedModel

from ftft.cartography.datamap import DataMap
from ftft.config.schema import Recording
from ftft.dynamics.store import read_dynamics
from ftft.errors import ModelError
from ftft.training import attention
from ftft.training.arguments import Plan, decisive
from ftft.training.fitting import check_model
from ftft.training.models import load_model

FLASH = ("flash_attention_2", "flash_attention_3")
CLASSES = ("bad", "good")
STEPS = Plan(steps=6, horizon=6, evaluate_every=3, patience=None, keep="last", seed=0)


def pretend(monkeypatch, *, package=True, gpu=True, usable=True):
    """That the packages and a GPU are there, and work together, or not."""
    monkeypatch.setattr(attention, "find_spec", lambda name: object() if package else None)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: gpu)
    found = {name: (*row[:2], lambda: usable) for name, row in attention._FLASH.items()}
    monkeypatch.setattr(attention, "_FLASH", found)


class TestWhatIsAskedFor:
    @pytest.mark.parametrize("name", ["eager", "sdpa"])
    def test_is_what_the_network_has(self, settings, name):
        model = load_model(settings(attn_implementation=name), CLASSES, seed=0)
        assert model.config._attn_implementation == name

    def test_changes_a_stage_only_where_it_is_asked_for(self, settings):
        assert "attn_implementation" not in decisive(settings())
        assert decisive(settings(attn_implementation="eager"))["attn_implementation"] == "eager"

    def test_trains_to_the_same_map_and_is_not_written_beside_the_weights(
        self, tune, settings, tiny_model, tmp_path
    ):
        still = shutil.copytree(tiny_model, tmp_path / "without-dropout")
        config = json.loads((still / "config.json").read_text())
        config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        (still / "config.json").write_text(json.dumps(config))
        maps = {}
        for name in ("eager", "sdpa"):
            chosen = settings(model=str(still), attn_implementation=name)
            tuned = tune(name, STEPS, settings=chosen, recording=Recording())
            maps[name] = DataMap.from_dynamics(read_dynamics(tuned.dynamics_folder))
            written = json.loads((tuned.model_folder / "config.json").read_text())
            assert not [key for key in written if "attn_implementation" in key]
        for statistic in ("confidence", "variability"):
            found = [getattr(one, statistic) for one in maps.values()]
            assert np.abs(found[0] - found[1]).max() < 1e-3


class TestRefused:
    def test_before_anything_is_trained(self, ftft, make_experiment, tmp_path, monkeypatch):
        pretend(monkeypatch, package=False, gpu=False)
        path = make_experiment(tmp_path / "task")
        asked = ("--set", "main.attn_implementation=flash_attention_2")
        called = ftft("validate", path, *asked, "--set", "main.precision=fp32")
        assert called.code == 2
        assert "attn_implementation: flash_attention_2 needs the package flash-attn" in called.err
        assert "a GPU, and there is none here, precision: bf16 or fp16" in called.err

    def test_of_the_hub(self, settings):
        with pytest.raises(ValueError, match="'eager', 'sdpa', 'flash_attention_2'"):
            settings(attn_implementation="kernels-community/flash-attn")

    @pytest.mark.parametrize("name", FLASH)
    def test_without_a_gpu(self, settings, monkeypatch, name):
        pretend(monkeypatch, gpu=False, usable=False)
        with pytest.raises(ModelError, match=f"{name} needs a GPU, and there is none here.*; or l"):
            check_model(settings(attn_implementation=name))

    @pytest.mark.parametrize("name", FLASH)
    def test_of_a_version_that_does_not_work(self, settings, monkeypatch, name):
        pretend(monkeypatch, usable=False)
        with pytest.raises(ModelError, match=r"needs a version of flash-attn.* and a GPU that"):
            check_model(settings(attn_implementation=name, precision="bf16"))

    @pytest.mark.parametrize("name", FLASH)
    def test_in_32_bits(self, settings, monkeypatch, name):
        pretend(monkeypatch)
        with pytest.raises(ModelError, match=f"{name} needs precision: bf16 or fp16"):
            check_model(settings(attn_implementation=name))
        check_model(settings(attn_implementation=name, precision="bf16"))

    @pytest.mark.parametrize(
        ("name", "support", "value"),
        [
            ("sdpa", "_supports_sdpa", False),
            (FLASH[0], "_supports_flash_attn", False),
            # transformers would fetch the one that the network takes.
            (FLASH[0], "_compatible_flash_implementations", ["kernels-community/some"]),
        ],
    )
    def test_of_a_network_without_it(self, settings, monkeypatch, name, support, value):
        pretend(monkeypatch)
        monkeypatch.setattr(BertPreTrainedModel, support, value)
        with pytest.raises(ModelError, match=r"BertForSequenceClassification does not support it"):
            # What is found to fit is looked at once only.
            check_model(settings(attn_implementation=name, precision="bf16", max_length=15))
