"""``ftft transfer``, ``ftft preflight``, and what a run makes of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from ftft.dynamics import TrainingDynamics, write_dynamics

EXAMPLES = 90


@pytest.fixture
def recorded(tmp_path):
    """Dynamics that learn: of rising margin, by seed; ``flat`` learns nothing."""

    def make(name, seed=0, rise=2.0):
        generator = np.random.default_rng(seed)
        labels = np.arange(EXAMPLES) % 2
        hardness = np.random.default_rng(7).uniform(0, 2, EXAMPLES)
        logits = generator.normal(size=(4, EXAMPLES, 2)) * 0.2
        for epoch in range(4):
            logits[epoch, np.arange(EXAMPLES), labels] += rise * (epoch + 1) - 2 * hardness
        given = TrainingDynamics.from_arrays(logits, labels, class_names=["no", "yes"])
        write_dynamics(tmp_path / name / "dynamics", given)
        return name

    return make


def test_two_references_side_by_side(ftft, recorded, tmp_path):
    one, other = recorded("one"), recorded("other", seed=1)
    slices = "example_id,kind\n" + "".join(f"{row},{'ab'[row % 2]}\n" for row in range(EXAMPLES))
    (tmp_path / "slices.csv").write_text(slices)
    outcome = ftft("transfer", one, other, "--slices", "slices.csv", "-o", "agreement.json")
    assert outcome.code == 0, outcome.err
    for text in ("one and other", "by chance 33%", "ambiguous", "kind", "rank variability"):
        assert text in outcome.out
    written = json.loads((tmp_path / "agreement.json").read_text())
    (pair,) = written["pairs"]
    assert pair["maps"] == ["one", "other"]
    assert 0.5 < pair["overlaps"]["ambiguous"]["shared"] <= 1
    assert set(pair["groups"]) == {"label", "kind"}


def test_a_narrow_terminal_shows_names_and_headings_whole(ftft, recorded, monkeypatch):
    monkeypatch.setattr("ftft.cli.show.console", lambda: Console(width=80, highlight=False))
    names = [recorded(f"runs-of-many-customer-reviews/{name}", rise=3.0) for name in ("a", "b")]
    names[1] = recorded("runs-of-many-customer-reviews-again/and/again", seed=1)
    out = ftft("transfer", *names).out
    assert "…" not in out
    for heading in ("confidence", "variability", "hard-to-learn", "the first"):
        assert heading in out
    rows = [line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│")]
    assert " and".join(names) in "".join(rows)


def test_three_references_make_three_pairs(ftft, recorded):
    names = [recorded(f"seed{seed}", seed=seed) for seed in range(3)]
    outcome = ftft("transfer", *names, "--differences", 0)
    assert outcome.code == 0
    for pair in ("seed0 and seed1", "seed0 and seed2", "seed1 and seed2"):
        assert f"{pair}: ambiguous" in outcome.out
    assert "differ most" not in outcome.out


def test_one_reference_is_not_enough(ftft, recorded):
    outcome = ftft("transfer", recorded("one"))
    assert outcome.code == 2
    assert "at least two maps" in outcome.err


def test_a_reference_that_learnt_is_good(ftft, recorded, tmp_path):
    arguments = ("--dev-accuracy", 0.95, "--burn-in", 0, "-o", "verdict.json")
    outcome = ftft("preflight", recorded("one"), *arguments)
    assert outcome.code == 0
    assert outcome.out.startswith("verdict: good\n")
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written["verdict"] == "good"
    assert written["dev"]["accuracy"] == 0.95
    assert {one["verdict"] for one in written["findings"]} == {"good"}


def test_a_reference_that_learnt_nothing_is_bad(ftft, recorded):
    outcome = ftft("preflight", recorded("flat", rise=0.0), "--strict")
    assert outcome.code == 1
    assert outcome.out.startswith("verdict: bad\n")
    assert "  try: " in outcome.out
    assert "good" not in outcome.out
    assert "its map leaves out no recording point" in outcome.out


def test_an_expectation_needs_a_score(ftft, recorded):
    outcome = ftft("preflight", recorded("one"), "--expected", 0.9)
    assert outcome.code == 2
    assert "--dev-accuracy" in outcome.err


def test_a_run_tells_the_verdict_before_the_main_model(ftft, experiment_file, tmp_path):
    weak = ("--set", "reference.learning_rate=1e-9")
    outcome = ftft("run", experiment_file, *weak, "--set", "reference.if_bad=stop")
    assert outcome.code == 2
    assert "preflight: bad; " in outcome.err
    assert "error: map/seed-0: the preflight check finds this reference bad" in outcome.err
    run = tmp_path / "runs/tiny"
    assert not (run / "main").exists()
    # The same reference, trained further.
    again = ftft("run", experiment_file, *weak)
    assert again.code == 0
    assert "reference/seed-0: done before" in again.err
    assert "preflight: bad; " in again.err
    assert "note: with reference.if_bad=stop a run would end here" in again.err
    alone = ftft("preflight", run / "reference/seed-0")
    assert "verdict: bad" in alone.out
    assert "note: with reference.if_bad=stop a run would end here" in alone.out
    results = json.loads((run / "results.json").read_text())
    (entry,) = (one for one in results["runs"] if one["method"] == "ftft")
    assert entry["preflight"]["verdict"] == "bad"


def test_the_folder_of_a_run_knows_its_development_score(ftft, experiment_file, tmp_path):
    assert ftft("record", experiment_file).code == 0
    outcome = ftft("preflight", "runs/tiny/reference/seed-0")
    assert outcome.code == 0
    assert "development accuracy is" in outcome.out


def test_out_of_distribution_development_sets_do_not_count(ftft, experiment_file, tmp_path):
    """ERM is scored on them too; whether a map is to be trusted is asked in distribution."""
    text = experiment_file.read_text()
    shifted = "  dev_ood: {shifted: {path: ood.csv, id: id}}\n"
    experiment_file.write_text(text.replace("  test: ", f"{shifted}  test: ", 1))
    assert ftft("run", experiment_file).code == 0
    stage = tmp_path / "runs/tiny/erm/seed-0"
    scores = json.loads((stage / "stage.json").read_text())["result"]["dev_scores"]
    assert scores.keys() == {"dev", "shifted"}
    assert scores["dev"]["accuracy"] != scores["shifted"]["accuracy"]
    assert ftft("preflight", stage, "-o", "verdict.json").code == 0
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written["dev"]["accuracy"] == scores["dev"]["accuracy"]


@pytest.mark.parametrize("command", ["preflight", "transfer"])
def test_a_fraction_out_of_range_is_called_what_the_user_calls_it(ftft, recorded, command):
    folders = [recorded("one")] + [recorded("other")] * (command == "transfer")
    outcome = ftft(command, *folders, "--fraction", 2)
    assert outcome.code == 2
    assert "error: The selected fraction is 2.0" in outcome.err


@pytest.mark.parametrize("command", ["preflight", "map", "transfer"])
@pytest.mark.parametrize("folder", ["study/data/reference/small", "study/data", "study"])
def test_the_folder_of_a_whole_run_or_study_is_distinguished(ftft, recorded, command, folder):
    first, second = (recorded(f"study/data/reference/small/seed-{seed}", seed) for seed in (0, 1))
    outcome = ftft(command, folder, *([first] if command == "transfer" else []))
    assert outcome.code == 2
    assert f"{folder} is the folder of a run or a study" in outcome.err
    assert f"give {first} or {second}" in outcome.err


def test_a_reference_is_named_before_erm(ftft, recorded):
    recorded("run/erm/seed-0")
    first = recorded("run/reference/seed-0")
    outcome = ftft("preflight", "run")
    assert outcome.code == 0
    assert f"run: its only reference is taken, {first}" in outcome.err
    second = recorded("run/reference/seed-1")
    outcome = ftft("preflight", "run")
    assert outcome.code == 2
    assert f"give {first} or {second}" in outcome.err


def test_a_map_is_not_taken_for_dynamics(ftft, recorded):
    folder = recorded("one")
    assert ftft("map", folder, "-o", "map.parquet").code == 0
    outcome = ftft("preflight", "map.parquet")
    assert outcome.code == 2
    assert "map.parquet is a file of a map or a selection, where the folder" in outcome.err


def test_a_reference_stops_when_it_is_stable(ftft, experiment_file, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ftft.transfer.early_stopping.StopWhenStable.is_reached",
        lambda rule, found: len(found.used) > 2,
    )
    longer = ("--set", "reference.epochs=6")
    outcome = ftft("record", experiment_file, *longer, "--set", "reference.stop=stable")
    assert outcome.code == 0
    stage = json.loads((tmp_path / "runs/tiny/reference/seed-0/stage.json").read_text())
    assert stage["result"]["steps"] * 2 == stage["made_from"]["plan"]["steps"]
    assert stage["made_from"]["until"] == {"share": 0.8, "fraction": 0.33, "burn_in": 0}
    # To the end, it is another training.
    again = ftft("record", experiment_file, *longer)
    assert "reference/seed-0: done in" in again.err
