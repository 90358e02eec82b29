"""``ftft study``: what it prints and writes, and its exit status."""

import csv
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from fake_runs import result, results
from ftft.cli.show_study import duration, progress_line, show_plan, show_summary
from ftft.config.load import load_experiment
from ftft.errors import DataError
from ftft.report.study_parts import parts
from ftft.results.verdict import verdict
from ftft.study.grid import Task
from ftft.study.job import Outcome
from ftft.study.plan import Planned
from ftft.study.run import Progress
from ftft.study.summary import Summary, write_summary
from ftft.tasks import load_data
from ftft.workspace.layout import STUDY_TITLE

CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"


def cells(out, method):
    return [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in out.splitlines()
        if line.startswith(f"│ {method} ")
    ]


def test_finished(ftft, again):
    outcome = ftft("study", again.file, "--output", again.folder)
    assert outcome.code == 0, outcome.err
    assert "[22/22] finished before" in outcome.err
    assert "tiny: accuracy, mean ± standard deviation in %" in outcome.out
    assert outcome.out.count("│ ERM ") >= 2
    *_, results, tables, report = outcome.out.rstrip().splitlines()
    shown = again.folder.name  # from the working directory
    assert results == f"results: {shown}/study.json"
    names = [f"{shown}/study.{ending}" for ending in ("csv", "md", "tex")]
    assert tables == f"tables: {', '.join(names)}"
    assert report.startswith(f"a report: ftft report {shown} -o ")
    assert ftft(*shlex.split(report.removeprefix("a report: ftft "))).code == 0
    assert (again.folder / "report.html").is_file()
    with (again.folder / "study.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["erm"] + ["ftft"] * 8
    values = json.loads((again.folder / "study.json").read_text())
    assert [float(row["id_mean"]) for row in rows] == [
        pytest.approx(row["id_score"]["mean"]) for row in values["rows"]
    ]


def test_a_failed_cell_is_named_at_the_end(ftft, again, monkeypatch):
    shutil.rmtree(again.folder / "tiny" / CELL)

    def fail(*arguments):
        raise DataError("the disk is gone")

    monkeypatch.setattr("ftft.study.job.perform", fail)
    outcome = ftft("study", again.file, "--output", again.folder)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == f"failed: tiny/{CELL}: the disk is gone"
    assert "│ FTFT " in outcome.out
    values = json.loads((again.folder / "study.json").read_text())
    assert values["unfinished"] == {f"tiny/{CELL}": "the disk is gone"}
    later = ftft("study", again.file, "--output", again.folder, "--summarise")
    assert later.code == 0
    values = json.loads((again.folder / "study.json").read_text())
    assert values["unfinished"] == {f"tiny/{CELL}": "not run yet"}
    assert f"note: not run yet (1): tiny/{CELL}; give" in later.err


def test_a_plan_that_is_finished_has_nothing_to_do(capsys):
    done = Planned(Task("erm", "tiny", 0, main="large"), True, 8, 1e15, 0)
    show_plan([done], None)
    assert "1 training, 0 of them shared; nothing to train: all" in capsys.readouterr().out


def test_the_most_expensive_setting_is_told(capsys):
    erm = Planned(Task("erm", "tiny", 0, main="large"), False, 8, 4e15, 0)
    small = Planned(Task("reference", "tiny", 0, "small"), False, 8, 1e15, 2)
    cells = [
        Planned(Task("ftft", "tiny", 0, "small", "large", "random", 0.1, one), False, 8, one, 0)
        for one in (1e15, 2e15)
    ]
    show_plan([erm, small, *cells], None)
    assert ", in the most expensive of 2 settings, and 50% in" in capsys.readouterr().out


def test_dry_run_writes_nothing(ftft, grid, tmp_path):
    folder = tmp_path / "nothing"
    small = ("--set", "grid.seeds=[0]", "--set", "grid.references={one: {}}")
    idle = ("--set", "base.selection={easy_share: 0.3}")
    outcome = ftft("study", grid[0].file, "--dry-run", "--output", folder, *small, *idle)
    assert outcome.code == 0, outcome.err
    assert "tiny: note: selection.easy_share has no effect: selection.strategy is" in outcome.out
    assert "6 trainings, 1 of them shared; to do are 6, at most 28 steps" in outcome.out
    assert "4 cells" in outcome.out
    assert " of ERM's FLOPs, its reference counted in" in outcome.out
    dear = ("--set", "base.main.budget=1.0")
    outcome = ftft("study", grid[0].file, "--dry-run", "--output", folder, *small, *dear)
    assert outcome.out.count("that is no saving: take a cheaper reference") == 1
    assert outcome.out.rstrip().endswith("study.yaml: valid")
    assert not folder.exists()


def test_dry_run_says_why_trainings_are_run_again(ftft, again):
    dry = ("study", again.file, "--dry-run", "--output", again.folder, "--set")
    before = sorted(again.folder.rglob("*"))
    outcome = ftft(*dry, "base.selection={keep_label_proportions: true}")
    assert outcome.code == 0, outcome.err
    states = {name: cells(outcome.out, name)[0][1] for name in ("erm/main/seed-0", CELL)}
    assert states == {"erm/main/seed-0": "finished", CELL: "again"}
    assert ": selection.keep_label_proportions was False, is True" in outcome.out
    outcome = ftft(*dry, "base.reference.learning_rate=1e-4")
    states = {name: cells(outcome.out, name)[0][1] for name in ("reference/one/seed-0", CELL)}
    assert states == {"reference/one/seed-0": "again", CELL: "to do"}
    names = "tiny/reference/one/seed-0, tiny/reference/two/seed-0, tiny/reference/one/seed-1"
    reason = "reference.learning_rate was 0.005, is 0.0001"
    assert f"again: {names}, tiny/reference/two/seed-1: {reason}" in outcome.out
    assert sorted(again.folder.rglob("*")) == before


def test_dry_run_lists_the_data_and_what_is_not_taken_over(ftft, grid, tmp_path):
    small = ("--set", "grid.seeds=[0]", "--set", "grid.references={one: {}}")
    arguments = ("study", grid[0].file, "--dry-run", "--output", tmp_path / "nothing", *small)
    outcome = ftft(*arguments)
    assert "data of tiny" in outcome.out
    assert "not taken over" not in outcome.out
    experiment = load_experiment(grid[0].file.parent / "experiment.yaml")
    data = load_data(experiment)
    for role, sets in data.evaluation_sets.items():
        for name, found in sets.items():
            (row,) = cells(outcome.out, name)
            assert (row[1], row[3]) == (role, f"{len(found):,}")
    train = json.dumps(experiment.data.train[0].model_dump(mode="json", exclude_unset=True))
    outcome = ftft(*arguments, "--set", f"base.data={{train: {train}}}")
    gone = [f"{role}.{name}" for role, sets in data.evaluation_sets.items() for name in sets]
    assert f"tiny: note: not taken over from the base: {', '.join(gone)}, since" in outcome.out


def test_nothing_is_finished(ftft, grid, tmp_path):
    shutil.copy(grid[0].folder / "study.yaml", tmp_path)
    outcome = ftft("study", grid[0].file, "--summarise", "--output", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "nothing is finished yet" in outcome.out


def test_summaries_are_made_only_where_a_study_was_run(ftft, grid, tmp_path):
    folder = tmp_path / "new"
    arguments = ("study", grid[0].file, "--summarise", "--output", folder)
    outcome = ftft(*arguments)
    assert outcome.code == 2
    assert "error: new: there is no such study folder" in outcome.err
    assert not folder.exists()
    folder.mkdir()
    outcome = ftft(*arguments)
    assert outcome.code == 2
    assert "no study was run in this folder" in outcome.err
    (folder / "study.csv").write_text("mine")
    outcome = ftft(*arguments)
    assert outcome.code == 2
    assert "study.csv already exists and was not written by a study" in outcome.err
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


def test_summaries_leave_out_what_is_not_asked_for(ftft, again):
    arguments = ("study", again.file, "--summarise", "--output", again.folder)
    small = ("grid.seeds=[1]", "grid.fractions=[0.25]", "grid.strategies=[ambiguous]")
    outcome = ftft(*arguments, *(part for one in small for part in ("--set", one)))
    assert outcome.code == 0, outcome.err
    assert "other settings" not in outcome.err
    values = json.loads((again.folder / "study.json").read_text())
    assert [row["cell"]["method"] for row in values["rows"]] == ["erm", "ftft", "ftft"]
    assert all(row["seeds"] == [1] for row in values["rows"])
    assert (values["tasks"], values["unfinished"]) == (5, {})


def test_summaries_say_that_settings_are_others(ftft, again):
    arguments = ("study", again.file, "--summarise", "--output", again.folder)
    assert "note: these" not in ftft(*arguments).err
    changed = ("--set", "base.main.epochs=9", "--set", "grid.budgets=[0.5]")
    outcome = ftft(*arguments, *changed)
    assert outcome.code == 0
    assert "note: these results are of other settings: base, grid.budgets in " in outcome.err
    assert "give the command without --summarise to run what is" in outcome.err


WITHOUT_TORCH = """
import sys
sys.argv = ["ftft", "study", *sys.argv[1:], "--summarise"]
from ftft.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert not {"torch", "transformers"} & set(sys.modules)
"""


def test_summaries_need_no_torch(again):
    command = [sys.executable, "-c", WITHOUT_TORCH, str(again.file), "-o", str(again.folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tiny: accuracy" in done.stdout


@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_study_is_no_experiment(ftft, grid, command):
    outcome = ftft(command, grid[0].file)
    assert outcome.code == 2
    assert "this is a study file" in outcome.err
    assert f"ftft study {grid[0].file} --dry-run" in outcome.err


def summary(runs, folder):
    return Summary(folder, (results(runs, folder),))


def test_tables(capsys, tmp_path):
    runs = []
    for seed, (ours, theirs) in enumerate([(0.72, 0.70), (0.78, 0.74), (0.72, 0.72), (0.82, 0.76)]):
        runs.append(result("erm", seed, ood=theirs, flops=(0, 80.0, 20.0), curve=((40, 0.5),)))
        runs.append(result("ftft", seed, ood=ours, flops=(10.0, 30.0, 10.0), curve=((5, 0.6),)))
    show_summary(summary(runs, tmp_path))
    out = capsys.readouterr().out
    assert "task: accuracy, mean ± standard deviation in %" in out
    scores, differences, until = cells(out, "FTFT")
    assert scores == [
        *("FTFT", "4", "80.0 ± 0.0", "76.0 [68.2, 83.8]", "+3.0 [−1.1, +7.1]", "0.50", "0.25"),
    ]
    assert differences == [
        *("FTFT", "4", "ERM", "0.0", "+3.0 [−1.1, +7.1]", "0.103", "3 of 4"),
    ]
    # Half of 10 steps, of ERM's 40: 10 + 10 + 30 / 2 of 100 operations.
    assert until == ["FTFT", "4", "4 of 4", "5", "12%", "0.35"]


def test_seeds_that_never_reach_the_score_of_erm_are_said_below_the_table(capsys, tmp_path):
    runs = [result("erm", seed, final=0.5, curve=((40, 0.5),)) for seed in range(4)]
    runs += [result(seed=seed, curve=((5, 0.6 if seed else 0.4),)) for seed in range(3)]
    show_summary(summary(runs, tmp_path))
    out = capsys.readouterr().out
    note = "Not every training reached ERM's final score: FTFT in 2 of 3. Steps and FLOPs are means"
    assert note in out
    assert "learnt anything" not in out
    weak = [replace(one, floor=0.5) if one.seed == 1 else one for one in runs]
    show_summary(summary(weak, tmp_path))
    out = capsys.readouterr().out
    assert "FTFT in 1 of 2. " in out
    assert "Seeds without an ERM that has learnt anything are not counted." in out


def test_the_study_gives_the_verdict_of_its_report(capsys, tmp_path):
    """One setting alone by its sentence, several by their names."""
    erm = [result("erm", seed, ood=0.70 + seed / 50) for seed in range(4)]
    good = [result(seed=seed, ood=0.75 + seed / 40) for seed in range(4)]
    small = [result(seed=seed, ood=0.60 + seed / 40, reference="tiny") for seed in range(4)]
    one = summary([*erm, *good], tmp_path)
    show_summary(one)
    sentence = verdict(one.runs[0]).sentence
    assert sentence.startswith("FTFT beats ERM out of distribution by 5.8 points (4 seeds)")
    assert sentence in capsys.readouterr().out.splitlines()
    both = summary([*erm, *good, *small], tmp_path)
    show_summary(both)
    out = capsys.readouterr().out.splitlines()
    place = out.index(f"task: small: {sentence}")
    assert "No random subset was run beside it" in out[place + 1]
    assert any(line.startswith("task: tiny: FTFT did not win") for line in out)
    path = write_summary(both, "s", 12, {})
    said = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
    assert said["task: small"] == sentence
    shown, _ = parts([in_a_study(both.runs[0])])
    assert {part.name: verdict(part).sentence for part in shown} == said


def in_a_study(found):
    """The same results, in a folder that a study has made."""
    (found.folder / "study.yaml").write_text(STUDY_TITLE, encoding="utf-8")
    return replace(found, folder=found.folder / "task")


def test_only_what_differs_is_a_column(capsys, tmp_path):
    runs = [result(), result(reference="tiny"), result(strategy="random", reference="tiny")]
    show_summary(summary(runs, tmp_path))
    header = capsys.readouterr().out.splitlines()[2]
    assert [name in header for name in ("reference", "strategy", "main", "fraction")] == [
        *(True, True, False, False)
    ]


def test_a_plan_of_many_trainings_has_a_row_for_each_method(capsys):
    def planned(count):
        tasks = [Task("reference", "tickets", seed) for seed in range(2)]
        tasks += [Task("erm", "tickets", seed, main="big") for seed in range(count)]
        return [Planned(task, task.seed == 0, 1_000, 2e12, 3) for task in tasks]

    show_plan(planned(4), 7200.0)
    each = capsys.readouterr().out
    assert each.rstrip().endswith("about 2 h 0 min one after the other")
    assert "trainings on tickets" in each
    assert each.count("│ erm/big/seed-") == 4
    show_plan(planned(4), 3600.0, 2)
    assert "about 60 min 2 at a time, each with its share" in capsys.readouterr().out
    show_plan(planned(4), None, 2)
    assert (
        "2 at a time, sharing the machine, is not known before a training has finished here"
        in capsys.readouterr().out
    )
    show_plan(planned(1_000), None)
    said = capsys.readouterr().out
    rows = [line.replace(" ", "").strip("│") for line in said.splitlines() if "│" in line]
    assert rows == ["reference│1│1│2,000│0.004", "erm│1│999│1,000,000│2"]
    assert said.splitlines()[-1].startswith("1,002 trainings, 1,002 of them")


@pytest.mark.parametrize("data", [("my-customer-reviews",), ("my-customer-reviews", "tickets")])
def test_a_plan_tells_trainings_apart_on_a_narrow_terminal(capsys, monkeypatch, data):
    monkeypatch.setattr("ftft.cli.show.console", lambda: Console(width=80, highlight=False))
    tasks = [
        Task("ftft", name, 0, "reference", "main", strategy, fraction, 0.25)
        for name in data
        for strategy in ("ambiguous", "hard-to-learn")
        for fraction in (0.25, 0.33)
    ]
    show_plan([Planned(task, False, 1_000, 2e12, 3) for task in tasks], None)
    lines = capsys.readouterr().out.splitlines()
    names = "".join(line.split("│")[1].strip() for line in lines if line.startswith("│"))
    assert names == "".join(task.training if len(data) == 1 else task.id for task in tasks)


def test_progress_in_a_log():
    task = Task("ftft", "x", 0, "a", "b", "ambiguous", 0.33, 0.25)
    assert progress_line(Progress(0, 9, None, None)) == "[0/9] to be done"
    done = Progress(3, 9, Outcome(task, None, 61.4), 754.0)
    assert progress_line(done) == (
        "[3/9] x/main/b/a/ambiguous-0.33-0.25/seed-0: done in 61 s; about 13 min left"
    )
    assert progress_line(done).figures == {"task": 3, "of": 9, "seconds_left": 754.0}
    failed = Progress(9, 9, Outcome(task, "no room", 1.0), 0.0)
    assert progress_line(failed).endswith("/seed-0: failed: no room")


@pytest.mark.parametrize(
    ("seconds", "words"), [(40.2, "40 s"), (89, "89 s"), (90, "2 min"), (12_000, "3 h 20 min")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words
