"""The whole method on prompts and completions, with a tiny decoder of random weights."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from completions import write_experiment
from ftft import DataMap, load_experiment, run
from ftft.config.load_study import load_study
from ftft.config.schema import FineTuning, Recording
from ftft.dynamics import read_dynamics
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import write_dynamics
from ftft.errors import DataError, DynamicsError
from ftft.experiment.room import usable_data
from ftft.results.read import read_run
from ftft.selection.lengths import selection_lengths
from ftft.selection.selection import Selection
from ftft.study.executors import ThisProcess
from ftft.study.prepare import open_study
from ftft.study.run import run_study
from ftft.tasks import load_data
from ftft.tasks.completions import encode_completions
from ftft.training.finetune import DevSets, _callbacks, finetune
from ftft.workspace.stage_record import write_record
from killing import KilledError, Killer, check_same
from tiny_task import plan

METHODS = ("ftft", "erm", "erm_budget", "random", "random_lengths")


@pytest.fixture(scope="module")
def whole(decoder, tmp_path_factory):
    """An experiment that was run, and its run folder."""
    folder = tmp_path_factory.mktemp("commands")
    baselines = {"[erm, erm_budget, random]": "[erm, erm_budget, random, random_lengths]"}
    file = write_experiment(folder, decoder(), **baselines)
    run(load_experiment(file), str(folder / "run"), lambda line: None)
    return file, folder / "run"


def test_results_of_every_method(whole):
    values = json.loads((whole[1] / "results.json").read_text())
    assert values["metric"] == "exact_match"
    assert {one["method"] for one in values["runs"]} == set(METHODS)
    for one in values["runs"]:
        scores = one["scores"]["test"]["ood"]
        assert {"exact_match", "token_accuracy", "inverse_perplexity"} <= set(scores)
        assert all(0 <= value <= 1 for name, value in scores.items() if name != "examples")
        assert one["cost"]["flops"]["main"] > 0
    assert values["runs"][0]["slices"]["test"]["kind"].keys() == {"once", "twice", "thrice"}


def test_the_map_is_of_values_that_were_learnt(whole):
    recorded = read_dynamics(whole[1] / "reference/seed-0/dynamics")
    assert (recorded.encoding, recorded.class_names) == ("values", ())
    first, last = (recorded.point_values(epoch) for epoch in (0, 3))
    assert last.loss.mean() < first.loss.mean() - 0.3, "the reference learns"
    np.testing.assert_allclose(last.probability, np.exp(-last.loss), rtol=1e-5)
    drawn = DataMap.read(whole[1] / "map/seed-0/map.parquet")
    assert np.isnan(drawn.aum).all() if drawn.aum is not None else True
    selected = pq.read_table(whole[1] / "selection/seed-0/selection.parquet")
    assert len(selected) == round(0.33 * 64)


def test_the_report_shows_prompt_and_completion(whole):
    page = (whole[1] / "report.html").read_text()
    assert "exact match" in page
    assert "Selection by length" in page
    assert "tokens an example" in page


def test_lengths_of_every_selection_are_known(ftft, whole, tmp_path):
    """In tokens of the reference: two of the prompt, one to three of the completion, the end."""
    values = json.loads((whole[1] / "results.json").read_text())
    found = {one["method"]: one for one in values["runs"]}
    encoded = encode_completions(
        load_data(load_experiment(whole[0])).train,
        AutoTokenizer.from_pretrained(whole[1] / "erm/seed-0/model"),
        max_length=16,
    )
    for method in ("ftft", "random", "random_lengths"):
        lengths = found[method]["lengths"]
        assert lengths["all"]["mean"] == pytest.approx(encoded.lengths.mean())
        assert 4 <= lengths["selected"]["lower"] <= lengths["selected"]["upper"] <= 6
    assert found["erm"]["lengths"] is None
    like, ours = (found[name]["lengths"]["selected"] for name in ("random_lengths", "ftft"))
    assert like == ours, "lengths are so few that each has a bin of its own"
    flops = found["random_lengths"]["cost"]["flops"]
    assert flops["reference"] == found["ftft"]["cost"]["flops"]["reference"] > 0
    (ours_row,) = (row for row in read_run(whole[1]).rows if row.cell.method == "ftft")
    assert {"erm", "random", "random_lengths"} <= ours_row.versus.keys(), "FTFT is compared to it"
    outcome = ftft("select", whole[1] / "map/seed-0/map.parquet", "-o", tmp_path / "s.parquet")
    assert f"tokens an example: selected mean {ours['mean']:.1f}, quartiles" in outcome.out


def test_a_study_has_a_subset_of_like_lengths_for_each_selection(decoder, tmp_path):
    write_experiment(tmp_path, decoder(), **{"[erm, erm_budget, random]": "[random_lengths]"})
    (tmp_path / "study.yaml").write_text(
        "name: lengths\nbase: {experiment: experiment.yaml, main: {epochs: 1}}\n"
        "grid: {strategies: [ambiguous, hard-to-learn], seeds: [0]}\n"
    )
    folder = tmp_path / "out"
    study = load_study(tmp_path / "study.yaml")
    finished = run_study(study, folder, ThisProcess, lambda line: None, lambda progress: None)
    assert not finished.failures
    for strategy in ("ambiguous", "hard-to-learn"):
        (like,) = folder.glob(f"*/like-lengths-selection/**/{strategy}*/seed-0/selection.parquet")
        ours = Path(str(like).replace("like-lengths-selection", "selection"))
        lengths = [
            selection_lengths(DataMap.read(one), Selection.read(path))["selected"]
            for path in (like, ours)
            for one in folder.glob("*/map/**/map.parquet")
        ]
        assert lengths[0] == lengths[1]


def test_the_main_model_writes_completions(whole):
    folder = whole[1] / "erm/seed-0/model"
    model, tokenizer = (
        one.from_pretrained(folder) for one in (AutoModelForCausalLM, AutoTokenizer)
    )
    written = model.generate(**tokenizer("walk once", return_tensors="pt"), max_new_tokens=6)
    assert "I_WALK" in tokenizer.decode(written[0])


def test_nothing_is_done_twice(whole):
    said = []
    run(load_experiment(whole[0]), str(whole[1]), said.append)
    assert not [line for line in said if ": done in" in line]


MEASURE = "mean-token-probability"


def record_of(folder):
    return json.loads((folder / "seed-0/stage.json").read_text())["made_from"]


def test_the_map_by_mean_token_probability_trains_no_reference_again(decoder, tmp_path):
    file = write_experiment(tmp_path, decoder(), **{"[erm, erm_budget, random]": "[]"})
    folder, quick = tmp_path / "run", ["main.epochs=1", "selection.strategy=hard-to-learn"]
    run(load_experiment(file, quick), str(folder), lambda line: None)
    assert "measure" not in record_of(folder / "map")["map"], "older maps stay valid"
    usual = DataMap.read(folder / "map/seed-0/map.parquet")
    said = []
    other = load_experiment(file, [*quick, f"map.measure={MEASURE}"])
    run(other, str(folder), said.append)
    assert "reference/seed-0: done before" in said
    assert f"map/seed-0: again: map.measure was not set, is {MEASURE}" in said
    drawn = DataMap.read(folder / "map/seed-0/map.parquet")
    recorded = read_dynamics(folder / "reference/seed-0/dynamics")
    assert recorded.measures == (MEASURE,)
    columns = np.stack([recorded.epoch_recorded(epoch) for epoch in recorded.epochs])
    np.testing.assert_allclose(usual.confidence, columns[:, :, 0].mean(0), rtol=1e-5)
    np.testing.assert_allclose(drawn.confidence, columns[:, :, 5].mean(0), rtol=1e-5)
    assert (drawn.confidence >= usual.confidence).all(), "the mean is not below the geometric one"
    assert (drawn.measure, usual.measure) == (MEASURE, None)
    for name in ("results.json", "report.html"):
        assert "by mean token probability" in (folder / name).read_text()


def test_commands_take_the_measure(ftft, whole, tmp_path):
    dynamics = whole[1] / "reference/seed-0/dynamics"
    options = ("--burn-in", 0, "--measure", MEASURE)
    outcome = ftft("map", dynamics, "-o", tmp_path / "mean.parquet", *options)
    assert outcome.code == 0, outcome.err
    assert "by mean token probability" in outcome.out
    usual = DataMap.read(whole[1] / "map/seed-0/map.parquet")
    drawn = DataMap.read(tmp_path / "mean.parquet")
    assert not np.array_equal(drawn.confidence, usual.confidence)
    for command in (("preflight", dynamics), ("transfer", dynamics, tmp_path / "mean.parquet")):
        assert ftft(*command, *options).code == 0
    outcome = ftft("map", dynamics, "-o", tmp_path / "no.parquet", "--measure", "median")
    assert outcome.code == 2
    assert "do not hold median" in outcome.err


def test_what_an_older_version_recorded_is_drawn_as_ever_and_not_otherwise(whole, tmp_path):
    new = read_dynamics(whole[1] / "reference/seed-0/dynamics")
    columns = np.stack([new.epoch_recorded(epoch)[:, :5] for epoch in new.epochs])
    old = TrainingDynamics.from_arrays(columns, example_ids=new.example_ids, encoding="values")
    write_dynamics(tmp_path / "old", old)
    assert json.loads((tmp_path / "old/header.json").read_text())["schema"] == 2
    old = read_dynamics(tmp_path / "old")
    maps = [DataMap.from_dynamics(one, burn_in=0) for one in (old, new)]
    np.testing.assert_array_equal(maps[0].variability, maps[1].variability)
    with pytest.raises(DynamicsError, match="record again: of a run, with --force-stage reference"):
        old.measured_by(MEASURE)


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "{file}"),
        ("preflight", "{run}/reference/seed-0"),
        ("transfer", "{run}/reference/seed-0/dynamics", "{run}/erm/seed-0/dynamics"),
        ("label-errors", "{run}/map/seed-0/map.parquet", "--by", "confidence"),
        ("evaluate", "{file}", "{run}/main/seed-0/model"),
        ("report", "{run}", "--output", "page.html"),
    ],
    ids=lambda command: command[0],
)
def test_commands_take_it(ftft, whole, command):
    file, folder = whole
    done = ftft(*(part.format(file=file, run=folder) for part in command))
    assert done.code == 0, done.err


def test_label_errors_by_margin_say_that_there_is_none(ftft, whole):
    drawn = whole[1] / "map/seed-0/map.parquet"
    done = ftft("label-errors", drawn, "--by", "aum")
    assert done.code == 2
    assert "Rank by confidence (--by confidence)" in done.err
    assert ftft("label-errors", drawn).out == ftft("label-errors", drawn, "--by", "confidence").out


def test_export_names_prompt_and_completion(ftft, whole, tmp_path):
    drawn = whole[1] / "map/seed-0/map.parquet"
    assert ftft("export", drawn, "rows.jsonl", "--rows", whole[0]).code == 0
    row = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    assert {"example_id", "prompt", "completion", "confidence"} <= row.keys()


def test_what_is_pushed_is_pulled_and_matches_the_data(ftft, whole):
    assert ftft("push", whole[1] / "map/seed-0", "./shared").code == 0
    done = ftft("pull", "./shared", "pulled", "--data", whole[0])
    assert done.code == 0, done.err


def test_init_finds_prompt_and_completion(ftft, whole, decoder):
    model = str(decoder())
    data = whole[0].parent / "train.jsonl"
    assert ftft("init", data, "-o", "new.yaml", "--reference", model, "--main", model).code == 0
    experiment = load_experiment("new.yaml")
    source = experiment.data.train[0]
    assert (experiment.task, experiment.metric) == ("causal-lm", "exact_match")
    assert (source.prompt, source.completion, source.id) == ("prompt", "completion", "id")
    chosen = ("--set", "reference.max_length=16", "--set", "main.max_length=16")
    assert ftft("validate", "new.yaml", *chosen).code == 0


def test_a_prompt_without_room_is_named_before_anything_is_trained(ftft, decoder, tmp_path):
    file = write_experiment(tmp_path, decoder())
    row = {"id": "long", "prompt": "walk " * 16, "completion": "I_WALK"}
    with (tmp_path / "train.jsonl").open("a") as lines:
        lines.write(json.dumps(row) + "\n")
    done = ftft("run", file, "--output", "run")
    assert done.code == 2
    assert "the prompts of 1 example have max_length (16) tokens or more" in done.err
    assert "completion is left to learn by reference.model: row 65 (line 65) of " in done.err
    assert "train.jsonl (id 'long')" in done.err
    assert "data.without_room=leave-out" in done.err
    assert not (tmp_path / "run/reference").exists()


def with_long_prompts(folder, model, **changes):
    """An experiment with a prompt of 20 tokens in the training data and in a test set."""
    file = write_experiment(folder, model, **changes)
    row = {"id": "long", "prompt": " ".join(["walk"] * 20), "completion": "I_WALK", "kind": ""}
    for name in ("train", "ood"):
        with (folder / f"{name}.jsonl").open("a") as lines:
            lines.write(json.dumps(row) + "\n")
    return file


def test_what_has_no_room_is_left_out_by_choice_and_counted(ftft, decoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = with_long_prompts(tmp_path, decoder(), **{"[erm, erm_budget, random]": "[]"})
    options = ("--set", "data.without_room=leave-out", "--set", "main.epochs=1")
    # Room in the main model's tokens is not enough for training, but for its test sets.
    roomy = (*options, "--set", "main.max_length=32", "--output", "run")
    for command in ("validate", "run"):
        done = ftft(command, file, *roomy)
        assert done.code == 0, done.err
        said = " ".join((done.out + done.err).split())
        assert "the prompts of 1 example have max_length (16) tokens or more" in said
        assert "(id 'long'); left out, as data.without_room says" in said
        assert "'ood'" not in said
    found = json.loads((tmp_path / "run/results.json").read_text())
    assert found["data"]["left_out"] == {"train": {"without_room": 1}}
    assert found["runs"][0]["scores"]["test"]["ood"]["examples"] == 25
    recorded = read_dynamics(tmp_path / "run/reference/seed-0/dynamics")
    assert len(recorded) == 64
    assert "long" not in recorded.example_ids.to_pylist()
    assert "train: 1 row left out: without room" in (tmp_path / "run/report.html").read_text()
    outcome = ftft("report", "run", "--output", "again.html")
    assert outcome.code == 0, outcome.err
    assert "shown without texts" not in outcome.out + outcome.err
    data = usable_data(load_experiment(file, ["data.without_room=leave-out"]))
    assert data.left_out == {"train": {"without_room": 1}, "ood": {"without_room": 1}}
    assert len(data.test_ood["ood"]) == 24


def test_data_that_are_not_reduced_need_no_model(decoder, tmp_path):
    """As when a model is scored where its reference is not."""
    file = with_long_prompts(tmp_path, decoder())
    assert len(usable_data(load_experiment(file, ["reference.model=nowhere"])).train) == 65


def test_a_set_of_which_nothing_would_be_left_is_refused(decoder, tmp_path):
    file = write_experiment(tmp_path, decoder())
    (tmp_path / "ood.jsonl").write_text(
        json.dumps({"id": "long", "prompt": "walk " * 20, "completion": "I_WALK"}) + "\n"
    )
    with pytest.raises(
        DataError, match=r"by main\.model: row 1 \(line 1\) of .*Nothing is left of it: raise"
    ):
        usable_data(load_experiment(file, ["data.without_room=leave-out"]))


def test_in_a_study_all_models_leave_out_the_same(decoder, tmp_path):
    with_long_prompts(tmp_path, decoder())
    (tmp_path / "study.yaml").write_text(
        "name: rooms\nbase: {experiment: experiment.yaml}\n"
        "grid: {references: {one: {}, other: {max_length: 32}}, seeds: [0]}\n"
    )
    overrides = ["base.data.without_room=leave-out", "base.main.max_length=32"]
    with pytest.raises(DataError, match="would leave out different examples"):
        open_study(load_study(tmp_path / "study.yaml", overrides), tmp_path / "out", print)
    overrides[1] = "base.main.max_length=16"
    opened = open_study(load_study(tmp_path / "study.yaml", overrides), tmp_path / "out", print)
    ((name, data),) = opened.data.items()
    assert data.left_out == {"train": {"without_room": 1}, "ood": {"without_room": 1}}
    # Asked again without it, the prompt is the one problem, and no other training data are.
    stage = tmp_path / "out" / name / "reference/one/seed-0"
    stage.mkdir(parents=True)
    made = {"digest": "d", "result": {}, "made_from": {"train": data.train.fingerprint}}
    write_record(stage, {"status": "finished", **made})
    with pytest.raises(DataError, match="have max_length"):
        open_study(load_study(tmp_path / "study.yaml", overrides[1:]), tmp_path / "out", print)


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}])
def test_killed_and_run_again_it_ends_the_same(decoder, tmp_path, monkeypatch, options):
    data = load_data(load_experiment(write_experiment(tmp_path, decoder())))
    tokenizer = AutoTokenizer.from_pretrained(decoder())
    train, dev = (
        encode_completions(one, tokenizer, max_length=16) for one in (data.train, data.dev["dev"])
    )
    settings = FineTuning(
        model=str(decoder()),
        learning_rate=1e-2,
        batch_size=16,
        max_length=16,
        precision="fp32",
        training_arguments=options,
    )

    def tune(to, *spies):
        monkeypatch.setattr(
            "ftft.training.finetune._callbacks", lambda *args: [*_callbacks(*args), *spies]
        )
        sets = DevSets({"dev": dev}, ("dev",), "exact_match")
        given = (settings, plan(8, 2), train, sets, tokenizer, tmp_path / to)
        return finetune(*given, recording=Recording())

    undisturbed = tune("whole")
    with pytest.raises(KilledError):
        tune("again", Killer(5))
    check_same(tune("again"), undisturbed)
