"""Options that change nothing in a command are said; what changes something is not."""

import numpy as np
import pytest
import torch
import yaml

from ftft.cartography.coordinates import write_coordinates
from ftft.cartography.datamap import DataMap
from ftft.config.idle import idle_notes
from ftft.config.load import load_experiment
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import write_dynamics


@pytest.fixture
def made(tmp_path):
    """Dynamics, the map drawn from them, and its coordinates."""
    labels = np.arange(40) % 2
    logits = np.random.default_rng(0).normal(size=(4, 40, 2))
    dynamics = TrainingDynamics.from_arrays(logits, labels, [f"t{n}" for n in range(40)])
    write_dynamics(tmp_path / "dynamics", dynamics)
    datamap = DataMap.from_dynamics(dynamics)
    datamap.write(tmp_path / "map.parquet")
    write_coordinates(tmp_path / "points.jsonl", datamap)
    return datamap


@pytest.mark.parametrize(
    ("strategy", "options", "idle"),
    [
        ("ambiguous", ["--easy-share", "0.1"], ["--easy-share"]),
        ("ambiguous", ["--num-clusters", "9", "--dynamics", "dynamics"],
         ["--num-clusters", "--dynamics"]),
        ("hard-to-learn", ["--seed", "0"], ["--seed"]),
        ("random", ["--seed", "1", "--easy-share", "0.2"], ["--easy-share"]),
        ("ambiguous+easy", ["--easy-share", "0.2"], []),
        ("loss-clusters", ["--num-clusters", "9", "--dynamics", "dynamics", "--seed", "2"], []),
        ("loss-clusters", ["--dynamics", "."], []),
        ("ambiguous", [], []),
    ],
)  # fmt: skip
def test_of_a_selection(ftft, made, strategy, options, idle):
    outcome = ftft("select", "map.parquet", "--strategy", strategy, *options)
    assert outcome.code == 0, outcome.err
    noted = [f"note: {option} has no effect with --strategy {strategy}" for option in idle]
    assert sorted(outcome.err.splitlines()) == sorted(noted)


@pytest.mark.parametrize(("maps", "noted"), [(["map.parquet"], True), (["dynamics"], False)])
def test_burn_in_of_maps_that_are_drawn(ftft, made, maps, noted):
    outcome = ftft("transfer", "map.parquet", *maps, "--burn-in", "1")
    assert outcome.code == 0, outcome.err
    assert ("note: --burn-in has no effect on maps" in outcome.err) is noted


@pytest.mark.parametrize(("options", "points"), [([], 4), (["--epochs", "8"], 8)])
def test_the_number_of_epochs_of_coordinates(ftft, made, tmp_path, options, points):
    outcome = ftft("import", "points.jsonl", "-o", "imported.parquet", *options)
    assert outcome.code == 0, outcome.err
    assert ("note: correctness is a share of 4 epochs" in outcome.err) is (not options)
    assert "note: the file holds no labels" in outcome.err
    imported = DataMap.read(tmp_path / "imported.parquet")
    assert len(imported.epochs) == points
    np.testing.assert_allclose(imported.correctness * points, made.correctness * 4)


@pytest.mark.parametrize(
    ("sets", "idle"),
    [
        (["selection.easy_share=0.3"], ["selection.easy_share has no effect: selection.strategy"]),
        (["selection.num_clusters=5"], ["selection.num_clusters has no effect: selection.strat"]),
        (["selection.easy_share=0.1"], []),
        (["selection.easy_share=0.3", "selection.strategy=ambiguous+easy"], []),
        (["selection.num_clusters=5", "selection.strategy=loss-clusters"], []),
        (["selection.random_share=0.3", "selection.strategy=random"],
         ["selection.random_share has no effect: selection.strategy is random"]),
        (["selection.random_share=0.3"], []),
        (["reference.stable_share=0.5"], ["reference.stable_share has no effect: reference.stop"]),
        (["reference.stable_share=0.5", "reference.stop=stable"], []),
        (["main.revision=v2"], ["main.revision has no effect: main.model is a folder"]),
        (["main.revision=v2", "main.model=owner/name"], []),
        (["main.evaluate_every=2"], ["main.evaluations has no effect: main.evaluate_every"]),
        (["data.holdout=0.2"], ["data.holdout has no effect: data.dev names a development set"]),
        (["data.holdout=0.2", "data.dev={}"], []),
        (["main.adapter={}", "main.freeze_embeddings=true"],
         ["main.freeze_embeddings has no effect: the adapter leaves"]),
        (["main.adapter={}", "main.learning_rate=2e-5"],
         ["main.learning_rate is 2e-05; adapters need a higher one"]),
        (["reference.adapter={}", "reference.learning_rate=5e-5"], []),
        (["dm.budget=0.5", "dm.patience=1"], ["dm.budget has no", "dm.patience has no effect: dm"]),
        (["dm.budget=0.5", "baselines=[dm]"], []),
    ],
)  # fmt: skip
def test_keys_of_an_experiment(experiment_file, sets, idle):
    """The file itself has main.evaluations, which counts in one case only."""
    notes = idle_notes([load_experiment(experiment_file, sets)])
    assert len(notes) == len(idle)
    assert all(note.startswith(f"note: {one}") for note, one in zip(notes, idle, strict=True))


