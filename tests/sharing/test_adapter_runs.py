"""A run with an adapter: its stages, report and card; pushed, pulled, scored and merged."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForSequenceClassification

from completions import make_decoder, write_experiment
from ftft import load_experiment
from ftft import run as run_pipeline
from ftft.errors import SharingError
from ftft.sharing.pull import pull
from ftft.sharing.push import push
from ftft.training.saved import load_finetuned

ADAPTER = "main.adapter={r: 4, lora_alpha: 8, target_modules: [query, value]}"
MODEL = "main/seed-0/model"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_experiment) -> Path:
    """A folder with the experiment, its data and its run; nothing may change it."""
    folder = tmp_path_factory.mktemp("adapted")
    experiment = load_experiment(make_experiment(folder), [ADAPTER])
    run_pipeline(experiment, str(folder / "run"), lambda line: None)
    return folder


@pytest.fixture
def run(finished) -> Path:
    return finished / "run"


def again(finished: Path, to: Path, *overrides: str) -> dict[str, str]:
    """Stage to what a run with other settings says of it, in a copy of the run folder."""
    shutil.copytree(finished / "run", to)
    lines: list[str] = []
    run_pipeline(load_experiment(finished / "experiment.yaml", overrides), str(to), lines.append)
    said = (line.partition(": ") for line in lines if line[0] != " " and ": " in line)
    found: dict[str, str] = {}
    for stage, _, words in said:
        found.setdefault(stage, words)
    return found


def test_another_adapter_runs_what_it_trains_again(finished, tmp_path):
    nothing = again(finished, tmp_path / "same", ADAPTER)
    trained = ("reference/seed-0", "main/seed-0", "erm/seed-0", "map/seed-0")
    assert [nothing[stage] for stage in trained] == ["done before"] * 4
    other = again(finished, tmp_path / "other", ADAPTER.replace("r: 4", "r: 2"))
    for stage in ("main/seed-0", "erm/seed-0"):
        assert other[stage] == "again: main.adapter.r was 4, is 2"
    assert other["reference/seed-0"] == other["map/seed-0"] == "done before"


def test_stages_without_an_adapter_say_nothing_of_it(run):
    settings = [
        json.loads((run / name / "seed-0" / "stage.json").read_text())["made_from"]["settings"]
        for name in ("reference", "main")
    ]
    assert "adapter" not in settings[0]
    assert settings[1]["adapter"]["r"] == 4


def test_results_and_report_name_it(finished, run):
    results = json.loads((run / "results.json").read_text())
    for one in results["runs"]:
        assert one["main"].endswith("(LoRA r=4)")
        counts = one["parameters"]["main"]
        assert 0 < counts["trained"] < counts["all"] / 5
    reference = next(one for one in results["runs"] if one["method"] == "ftft")["parameters"]
    assert reference["reference"]["trained"] == reference["reference"]["all"] > 0
    page = (run / "report.html").read_text()
    assert "LoRA r=4" in page
    assert f"{counts['trained']:,} of {counts['all']:,} parameters trained" in page


def test_pushed_and_pulled(finished, run, tmp_path, ftft):
    pushed = push(run / MODEL, tmp_path / "shared")
    assert pushed.bundle.left_out == ()
    card = (tmp_path / "shared" / "README.md").read_text()
    metadata = next(yaml.safe_load_all(card.split("---")[1]))
    assert metadata["library_name"] == "peft"
    assert "An adapter (LoRA r=4) that makes" in card
    counts = [line for line in card.splitlines() if "trained parameters" in line]
    found = [re.findall(r"[\d,]+", line) for line in counts]
    assert found[0][0] == found[0][1]  # the reference
    assert found[1][0] != found[1][1]
    about = json.loads((tmp_path / "shared" / "adapter_config.json").read_text())
    assert "/" not in about["base_model_name_or_path"]
    pull(tmp_path / "shared", tmp_path / "pulled")
    # The experiment's main model is the one that it was trained on.
    experiment = finished / "experiment.yaml"
    scored = ftft("evaluate", experiment, tmp_path / "pulled", "-o", tmp_path / "scores.json")
    assert scored.code == 0, scored.err
    scores = json.loads((tmp_path / "scores.json").read_text())
    record = next(
        one
        for one in json.loads((run / "results.json").read_text())["runs"]
        if one["method"] == "ftft"
    )
    assert {name: one["metrics"] for name, one in scores.items()} == record["scores"]["test"]
    lost = ftft("export", "--merge", tmp_path / "pulled", tmp_path / "merged")
    assert lost.code == 2
    assert "base_model_name_or_path" in lost.err
    assert "as --base" in lost.err
    base = load_experiment(experiment).main.model
    done = ftft("export", "--merge", "--base", base, tmp_path / "pulled", tmp_path / "merged")
    assert done.code == 0, done.err
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    adapted, _ = load_finetuned(run / MODEL)
    ids = {"input_ids": torch.arange(12).reshape(2, 6)}
    torch.testing.assert_close(merged(**ids).logits, adapted(**ids).logits)
    other = run / "erm/seed-0/model"  # an adapter too, and no base
    wrong = ftft("export", "--merge", "--base", other, tmp_path / "pulled", tmp_path / "other")
    assert wrong.code == 2
    assert "has other weights than those it was trained on" in wrong.err
    idle = ftft("export", "--base", base, run / "map/seed-0/map.parquet", tmp_path / "map.csv")
    assert idle.code == 2
    assert "--base names the model of an adapter" in idle.err


def test_what_is_pulled_is_checked(run, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(run / MODEL, folder)
    push(folder, tmp_path / "shared")
    path = tmp_path / "shared" / "adapter_config.json"
    values = json.loads(path.read_text()) | {"megatron_config": {}, "megatron_core": "mine"}
    path.write_text(json.dumps(values))
    manifest = json.loads((tmp_path / "shared" / "ftft.json").read_text())
    from ftft.sharing.bundle import _entry
    from ftft.workspace.stage_record import digest_of

    manifest["files"]["adapter_config.json"] = vars(_entry(path))
    del manifest["sha256"]
    (tmp_path / "shared" / "ftft.json").write_text(
        json.dumps(manifest | {"sha256": digest_of(manifest)})
    )
    with pytest.raises(SharingError, match="megatron_config, megatron_core"):
        pull(tmp_path / "shared", tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


def test_merged(run, tmp_path, ftft):
    done = ftft("export", "--merge", run / MODEL, tmp_path / "merged")
    assert done.code == 0, done.err
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    adapted, _ = load_finetuned(run / MODEL)
    ids = {"input_ids": torch.arange(12).reshape(2, 6)}
    torch.testing.assert_close(merged(**ids).logits, adapted(**ids).logits)
    assert ftft("export", "--merge", run / MODEL, tmp_path / "merged").code == 2
    whole = ftft("export", "--merge", run / "reference/seed-0/model", tmp_path / "other")
    assert whole.code == 2
    assert "holds no adapter" in whole.err


def test_validate_finds_what_does_not_fit(finished, ftft):
    wrong = "main.adapter={target_modules: [q_proj]}"
    found = ftft("validate", finished / "experiment.yaml", "--set", wrong)
    assert found.code == 2
    assert "names 'q_proj'" in found.err
    assert "query" in found.err
    unknown = ftft("validate", finished / "experiment.yaml", "--set", "main.adapter={rank: 4}")
    assert unknown.code == 2
    assert "main.adapter.rank: unknown key; known here" in unknown.err
    four = ftft("validate", finished / "experiment.yaml", "--set", "main.load_in_4bit=true")
    assert four.code == 2
    assert (
        "main.load_in_4bit: ftft has one key for it, beside adapter: quantization: 4bit" in four.err
    )
    fits = ftft("validate", finished / "experiment.yaml", "--set", ADAPTER)
    assert fits.code == 0, fits.err
    assert "(LoRA r=4)" in fits.out


def test_prompts_and_completions_with_two_adapters(tmp_path, ftft):
    """The reference has one too, and the model that is shared is no classifier."""
    folder = tmp_path / "commands"
    folder.mkdir()
    file = write_experiment(folder, make_decoder(tmp_path / "decoder"))
    sets = ("main.adapter={r: 2}", "reference.adapter={r: 1}", "baselines=[]")
    experiment = load_experiment(file, sets)
    lines: list[str] = []
    results = run_pipeline(experiment, str(folder / "run"), lines.append)
    assert any("  trained " in line and "parameters (" in line for line in lines)
    assert results.runs[0].record["cost"]["erm_estimated"]
    model = folder / "run" / MODEL
    push(model, tmp_path / "shared")
    card = (tmp_path / "shared" / "README.md").read_text()
    assert "pipeline_tag: text-generation" in card
    assert "AutoModelForCausalLM" in card
    pull(tmp_path / "shared", tmp_path / "pulled")
    # Where it leads somewhere, the adapter's own name for its model is enough.
    done = ftft("export", "--merge", model, tmp_path / "merged")
    assert done.code == 0, done.err
    scored = [
        ftft(
            "evaluate", file, at, "--set", "main.adapter={r: 2}", "-o", tmp_path / f"{at.name}.json"
        )
        for at in (model, tmp_path / "merged")
    ]
    assert [one.code for one in scored] == [0, 0]
    found = [json.loads((tmp_path / f"{at}.json").read_text()) for at in ("model", "merged")]
    for name, one in found[0].items():
        assert found[1][name]["metrics"] == pytest.approx(one["metrics"], abs=1e-5)


def test_the_cost_of_erm_that_is_not_run_is_that_of_one_that_is(finished, run, tmp_path):
    """With an adapter too, planned batches cost what measured ones do."""
    cost = {
        one["method"]: one["cost"] for one in json.loads((run / "results.json").read_text())["runs"]
    }
    sets = (ADAPTER, "baselines=[]")
    experiment = load_experiment(finished / "experiment.yaml", sets)
    results = run_pipeline(experiment, str(tmp_path / "run"), lambda line: None)
    planned = results.runs[0].record["cost"]
    assert planned["erm_estimated"]
    assert not cost["ftft"]["erm_estimated"]
    ratio = planned["relative_to_erm"]["flops"]
    assert ratio == pytest.approx(cost["ftft"]["relative_to_erm"]["flops"], rel=1e-9)
