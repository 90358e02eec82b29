"""``ftft select`` finds what a map does not hold in the run that the map belongs to."""

import csv

import numpy as np
import pytest

from ftft.cartography.datamap import DataMap
from ftft.cartography.trajectories import loss_trajectories
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import write_dynamics
from ftft.selection.selection import Selection
from ftft.selection.strategies import select
from ftft.workspace.layout import EXPERIMENT_TITLE
from ftft.workspace.stage_record import write_record

SOURCES = ["web", "print", "print", "print"]


@pytest.fixture
def drawn(experiment_file):
    """A run folder made by hand, whose training data have a slice, and its map."""
    folder = experiment_file.parent
    with (folder / "train.csv").open() as file:
        rows = list(csv.DictReader(file))
    for place, row in enumerate(rows):
        row["source"] = SOURCES[place % 4]
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    run = folder / "runs/tiny"
    run.mkdir(parents=True)
    text = experiment_file.read_text().replace(": id}\n  dev", ": id, slices: [source]}\n  dev")
    text = text.replace("path: ", f"path: {folder}/")
    (run / "experiment.yaml").write_text(EXPERIMENT_TITLE + text)
    ids, labels = [row["id"] for row in rows], [int(row["label"] == "pos") for row in rows]
    dynamics = TrainingDynamics.from_arrays(
        np.random.default_rng(0).normal(size=(4, len(ids), 2)), np.array(labels), example_ids=ids
    )
    for stage in ("reference/seed-0", "map/seed-0"):
        (run / stage).mkdir(parents=True)
    write_dynamics(run / "reference/seed-0/dynamics", dynamics)
    found = DataMap.from_dynamics(dynamics, burn_in=0)
    found.write(run / "map/seed-0/map.parquet")
    read = {"reference/seed-0": ""}
    record = {"schema": 2, "digest": "", "status": "finished", "result": {}, "read": read}
    write_record(run / "map/seed-0", {**record, "outputs": {}})
    return found, loss_trajectories(dynamics)


@pytest.mark.parametrize("given", ["runs/tiny", "runs/tiny/map/seed-0"])
def test_clusters_are_of_the_losses_of_the_run(ftft, drawn, tmp_path, given):
    asked = ("--strategy", "loss-clusters", "--num-clusters", 5, "-o", "chosen")
    outcome = ftft("select", given, *asked)
    assert outcome.code == 0, outcome.err
    datamap, losses = drawn
    wanted = select(datamap, "loss-clusters", 0.33, num_clusters=5, trajectories=losses)
    # A name without an ending gets the only one that it can have.
    assert Selection.read(tmp_path / "chosen.parquet").example_ids == wanted.example_ids
    assert "written to chosen.parquet" in outcome.out


@pytest.mark.parametrize("given", ["runs/tiny", "runs/tiny/map/seed-0"])
def test_slices_are_those_of_the_run(ftft, drawn, tmp_path, given):
    outcome = ftft("select", given, "--balance-by", "source", "-o", "chosen.parquet")
    assert outcome.code == 0, outcome.err
    chosen = Selection.read(tmp_path / "chosen.parquet").example_ids.to_pylist()
    of = dict(zip(drawn[0].example_ids.to_pylist(), SOURCES * 16, strict=True))
    assert len(chosen) == 21
    assert abs(sum(of[one] == "web" for one in chosen) - 10.5) < 1


@pytest.mark.parametrize("of_run", ["keep_label_proportions: true", "balance_by: source"])
def test_labels_are_balanced_as_in_the_run(ftft, drawn, tmp_path, of_run):
    file = tmp_path / "runs/tiny/experiment.yaml"
    file.write_text(file.read_text() + f"selection: {{{of_run}}}\n")
    option = f"--{of_run.partition(':')[0].replace('_', '-')}"
    value = () if "true" in of_run else ("source",)
    outcome = ftft("select", "runs/tiny", "-o", "taken.parquet")
    assert outcome.code == 0, outcome.err
    assert f"note: {' '.join((option, *value))} is taken over from runs/tiny/experiment.yaml" in (
        outcome.err.replace(f"{tmp_path}/", "")
    )
    asked = ftft("select", "runs/tiny", option, *value, "-o", "asked.parquet")
    without = ftft("select", "runs/tiny", "--no-keep-label-proportions", "-o", "without.parquet")
    assert "taken over" not in asked.err + without.err
    taken, said, plain = (
        Selection.read(tmp_path / f"{name}.parquet").example_ids
        for name in ("taken", "asked", "without")
    )
    assert taken == said
    assert plain == select(drawn[0], "ambiguous", 0.33).example_ids


def test_a_slice_that_the_run_does_not_have_is_refused_with_those_that_it_has(ftft, drawn):
    outcome = ftft("select", "runs/tiny", "--balance-by", "colour", "-o", "chosen.parquet")
    assert outcome.code == 2
    assert "have the slices source. Name one in data.train.slices, such as" in outcome.err
    assert "slices: [colour]" in outcome.err
