"""The page of a study: each setting of FTFT as a run beside the others."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from ftft.config.schema import Experiment
from ftft.report import study_parts
from ftft.report.html import write_report
from ftft.report.study_parts import MOST_PARTS, data_of, parts, read_folders
from ftft.report.views import read_view
from ftft.results.read import Results
from ftft.results.run import Cell


def maps_of(path):
    text = path.read_text(encoding="utf-8")
    block = text.split('<script type="application/json" id="maps">')[1].split("</script>")[0]
    return json.loads(block)["maps"], text


def test_each_setting_is_a_part_with_its_own_map_and_selection(grid):
    """Two references, two strategies and two fractions, over two seeds."""
    shown, notes = parts(read_folders(grid[0].folder))
    assert notes == []
    assert len(shown) == 8
    assert len({one.name for one in shown}) == 8
    for part in shown:
        own = [run for run in part.runs if run.method == "ftft"]
        assert sorted(run.seed for run in own) == [0, 1]
        assert len({(run.reference, run.strategy, run.fraction) for run in own}) == 1
        assert {run.experiment for run in part.runs} == {part.name}
        for run in (run for run in part.runs if run.method == "random"):
            assert run.fraction == own[0].fraction
        assert f"{own[0].fraction:.3g}" in part.name
        assert str(own[0].strategy) in part.name
        view = read_view(part)
        assert view.notes == ()
        for one in view.maps:
            run = next(run for run in own if run.seed == one.seed)
            folder = grid[0].folder / "tiny"
            drawn = folder / f"map/{run.reference}/seed-{one.seed}/map.parquet"
            ids = pq.read_table(drawn)["example_id"].to_pylist()
            assert one.datamap.example_ids.to_pylist() == ids
            assert one.curves is not None
            assert one.selected.sum() == run.selected == round(run.fraction * 64)
            hardest = one.datamap.confidence[one.selected].max()
            if run.strategy == "hard-to-learn":
                assert hardest <= np.sort(one.datamap.confidence)[run.selected - 1]


def test_by_command(ftft, grid, tmp_path):
    outcome = ftft("report", grid[0].folder)
    assert outcome.code == 0, outcome.err
    assert "note: " not in outcome.err
    maps, text = maps_of(tmp_path / "report.html")
    assert 'id="block-d0-texts-0"' in text
    assert len(maps) == 16
    assert text.count('<section class="verdict"') == 8
    assert "ftft report" in text
    assert "ftft run" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    data_set = ftft("report", grid[0].folder / "tiny", "-o", "tiny.html")
    assert data_set.code == 0, data_set.err
    assert len(maps_of(tmp_path / "tiny.html")[0]) == 16
    table = ftft("report", grid[0].folder, "--format", "csv")
    assert table.code == 0
    assert table.out.count("hard-to-learn") == 4


def test_texts_of_the_data_that_it_was_made_from(ftft, grid, tmp_path):
    base = grid[0].file.parent / "experiment.yaml"
    outcome = ftft("report", grid[0].folder, "--rows", base)
    assert outcome.code == 0, outcome.err
    assert 'id="block-d0-texts-0"' in maps_of(tmp_path / "report.html")[1]
    (tmp_path / "other").mkdir()
    text = base.read_text().replace("train.csv", str(base.parent / "dev.csv"))
    (tmp_path / "other.yaml").write_text(
        re.sub(r"path: (\w+\.csv)", rf"path: {base.parent}/\1", text)
    )
    refused = ftft("report", grid[0].folder, "--rows", "other.yaml", "-o", "b.html")
    assert refused.code == 2
    assert "its data are not those of" in refused.err


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (r"# From .*/", "# From /nowhere/", "cannot be read: moved/study.yaml: 1 problem"),
        (r"# From .*\n", "", "does not say where the study came from"),
        (r"base:\n", "base:\n  data: {holdout: 0.3, dev: null}\n", "its data have changed"),
    ],
)
def test_data_that_are_not_there_any_more(ftft, grid, tmp_path, old, new, why):
    """The page is made without them; --rows names others."""
    shutil.copytree(grid[0].folder, tmp_path / "moved")
    asked = tmp_path / "moved/study.yaml"
    text = re.sub(old, new, asked.read_text(), count=1)
    asked.write_text(text)
    outcome = ftft("report", "moved")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("without texts and slices") == 1
    assert why in outcome.err
    assert "without texts" not in ftft("report", "moved", "--no-texts", "-o", "b.html").err
    assert "block-d0-texts-0" not in maps_of(tmp_path / "report.html")[1]


@pytest.mark.parametrize(
    ("slices", "texts", "noted"),
    [
        ([], True, "tiny is shown without texts and slices"),
        ([], False, ""),
        (["site"], False, "tiny is shown without slices, as its data cannot be read"),
    ],
)
def test_data_are_read_for_what_is_shown(tmp_path, monkeypatch, slices, texts, noted):
    train = {"path": str(tmp_path / "gone.csv"), "text": "a", "label": "b", "slices": slices}
    model = {"model": "a/b"}
    values = {"name": "tiny", "data": {"train": train}, "reference": model, "main": model}
    study = SimpleNamespace(
        data={"tiny": None}, experiment=lambda name: Experiment.model_validate(values)
    )
    monkeypatch.setattr(study_parts, "load_asked", lambda path: study)
    notes = []
    folder = Results(tmp_path / "tiny", {"experiment": "tiny"}, ())
    assert data_of(folder, notes, texts=texts) is None
    assert [noted in note for note in notes] == [True] * bool(noted)


def test_more_settings_than_a_page_tells_of(grid, tmp_path, monkeypatch):
    assert MOST_PARTS >= 8
    monkeypatch.setattr(study_parts, "MOST_PARTS", 3)
    said = []
    write_report(read_folders(grid[0].folder), tmp_path / "r.html", say=said.append)
    assert said[0].startswith("note: 5 of 8 settings are left out")
    assert maps_of(tmp_path / "r.html")[1].count('<section class="verdict"') == 3


def test_a_study_with_one_setting_has_the_name_of_its_data(grid):
    (folder,) = read_folders(grid[0].folder)
    first = [run for run in folder.runs if run.fraction == 0.25 and run.reference == "one"]
    one = type(folder)(
        folder.folder, folder.values, tuple(run for run in first if run.strategy == "ambiguous")
    )
    assert [part.name for part in parts([one])[0]] == [folder.name]


@pytest.mark.parametrize("kind", ["html", "csv"])
def test_a_study_without_results(ftft, tmp_path, kind):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/study.json").write_text("{}")
    refused = ftft("report", "s", "--format", kind)
    assert refused.code == 2


@pytest.mark.parametrize(
    ("other", "belongs"),
    [
        (Cell("e", "erm", None, "large", None, 1.0), True),
        (Cell("e", "erm_es", None, "large", None, 1.0), True),
        (Cell("e", "erm", None, "base", None, 1.0), False),
        (Cell("e", "random", None, "large", "random", 0.5, 0.25), True),
        (Cell("e", "random", None, "large", "random", 0.25, 0.25), False),
        (Cell("e", "random", None, "large", "random", 0.5, 0.5), False),
        (Cell("e", "dm", "large", "large", "ambiguous", 0.5), True),
        (Cell("e", "dm", "large", "large", "hard-to-learn", 0.5), False),
        (Cell("e", "ftft", "small", "large", "ambiguous", 0.5, 0.25), True),
        (Cell("e", "ftft", "tiny", "large", "ambiguous", 0.5, 0.25), False),
    ],
)
def test_which_baselines_stand_beside_a_setting(other, belongs):
    cell = Cell("e", "ftft", "small", "large", "ambiguous", 0.5, 0.25)
    assert study_parts._belongs(other, cell) is belongs
