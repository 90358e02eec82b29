"""How far a run is among its trainings, and when it can say how long the rest takes."""

import json
import shutil
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ftft import load_experiment, run
from ftft import run as run_pipeline
from ftft.config.methods import training_names
from ftft.evaluation.training import Amount, Training, TrainingCost
from ftft.experiment.dry_run import foresee
from ftft.experiment.finished import finished_before
from ftft.experiment.foreseen import Foreseen, Speeds, recorded_speeds
from ftft.experiment.overall import Overall, UnderWay
from ftft.experiment.validate import check
from ftft.tasks.token_classification import TokenClassification
from ftft.utils.environment import environment
from ftft.workspace import workspace
from ftft.workspace.stage_record import write_record
from ner import write_experiment

EXAMPLES = 64

NOTE = (
    "note: FTFT takes about 150% of ERM's FLOPs, its reference counted in; that is no saving: take "
    "a cheaper reference (fewer layers or epochs), or a smaller main.budget"
)


def took(seconds, steps, flops=0.0):
    cost = TrainingCost(
        Amount(flops, seconds=seconds - 1), Amount(seconds=0.5), overhead_seconds=0.5
    )
    return Training(steps, steps, "fp32", cost, {}, [])


@pytest.fixture
def experiment(experiment_file):
    asked = ("baselines=[random, erm, erm_budget]", "seeds=[0, 1]", "main.budget=0.5")
    return load_experiment(experiment_file, asked)


def test_trainings_of_all_seeds_in_the_order_of_the_run(experiment):
    kinds = ["reference", "main", "erm", "erm_budget", "random"]
    names = training_names(experiment.baselines, experiment.seeds)
    assert names == [f"{kind}/seed-{seed}" for seed in (0, 1) for kind in kinds]
    # DM's own reference is ERM, which is trained once.
    assert training_names(["dm", "erm"], [7]) == [
        *("reference/seed-7", "main/seed-7", "erm/seed-7", "dm/seed-7")
    ]


def test_the_time_left_is_said_once_it_is_known(experiment):
    overall = Overall(experiment, EXAMPLES)
    first = overall.place("reference/seed-0")
    assert first.in_words == "training 1 of 10"
    assert first.left_before is None
    assert first.left(3.0, 1.0) is None, "a step of the reference is none of the main model"
    overall.ended("reference/seed-0", took(10.0, 12), environment())
    main = overall.place("main/seed-0")
    assert main.left_before is None
    # 2 s a step: 12 steps of ERM, 6 of the others; the same cost is that of reference and main.
    others = 24 + (10 + 12) + 12
    assert main.left(5.0, 2.0) == pytest.approx(5 + others + 10 + 12 + others)
    overall.ended("main/seed-0", took(12.0, 6), environment())
    assert overall.place("erm/seed-0").left_before == pytest.approx(others + 10 + 12 + others)
    assert overall.place("random/seed-1").left_before == pytest.approx(12)
    # The measured speed of a later reference is not taken for the main model's.
    later = overall.place("reference/seed-1")
    assert later.left(4.0, 99.0) == pytest.approx(4 + 12 + others)


def foreseeing(experiment, **others):
    steps = {"reference": 12, "main": 6, "erm": 12, "erm_budget": 9, "random": 6}
    trainings = {
        name: Foreseen(name, False, steps[kind := name.partition("/")[0]], steps[kind] * 1e9)
        for name in training_names(experiment.baselines, experiment.seeds)
    }
    return Overall(experiment, EXAMPLES, tuple, lambda reused: trainings, **others)


def under_way(step, steps, seconds_left):
    return UnderWay.of({"step": step, "steps": steps, "seconds_left": seconds_left})


def test_side_by_side_nothing_is_said_before_a_main_model_is_timed(experiment):
    overall = foreseeing(experiment)
    overall.note("reference/seed-0", took(60.0, 12, flops=12e9))
    assert overall.after(["reference/seed-0"], {}) == (1, 10, None)