def test_a_key_that_one_of_several_experiments_reads(experiment_file):
    wanted = ["selection.easy_share=0.3", "dm.budget=0.5"]
    strategies = [f"selection.strategy={name}" for name in ("ambiguous", "ambiguous+easy")]
    experiments = [load_experiment(experiment_file, [*wanted, one]) for one in strategies]
    assert [note.split()[1] for note in idle_notes(experiments)] == ["dm.budget"]


def test_idle_keys_are_said_by_validate(ftft, experiment_file):
    outcome = ftft("validate", experiment_file, "--set", "selection.easy_share=0.3")
    assert outcome.code == 0, outcome.err
    why = "selection.strategy is ambiguous"
    assert f"note: selection.easy_share has no effect: {why}\n" in outcome.out


def test_what_a_run_wrote_is_asked_again_without_a_note(experiment_file, tmp_path):
    """Its experiment.yaml spells out every default."""
    experiment = load_experiment(experiment_file)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(experiment.model_dump(mode="json")))
    assert idle_notes([load_experiment(tmp_path / "again.yaml")]) == []


CHANGED = {
    "selection.fraction": "0.5", "map.burn_in": "1", "reference.layers": "1", "main.budget": "0.5",
    "main.batch_size": "8", "main.max_length": "12",
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "place", "idle"),
    [
        ("train experiment.yaml --selection ids.csv", "with --selection",
         ["selection.fraction", "map.burn_in", "reference.layers"]),
        ("train experiment.yaml", "on ERM's full training",
         ["selection.fraction", "map.burn_in", "reference.layers", "main.budget"]),
        ("record experiment.yaml", "on the reference",
         ["selection.fraction", "map.burn_in", "main.budget", "main.batch_size",
          "main.max_length"]),
        ("record experiment.yaml --set reference.stop=stable", "on the reference",
         ["selection.fraction", "main.budget", "main.batch_size", "main.max_length"]),
        ("record experiment.yaml --checkpoints out", "with --checkpoints", list(CHANGED)),
        ("evaluate experiment.yaml gone", "on a finished model",
         ["selection.fraction", "map.burn_in", "reference.layers", "main.budget",
          "main.batch_size"]),
    ],
)  # fmt: skip
def test_keys_that_a_command_does_not_read(ftft, experiment_file, command, place, idle):
    """It is said at once, here before the data is found missing."""
    (experiment_file.parent / "ids.csv").write_text("example_id\nt0\n")
    sets = [part for key, value in CHANGED.items() for part in ("--set", f"{key}={value}")]
    outcome = ftft(*command.split(), *sets, "--set", "data.train.path=gone.csv")
    assert outcome.code == 2
    noted = [line for line in outcome.err.splitlines() if line.startswith("note: --set")]
    assert noted == [f"note: --set {key} has no effect {place}" for key in idle]


def labels_of(path, count):
    path.write_text("id,label\n" + "".join(f"t{n},{n % 2}\n" for n in range(count)))


@pytest.mark.parametrize(("count", "noted"), [(40, False), (43, True)])
def test_labels_of_ids_that_are_not_there(ftft, made, tmp_path, count, noted):
    labels_of(tmp_path / "labels.csv", count)
    note = "note: 3 labels in labels.csv ignored: no example has the id"
    tensors = {f"t{n}": torch.ones(2, 2) for n in range(40)}
    tensors["t7"][1] = 0.0
    torch.save(tensors, tmp_path / "uid_to_logits.pt")
    for source, output in (("points.jsonl", "new.parquet"), ("uid_to_logits.pt", "new")):
        outcome = ftft("import", source, "--labels", "labels.csv", "-o", output)
        assert outcome.code == 0, outcome.err
        assert (note in outcome.err) is noted
        assert ("ignored" in outcome.err) is noted


@pytest.mark.parametrize("source", ["points.jsonl", "uid_to_logits.pt"])
def test_labels_that_lack_an_id_are_refused(ftft, made, tmp_path, source):
    labels_of(tmp_path / "labels.csv", 39)
    torch.save({f"t{n}": torch.ones(2, 2) for n in range(40)}, tmp_path / "uid_to_logits.pt")
    outcome = ftft("import", source, "--labels", "labels.csv", "-o", "new.parquet")
    assert outcome.code == 2
    assert "no gold label was given for the id 't39' (1 ids lack one)" in outcome.err


@pytest.mark.parametrize(("count", "noted"), [(40, False), (10, True)])
def test_examples_without_a_slice_are_noted(ftft, made, tmp_path, count, noted):
    rows = "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(count))
    (tmp_path / "slices.csv").write_text(f"example_id,source\n{rows}")
    asked = ("--slices", "slices.csv", "--balance-by", "source")
    outcome = ftft("select", "map.parquet", *asked)
    assert outcome.code == 0, outcome.err
    note = "note: 30 of 40 examples have no 'source' in slices.csv; they count as a group of their"
    assert (note in outcome.err) is noted
    assert ("count as a group" in outcome.err) is noted


def test_candidates_that_are_written_are_said(ftft, made):
    outcome = ftft("label-errors", "map.parquet", "-o", "candidates.csv")
    assert outcome.code == 0, outcome.err
    assert "20 of 40 examples written to candidates.csv; --count gives more\n" in outcome.out
