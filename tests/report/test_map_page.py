"""The page of maps that are of no run: imported, or from a loop of one's own."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from fake_runs import Made, dynamics, make_map
from ftft import DataMap
from ftft.cartography import read_coordinates, write_coordinates
from ftft.dynamics import write_dynamics
from ftft.report.map_page import is_map, read_maps, write_maps


def about(path):
    """What the page says of its maps, and its whole text."""
    text = path.read_text(encoding="utf-8")
    block = text.split('<script type="application/json" id="maps">')[1].split("</script>")[0]
    return json.loads(block), text


@pytest.fixture
def imported(tmp_path):
    """As allenai/cartography publishes them: no forgetfulness, no logits."""
    write_coordinates(tmp_path / "c.jsonl", make_map())
    lines = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    for line in lines:
        del line["forgetfulness"], line["threshold_closeness"]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    read_coordinates(tmp_path / "c.jsonl").write(tmp_path / "imported.parquet")
    return tmp_path / "imported.parquet"


def test_an_imported_map(imported, tmp_path):
    found, text = about(write_maps(read_maps([imported]), tmp_path / "report.html"))
    (one,) = found["maps"]
    assert one["run"] == "imported.parquet"
    assert one["method"] == "given"
    assert one["points"] == []
    assert one["selected"] == 0
    assert sorted(one["unknown"]) == ["aum", "el2n", "forgetting", "length", "mean_loss"]
    # What is unknown has no numbers that could be taken for zeros.
    assert not {name for name, *_ in one["layout"]} & set(one["unknown"])
    assert found["datasets"][0]["total"] == 300
    assert 'id="explorer"' in text
    assert "Scores and cost" not in text
    assert "Content-Security-Policy" in text


def test_dynamics_have_curves_and_several_maps_are_distinguished(tmp_path):
    for name in ("one", "two"):
        write_dynamics(tmp_path / name / "dynamics", dynamics(Made(examples=50)))
        DataMap.from_dynamics(dynamics(Made(examples=50))).write(tmp_path / name / "map.parquet")
    paths = [tmp_path / "one/dynamics", tmp_path / "two"]
    assert all(map(is_map, [*paths, tmp_path / "one/map.parquet", tmp_path / "one"]))
    found, _ = about(write_maps(read_maps(paths), tmp_path / "report.html"))
    first, second = found["maps"]
    assert first["points"] == [1, 2, 3, 4, 5]
    assert first["unknown"] == ["length"]
    assert second["points"] == []
    assert first["run"] != second["run"]
    assert len(found["datasets"]) == 1, "maps of the same examples share ids and texts"


def test_a_run_is_no_map(tmp_path):
    for name in ("results.json", "study.json"):
        folder = tmp_path / name[:3]
        folder.mkdir()
        (folder / name).write_text("{}")
        (folder / "map.parquet").write_text("")
        assert not is_map(folder)
    assert not is_map(tmp_path)
    assert not is_map(tmp_path / "nowhere")


def test_by_command(ftft, imported, tmp_path):
    outcome = ftft("report", imported)
    assert outcome.code == 0, outcome.err
    assert outcome.out == "report: report.html\n"
    assert about(tmp_path / "report.html")[0]["maps"]
    again = ftft("report", imported)
    assert again.code == 2
    assert "report.html already exists" in again.err


def test_with_texts(ftft, tmp_path, experiment_file):
    """A map from a loop of one's own, of data that an experiment file names."""
    from ftft.config.load import load_experiment
    from ftft.data.load import load_data
    from ftft.dynamics import TrainingDynamics

    train = load_data(load_experiment(experiment_file).data).train
    logits = np.random.default_rng(0).normal(size=(3, len(train), 2))
    write_dynamics(
        tmp_path / "dynamics",
        TrainingDynamics.from_arrays(logits, train.labels, train.example_ids, train.class_names),
    )
    outcome = ftft("report", "dynamics", "--rows", experiment_file, "-o", "page.html")
    assert outcome.code == 0, outcome.err
    found, text = about(tmp_path / "page.html")
    assert found["datasets"][0]["texts"] == 1
    assert 'id="block-d0-texts-0"' in text


def test_a_map_is_shown_and_drawn(ftft, imported, tmp_path):
    before = imported.read_bytes()
    outcome = ftft("map", imported, "--plot", "map.png")
    assert outcome.code == 0, outcome.err
    assert "data map of 300 examples" in outcome.out
    assert "drawn to map.png" in outcome.out
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "map.parquet").exists()
    assert imported.read_bytes() == before
    assert pq.read_table(imported).num_rows == 300
    (tmp_path / "stage").mkdir()
    make_map().write(tmp_path / "stage" / "map.parquet")
    assert ftft("map", "stage").code == 0