def test_side_by_side_the_time_follows_from_the_trainings_under_way(experiment):
    overall = foreseeing(experiment)
    overall.note("reference/seed-0", took(10.0, 12))
    begun = {"erm/seed-0": under_way(2, 12, 20.0)}
    # 2 s a step, of ERM 10 of the 12 steps left; the second seed has all to do.
    left = (12 + 22 + 20 + 12) + (10 + 12 + 22 + 24 + 12)
    found = overall.after(["reference/seed-0"], begun)
    assert (found[:2], found[2]) == ((1, 10), pytest.approx(left, abs=0.5))
    later = {"erm/seed-0": replace(begun["erm/seed-0"], ends=time.monotonic() - 1)}
    assert overall.after(["reference/seed-0"], later)[2] == pytest.approx(left - 20, abs=0.5)


def test_a_line_without_time_measures_nothing():
    assert under_way(12, 12, 0.0) is None
    assert UnderWay.of({"training": 1, "of": 5, "seconds_left": 7.0}) is None
    assert under_way(2, 12, 20.0).per_step == 2


def test_what_another_machine_took_says_nothing(experiment):
    overall = Overall(experiment, EXAMPLES)
    overall.ended("reference/seed-0", took(10.0, 12), environment() | {"device": "another"})
    overall.ended("main/seed-0", took(12.0, 6), environment() | {"threads": 64})
    assert overall.place("erm/seed-0").left_before is None
    overall.ended("reference/seed-0", took(10.0, 12), environment())
    overall.ended("main/seed-0", took(12.0, 6), environment())
    assert overall.place("erm/seed-0").left_before is not None


def test_what_cannot_be_counted_ends_no_run(experiment):
    def fails(reused):
        raise TypeError("Cannot copy out of meta tensor; no data!")

    overall = Overall(experiment, EXAMPLES, tuple, fails)
    assert overall.opening() == ""
    assert overall.place("reference/seed-0").in_words == "training 1 of 10"


def test_what_will_not_be_run_again_takes_no_time(experiment):
    asked = []

    def finished():
        asked.append(1)
        return ["erm/seed-0", "erm/seed-1", "reference/seed-1"]

    overall = Overall(experiment, EXAMPLES, finished)
    overall.ended("reference/seed-0", took(10.0, 12), environment())
    assert asked == [], "a run that trains nothing need not know"
    found = overall.place("main/seed-0")
    assert found.in_words == "training 2 of 10"
    assert found.left(0.0, 2.0) == pytest.approx(22 + 12 + 12 + 22 + 12)
    overall.place("random/seed-1")
    assert asked == [1]


def test_before_it_is_known_the_time_follows_from_operations(experiment):
    overall = foreseeing(experiment)
    first = overall.place("reference/seed-0")
    assert first.left_before is None, "no speed is known"
    # 12 steps of 2 s for 12e9 operations; of the 90e9 in all 78e9 are left.
    assert first.left(6.0, 2.0) == pytest.approx(6 + 2 * 78)
    assert overall.place("reference/seed-0").left_before is None, "it is not noted"
    speeds = Speeds()
    speeds.note("main/seed-0", 1e9, 5.0)
    known = foreseeing(experiment, recorded=lambda: speeds)
    assert known.place("reference/seed-0").left_before == pytest.approx(5 * 90)
    assert known.opening() == (
        "to do: 10 trainings, about 90 steps and about 9e-05 PFLOPs, about 8 min by the speed of "
        "earlier ones\n" + NOTE
    )
    assert known.opening() == "", "it is said once"
    assert overall.opening().endswith("PFLOPs\n" + NOTE)


def test_speeds_are_those_of_this_machine(finished, tmp_path):
    names = ["reference/seed-0", "main/seed-0"]
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    speeds = recorded_speeds(folder, names)
    record = json.loads((folder / names[1] / "stage.json").read_text())
    cost = record["result"]["cost"]
    flops = cost["training"]["flops"] + cost["evaluation"]["flops"]
    seconds = cost["training"]["seconds"] + cost["evaluation"]["seconds"] + cost["overhead_seconds"]
    assert speeds.seconds("erm/seed-7", 2 * flops) == pytest.approx(2 * seconds)
    reference = json.loads((folder / names[0] / "stage.json").read_text())["result"]["cost"]
    parts = [reference["training"], reference["evaluation"]]
    took = sum(one["seconds"] for one in parts) + reference["overhead_seconds"]
    of_reference = sum(one["flops"] for one in parts)
    assert speeds.seconds("reference/seed-1", of_reference) == pytest.approx(took)
    for name in names:
        path = folder / name
        found = json.loads((path / "stage.json").read_text())
        found.pop("sha256")
        found["environment"]["device"] = "another"
        write_record(path, found)
    assert recorded_speeds(folder, names).seconds("main/seed-0", 1.0) is None
    assert recorded_speeds(tmp_path / "none", names).seconds("main/seed-0", 1.0) is None


