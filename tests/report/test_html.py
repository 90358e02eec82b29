"""The page as text: what it says, that it is whole, harmless and the same each time."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import ftft.report
from fake_runs import Made, made_values, write_run, write_values
from ftft import DataMap, select
from ftft.cli.show import show_results
from ftft.errors import FtftError
from ftft.report.encode import page_json
from ftft.report.html import page, write_report
from ftft.report.views import read_view
from ftft.results.read import distinct_names, read_run
from ftft.results.verdict import LOST, OPEN, WON, verdict

STATIC = Path(ftft.report.__file__).parent / "static"


def run_of(folder, made, change=None):
    """The results of a generated run, without its maps."""
    values = made_values(made)
    if change is not None:
        change(values)
    folder.mkdir(exist_ok=True)
    return read_run(write_values(folder, values))


@pytest.mark.parametrize("verdict", ["bad", "doubtful"])
def test_no_praise_beside_a_reference_that_learnt_next_to_nothing(tmp_path, verdict):
    """A finding that is good by itself, such as an accuracy that is as low on both sides."""
    values = made_values(Made(seeds=(0,)))
    for one in values["runs"]:
        if one["preflight"]:
            one["preflight"]["verdict"] = verdict
    text = write_report([read_run(write_values(tmp_path, values))], tmp_path / "r.html").read_text()
    assert "it predicts 93% right" in text
    assert ('<span class="mark good">' in text) == (verdict != "bad")


def test_a_win_is_said(tmp_path):
    found = verdict(run_of(tmp_path, Made()))
    assert found.outcome == WON
    assert found.sentence.startswith("FTFT beats ERM out of distribution by 2.6 points (4 seeds)")
    ood, inside, cost, used = found.tiles
    assert ood.value == "+2.6"
    assert "95% interval +1.9 to +3.3" in ood.detail
    assert inside.value == "−1.0"
    assert cost.value == "54%"
    assert used.value == "198"
    assert "of 600" in used.detail


def test_a_loss_is_said(tmp_path):
    made = Made(gains=(-0.05, -0.051, -0.049, -0.052))
    found = verdict(run_of(tmp_path, made))
    assert found.outcome == LOST
    assert "did not win" in found.sentence
    assert "5.1 points below ERM" in found.sentence
    assert any("random subset" in remark and "−2.1" in remark for remark in found.remarks)


def test_no_clear_difference_is_said(tmp_path):
    found = verdict(run_of(tmp_path, Made(gains=(0.05, -0.03, 0.02, -0.02))))
    assert found.outcome == OPEN
    assert "do not differ clearly" in found.sentence


def test_one_seed_is_said(tmp_path):
    found = verdict(run_of(tmp_path, Made(seeds=(0,))))
    assert found.outcome == OPEN
    assert found.sentence.startswith("With one seed FTFT scores 2.0 points above ERM")
    assert "one seed, no interval" in found.tiles[0].detail


def test_a_missing_erm_is_said(tmp_path):
    found = verdict(run_of(tmp_path, Made(methods=("ftft",))))
    assert found.outcome == OPEN
    assert "ERM was not run" in found.sentence
    assert any("FLOPs are computed" in remark for remark in found.remarks)
    assert found.tiles[0].title == "OOD score"


def test_missing_ood_sets_are_said(tmp_path):
    found = verdict(run_of(tmp_path, Made(sets=())))
    assert "in distribution" in found.sentence
    assert found.tiles[0].value == "–"
    assert any("nothing is known about robustness" in remark for remark in found.remarks)


def test_a_cost_above_erms_is_said(tmp_path):
    def dearer(values):
        for one in values["runs"]:
            one["cost"]["relative_to_erm"]["flops"] *= 2

    found = verdict(run_of(tmp_path, Made(), dearer))
    assert "108% of its FLOPs (" in found.sentence
    assert not any("FLOPs as ERM" in remark for remark in found.remarks)  # said once


@pytest.fixture(scope="module")
def text(runs):
    return page([read_view(read_run(runs[0]))])


def test_the_same_run_gives_the_same_page(text, runs):
    assert page([read_view(read_run(runs[0]))]) == text


def test_every_part_is_there(text):
    for part in ("results", "map", "learning", "cost", "slices", "transfer", "selection"):
        assert f'<section id="{part}">' in text
    assert "lexical overlap" in text
    assert "of &lt;b&gt;it&lt;/b&gt; little" in text
    assert "ftft run " in text
    assert "a processor" in text
    assert "What was asked, with every default spelt out" in text


def test_nothing_is_fetched(text):
    """No address but those in comments and namespaces of the libraries."""
    around = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"https?://", around)
    assert not re.search(r'(src|href)="(?!#|data:,)', around)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert "default-src &#39;none&#39;" in policy
    assert "connect-src &#39;none&#39;" in policy
    assert "unsafe-eval" not in policy
    assert policy.count("sha256-") == text.count("<script>")


def test_texts_are_not_in_the_page_as_they_are(text):
    """They are in compressed blocks; what is plain is escaped."""
    assert "window.hit" not in text
    assert "<b>letters" not in text


def test_json_cannot_end_its_element():
    shown = page_json({"a": "</script><!-- & \u2028 \u2029", "b": float("nan"), "c": [1.5, None]})
    assert not set("<>&\u2028\u2029") & set(shown)
    assert json.loads(shown) == {"a": "</script><!-- & \u2028 \u2029", "b": None, "c": [1.5, None]}


def test_vendored_files_are_those_that_are_named():
    listed = (STATIC / "vendor/VENDORED.txt").read_text(encoding="utf-8")
    files = sorted((STATIC / "vendor").glob("*.js"))
    assert len(files) == 2
    for file in files:
        assert file.name in listed
        assert hashlib.sha256(file.read_bytes()).hexdigest() in listed
        assert (file.parent / f"LICENSE.{file.name.partition('.')[0]}.txt").is_file()


def test_every_script_is_in_the_page(text):
    for file in STATIC.rglob("*.js"):
        assert file.read_text(encoding="utf-8") in text, file


def test_runs_of_one_name_are_distinguished(tmp_path):
    folders = [run_of(tmp_path / name, Made()) for name in ("first", "second")]
    named = distinct_names(folders)
    assert [one.name for one in named] == ["first", "second"]
    assert {run.experiment for run in named[1].runs} == {"second"}


def test_without_its_data_a_run_is_shown_without_texts(tmp_path):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    (tmp_path / "run-train.csv").unlink()
    view = read_view(read_run(folder))
    assert view.train is None
    assert "shown without texts, as its data cannot be read" in view.notes[0]
    shown = page([view])
    assert "shown without texts" in shown
    assert "d0-texts-0" not in shown
    assert "d0-ids-0" in shown


@pytest.mark.parametrize("slices", [(), ("source",)])
def test_data_of_which_nothing_is_shown_are_not_read(tmp_path, monkeypatch, slices):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    file = folder / "experiment.yaml"
    values = yaml.safe_load(file.read_text())
    values["data"]["train"]["slices"] = [*slices]
    file.write_text(yaml.safe_dump(values))
    read = []

    def load(experiment):
        read.append(experiment)
        raise FtftError("gone")

    monkeypatch.setattr("ftft.report.views.load_data", load)
    view = read_view(read_run(folder), texts=False)
    assert len(read) == len(slices)
    assert view.notes == tuple(
        f"{view.run.name} is shown without slices, as its data cannot be read: gone" for _ in slices
    )
    assert "The texts were left out on request." in page([view])


def test_with_changed_data_a_run_is_shown_without_texts(tmp_path):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    data = tmp_path / "run-train.csv"
    data.write_text(data.read_text().replace("river", "lake"))
    view = read_view(read_run(folder))
    assert view.train is None
    assert "have changed since it was run" in view.notes[0]


def test_a_run_that_was_started_again_is_said(tmp_path):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    at = folder / "selection/seed-0/selection.parquet"
    at.unlink()
    select(DataMap.read(folder / "map/seed-0/map.parquet"), "ambiguous", 0.1).write(at)
    view = read_view(read_run(folder))
    assert "holds 6 examples instead of 20" in view.notes[0]
    assert "has not finished" in page([view])


def test_a_study_folder_is_said(ftft, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study/study.json").write_text("{}", encoding="utf-8")
    refused = ftft("report", "study")
    assert refused.code == 2
    assert "--summarise" in refused.err


def test_without_dynamics_there_are_no_curves(tmp_path):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    for file in (folder / "reference/seed-0/dynamics").glob("epoch-*"):
        file.write_bytes(b"")
    view = read_view(read_run(folder))
    assert view.maps[0].curves is None
    assert "curves over the epochs are left out" in view.notes[0]
    assert "curves over the epochs are left out" in page([view])


def test_the_command_says_what_the_page_leaves_out(ftft, tmp_path):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    assert "note:" not in ftft("report", folder, "-o", "whole.html").err
    for file in (folder / "reference/seed-0/dynamics").glob("epoch-*"):
        file.write_bytes(b"")
    outcome = ftft("report", folder, "-o", "part.html")
    assert outcome.code == 0
    assert "note: The curves over the epochs are left out: " in outcome.err


def test_texts_are_left_out_on_request(tmp_path):
    folder = write_run(tmp_path / "run", Made(examples=60, seeds=(0,)))
    shown = page([read_view(read_run(folder), texts=False)])
    assert "d0-texts-0" not in shown
    assert "left out on request" in shown


def test_a_report_needs_no_torch(runs, tmp_path):
    code = (
        "import sys\nfrom ftft.cli import main\n"
        f"sys.argv = ['ftft', 'report', {str(runs[0])!r}, '-o', {str(tmp_path / 'r.html')!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "r.html").stat().st_size > 500_000


@pytest.fixture
def show(capsys):
    """Give what a run ends with in the terminal."""

    def of(folder):
        show_results(read_run(folder))
        return capsys.readouterr().out

    return of


def test_the_command_line(ftft, show, runs, tmp_path):
    done = ftft("report", runs[0])
    assert done.code == 0, done.err
    table, last = done.out.rstrip("\n").rsplit("\n", 1)
    assert last == "report: report.html"
    of_run = show(runs[0])
    assert table == of_run.partition("\nresults: ")[0], "as at the end of the run"
    before = (tmp_path / "report.html").read_bytes()
    refused = ftft("report", runs[0])
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert ftft("report", runs[0], runs[1], "--overwrite", "--no-texts").code == 0
    assert (tmp_path / "report.html").read_bytes() != before
    for bad in (("nowhere",), (runs[0], "--format", "pdf"), (runs[0], "--no-texts")):
        refused = ftft("report", *bad, *(["--format", "csv"] if "--no-texts" in bad else []))
        assert refused.code == 2
        assert "Traceback" not in refused.err
    (tmp_path / "taken").mkdir()
    assert "is a folder" in ftft("report", runs[0], "-o", "taken").err


def test_several_settings_are_no_page(ftft, tmp_path):
    """The folder of a study's data set holds many cells; a page has one verdict."""

    def another(values):
        more = [dict(run, fraction=0.5) for run in values["runs"] if run["method"] == "ftft"]
        values["runs"] += more

    def without(values):
        values["runs"] = [run for run in values["runs"] if run["method"] != "ftft"]

    for name, change, expected in (("a", another, "2 settings"), ("b", without, "no finished run")):
        run = run_of(tmp_path / name, Made(), change)
        with pytest.raises(FtftError, match=expected):
            write_report([run], tmp_path / "report.html")
        assert ftft("report", name, "--format", "csv").code == 0


def test_a_run_names_its_data_itself(ftft, runs, experiment_file):
    refused = ftft("report", runs[0], "--rows", experiment_file)
    assert refused.code == 2
    assert "--rows is for data maps and studies" in refused.err


@pytest.mark.parametrize("kind", ["html", "markdown", "figures"])
def test_nothing_finished_is_said(ftft, tmp_path, kind):
    run_of(tmp_path / "empty", Made(), lambda values: values["runs"].clear())
    refused = ftft("report", "empty", "--format", kind)
    assert refused.code == 2
    assert "nothing is finished here" in refused.err


def test_a_page_that_cannot_be_written(runs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FtftError, match="cannot be written"):
        write_report([read_run(runs[0])], tmp_path / "file/report.html")