def test_a_run_says_first_how_much_it_is(experiment_file, tmp_path):
    experiment, said = load_experiment(experiment_file), []
    run(experiment, str(tmp_path / "run"), said.append)
    at = [line.startswith("to do: 3 trainings, at most 28 steps and ") for line in said].index(True)
    assert "reference/seed-0: training 1 of 3" in said[at + 1]
    assert sum(line.startswith("to do") for line in said) == 1
    again: list[str] = []
    run(experiment, str(tmp_path / "run"), again.append)
    assert not [line for line in again if line.startswith("to do")]
    dry = foresee(
        experiment, check(experiment, str(tmp_path / "run")), str(tmp_path / "run"), print
    )
    assert dry.seconds is None, "nothing is to be done"
    more = load_experiment(experiment_file, ["main.budget=0.5"])
    dry = foresee(more, check(more, str(tmp_path / "run")), str(tmp_path / "run"), again.append)
    assert dry.seconds > 0


def test_a_line_has_the_words_and_the_figures(experiment):
    overall = Overall(experiment, EXAMPLES)
    found = overall.place("main/seed-1")
    line = found.said("main/seed-1: ", ", at most 6 steps", 754.0)
    assert line == (
        "main/seed-1: training 7 of 10, at most 6 steps; about 13 min of training left in all"
    )
    assert line.figures == {"training": 7, "of": 10, "seconds_left": 754.0}
    unknown = found.said("main/seed-1: ", ", at most 6 steps", None)
    assert "left" not in unknown
    assert unknown.figures == {"training": 7, "of": 10}


def test_several_processes_do_not_look(experiment, monkeypatch):
    """Looking encodes the data, which all of them have to do together."""

    def looked(*_):
        raise AssertionError("it was looked at what is finished")

    monkeypatch.setattr("ftft.experiment.finished.is_finished", looked)
    monkeypatch.setattr("ftft.utils.distributed.count", lambda: 2)
    assert finished_before(SimpleNamespace(experiment=experiment)) is None
    overall = Overall(experiment, EXAMPLES, lambda: None)
    overall.ended("reference/seed-0", took(10.0, 12), environment())
    overall.ended("main/seed-0", took(12.0, 6), environment())
    place = overall.place("erm/seed-0")
    assert (place.in_words, place.left_before) == ("training 3 of 10", None)
    assert place.left(5.0, 2.0) is None


def test_a_run_that_is_given_again_reads_and_encodes_all_once(tiny_model, tmp_path, monkeypatch):
    """Looking at what is finished does none of it that the run then does again."""
    asked = ("baselines=[erm, erm_budget, random]", "main.max_length=8", "main.epochs=2")
    experiment, said = load_experiment(write_experiment(tmp_path, tiny_model), asked), []
    folder = tmp_path / "run"
    run_pipeline(experiment, str(folder), said.append)
    (note,) = [line for line in said if "words of train in" in line]
    shutil.rmtree(folder / "erm" / "seed-0")
    hashed, encoded = Counter(), Counter()
    check, tokenize = workspace.check_outputs, TokenClassification.tokenize

    def counted_check(place, name, record):
        hashed[name] += 1
        check(place, name, record)

    def counted_tokenize(task, dataset, tokenizer, max_length):
        encoded[dataset.name, max_length] += 1
        return tokenize(task, dataset, tokenizer, max_length)

    monkeypatch.setattr(workspace, "check_outputs", counted_check)
    monkeypatch.setattr(TokenClassification, "tokenize", counted_tokenize)
    said.clear()
    run_pipeline(experiment, str(folder), said.append)
    (place,) = [line for line in said if "training 3 of 5" in line]
    assert "left in all" in place, "it was looked at what is finished"
    assert hashed.keys() >= {"reference/seed-0", "erm_budget/seed-0", "random/seed-0"}
    assert {*hashed.values()} == {1}, hashed
    assert encoded["train", 8] == 1
    assert {*encoded.values()} == {1}, encoded
    assert said.count(note) == 1, "and the look says none of its notes"
