"""Whole studies on a tiny model: shared trainings, reuse, failures, what is written."""

import contextlib
import json
import os
import shutil
import signal
from dataclasses import replace

import pytest

import ftft.study.run_task
from ftft import load_experiment
from ftft import run as run_experiment
from ftft.config.load_study import load_study
from ftft.errors import ConfigError, DataError, WorkspaceError
from ftft.results.read import read_run
from ftft.study.executors import ThisProcess
from ftft.study.grid import Task, tasks
from ftft.study.job import Outcome
from ftft.study.plan import makespan, plan, time_left
from ftft.study.prepare import open_study
from ftft.study.run import seconds_left
from ftft.study.summary import missing, read_summary
from ftft.utils.process import HowStopped
from ftft.utils.signals import Stopped, stoppable
from ftft.workspace.lock import held
from ftft.workspace.workspace import Workspace
from study_tools import content

FTFT_CELLS = 2 * 2 * 2 * 2
ALL = 2 * 2 + 2 + FTFT_CELLS
HOWS = ("ambiguous", "hard-to-learn")
CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"


def failing(monkeypatch, wanted, error):
    """Have the task with this id fail."""
    real = ftft.study.job.perform

    def perform(stages, task):
        if task.id == wanted:
            raise error
        return real(stages, task)

    monkeypatch.setattr("ftft.study.job.perform", perform)


class TestDone:
    def test_each_training_once(self, grid):
        runner, finished = grid
        assert (finished.total, finished.reused, finished.failures) == (ALL, 0, {})
        titles = [f"{name}, seed {seed}" for name in ("reference", "erm") for seed in (0, 1)]
        counts = {title: runner.trained.count(title) for title in titles}
        assert counts == {
            "reference, seed 0": 2,
            "reference, seed 1": 2,
            "erm, seed 0": 1,
            "erm, seed 1": 1,
        }
        assert len(runner.trained) == ALL

    def test_a_data_set_is_a_run_folder_with_every_cell(self, grid):
        run = read_run(grid[0].folder / "tiny")
        assert len(run.runs) == 2 + FTFT_CELLS
        assert {(one.reference, one.main) for one in run.runs if one.method == "ftft"} == {
            ("one", "main"),
            ("two", "main"),
        }
        assert {one.estimated for one in run.runs} == {False}
        erm = [one for one in run.runs if one.method == "erm"]
        assert [one.flops for one in erm] == [1.0, 1.0]

    def test_a_cell_is_what_ftft_run_does(self, grid, tmp_path):
        runner, _ = grid
        overrides = (
            *("reference.layers=2", "selection.fraction=0.25", "seeds=[1]", "main.evaluations=1"),
            *("reference.epochs=2", "main.epochs=2"),
        )
        experiment = load_experiment(runner.file.parent / "experiment.yaml", overrides)
        run_experiment(experiment, str(tmp_path / "run"), lambda line: None)
        alone = next(one for one in read_run(tmp_path / "run").runs if one.method == "ftft")
        cell = next(
            one
            for one in read_run(runner.folder / "tiny").runs
            if (one.reference, one.strategy, one.fraction, one.seed)
            == ("two", "ambiguous", 0.25, 1)
        )
        assert (cell.id_score, cell.ood_scores) == (alone.id_score, alone.ood_scores)
        assert (cell.flops, cell.curve) == (alone.flops, alone.curve)
        weights = "model/model.safetensors"
        ours = runner.folder / "tiny" / CELL / weights
        assert ours.read_bytes() == (tmp_path / "run/main/seed-1" / weights).read_bytes()

    def test_study_json(self, grid):
        values = json.loads((grid[0].folder / "study.json").read_text())
        assert (values["schema"], values["study"], values["tasks"]) == (2, "grid", ALL)
        assert values["unfinished"] == {}
        assert values["data"]["tiny"]["metric"] == "accuracy"
        assert len(values["rows"]) == 1 + FTFT_CELLS // 2
        assert {tuple(row["seeds"]) for row in values["rows"]} == {(0, 1)}
        # Seeds in which ERM learnt more than the most frequent class; of none there is no target.
        erm = [one for one in read_run(grid[0].folder / "tiny").runs if one.method == "erm"]
        learnt = sum(one.learnt for one in erm)
        reached = [row["time_to_target"] for row in values["rows"]]
        assert {0 if one is None else one["seeds"] for one in reached} == {learnt}

    def test_what_was_asked_is_kept(self, grid):
        text = (grid[0].folder / "study.yaml").read_text()
        assert text.startswith("# A study as it was asked for.\n")
        assert str(grid[0].file) in text

    def test_progress_and_time_left(self, grid):
        progress = grid[0].progress
        assert [one.ended for one in progress] == list(range(ALL + 1))
        assert progress[0].last is progress[0].seconds_left is None
        assert all(one.seconds_left > 0 for one in progress[1:-1])
        assert progress[-1].seconds_left == 0

    def test_stages_leave_it_to_progress_that_a_task_is_done(self, grid):
        assert any(": training, at most " in line for line in grid[0].said)
        assert not any(": done " in line for line in grid[0].said)

    def test_tests_are_scored_by_no_reference(self, grid):
        assert {path.name for path in (grid[0].folder / "tiny/scores").iterdir()} == {"erm", "ftft"}


@pytest.mark.parametrize("signalled", [False, True], ids=["raised", "signal"])
def test_stopped_it_names_what_all_processes_have_finished(grid, again, signalled):
    drawn = [f"{of}/{how}-0.25-0.333333" for of in ("one", "two") for how in HOWS]
    for one in drawn:
        for kind in ("scores/ftft", "main"):
            shutil.rmtree(again.folder / f"tiny/{kind}/main/{one}/seed-0")

    class Others:
        slots = 3

        def __init__(self, opened, say):
            self.running, self.ended = [], []

        def submit(self, job):
            self.running.append(job.task)

        def finish(self):
            task = self.running.pop(0)
            scores = task.id.replace("main/", "scores/ftft/", 1)
            for at in (task.id, scores):
                shutil.copytree(grid[0].folder / at, again.folder / at)
            self.ended.append(task.id)
            return task

        def wait(self):
            if self.ended:
                if signalled:  # what is looked at to say what is finished, stops no more
                    os.kill(os.getpid(), signal.SIGINT)
                raise Stopped(signal.SIGINT)
            return [Outcome(self.finish(), None, 1.0)]

        def close(self, *, stopped):
            self.finish()  # while the others write checkpoints
            saved, over = self.running
            words = "is saved at step 2 of at most 3"
            others.extend([f"{saved.id} {words}", f"{over.id} starts over"])
            expected.extend(self.ended)
            problem = HowStopped(saved.training, words)
            return [Outcome(saved, problem, 1.0), Outcome(over, HowStopped(), 1.0)]

    expected, others = [], []
    with stoppable(), pytest.raises(Stopped) as stopped:
        again.run(engine=Others)
    assert len(expected) == 2
    assert stopped.value.finished == tuple(expected)
    assert stopped.value.others == tuple(others)
    assert stopped.value.stage is None
    assert stopped.value.resumes


def interrupt(*args, **options):
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(study):
    with stoppable(), pytest.raises(Stopped) as stopped:
        study.run()
    assert stopped.value.resumes
    assert stopped.value.stage is None
    return stopped.value


def test_stopped_after_a_training_it_names_it_though_its_map_is_not_drawn(again, monkeypatch):
    shutil.rmtree(again.folder / "tiny/map/one/seed-0")
    monkeypatch.setattr("ftft.experiment.maps.read_dynamics", interrupt)
    stop = interrupted(again)
    assert (stop.finished, stop.others) == (("tiny/reference/one/seed-0",), ())


def test_stopped_in_a_training_it_names_it_with_the_data(again, monkeypatch):
    shutil.rmtree(again.folder / "tiny/erm/main/seed-1")
    monkeypatch.setattr("ftft.experiment.trainings.finetune", interrupt)
    stop = interrupted(again)
    assert (stop.finished, stop.others) == ((), ("tiny/erm/main/seed-1 starts over",))


def test_stopped_while_it_looks_at_what_is_finished(again, monkeypatch):
    """Nothing was under way: what is read then is no stage to start over."""
    shutil.rmtree(again.folder / "tiny/scores/erm/main/seed-1")
    read, reading = Workspace._only_read, []

    def looking(self, folder, name, *rest):
        if name == "scores/erm/main/seed-1" and folder.exists() and not reading:
            reading.append(name)
            interrupt()
        return read(self, folder, name, *rest)

    monkeypatch.setattr(Workspace, "_only_read", looking)
    stop = interrupted(again)
    assert (stop.finished, stop.others) == (("tiny/erm/main/seed-1",), ())


def test_a_checkpoint_of_which_nobody_speaks_is_found(again):
    class Killed:
        slots = 1

        def __init__(self, opened, say):
            pass

        def submit(self, job):
            (again.folder / job.task.id / "checkpoints/checkpoint-1").mkdir(parents=True)

        def wait(self):
            raise Stopped(signal.SIGTERM)

        def close(self, *, stopped):
            raise Stopped(signal.SIGINT)  # again, before it had waited

    shutil.rmtree(again.folder / "tiny/erm/main/seed-1")
    with pytest.raises(Stopped) as stopped:
        again.run(engine=Killed)
    assert stopped.value.signum == signal.SIGTERM
    assert stopped.value.others == ("tiny/erm/main/seed-1 resumes from its last checkpoint",)


class TestAgain:
    def test_nothing_is_done_again(self, grid, again):
        finished = again.run()
        assert again.trained == []
        assert (finished.reused, finished.total) == (ALL, ALL)
        expected = json.loads((grid[0].folder / "study.json").read_text())
        assert json.loads((again.folder / "study.json").read_text()) == expected

    def test_more_of_the_grid_leaves_the_rest(self, again):
        more = ("grid.strategies=[easy-to-learn, ambiguous]", "grid.fractions=[0.5]")
        finished = again.run(*more, "grid.seeds=[1]")
        assert finished.reused == 2 + 1 + 2
        assert again.trained == ["main, seed 1"] * 2
        strategies = {one.strategy for one in read_run(again.folder / "tiny").runs}
        assert strategies == {None, "easy-to-learn", "ambiguous"}

    def test_a_changed_reference_runs_again_with_its_cells(self, again):
        again.run("grid.references.two.epochs=3", "grid.seeds=[0]", "grid.fractions=[0.5]")
        assert again.trained.count("reference, seed 0") == 1
        assert "erm, seed 0" not in again.trained
        assert set(again.trained) <= {"reference, seed 0", "main, seed 0"}

    def test_a_forced_stage(self, again):
        again.run(force=(f"tiny/{CELL}",))
        assert again.trained == ["main, seed 1"]
        again.run(force=("reference/two/seed-0",))
        assert again.trained == ["reference, seed 0"]

    def test_there_is_no_such_stage(self, again):
        with pytest.raises(ConfigError, match="there is no such stage"):
            again.run(force=("main/nothing",))

    def test_a_damaged_model_is_one_failed_cell(self, again):
        (again.folder / "tiny" / CELL / "model/config.json").write_text("{}")
        finished = again.run()
        ((task, problem),) = finished.failures.items()
        assert task.id == f"tiny/{CELL}"
        assert f"--force-stage {CELL}" in problem
        assert again.run(force=(CELL,)).failures == {}

    def test_without_erm_its_cost_is_computed(self, grid, again):
        again.run("baselines=[]", "grid.seeds=[0]")
        assert again.trained == []
        computed = read_run(again.folder / "tiny").runs
        measured = [
            one
            for one in read_run(grid[0].folder / "tiny").runs
            if one.method == "ftft" and one.seed == 0
        ]
        assert {one.estimated for one in computed} == {True}
        assert [one.flops for one in computed] == [
            pytest.approx(one.flops, rel=0.02) for one in measured
        ]


class TestFailures:
    def test_a_failed_cell_stops_no_other_and_is_tried_again(self, grid, again, monkeypatch):
        for cell in (CELL, CELL.replace("seed-1", "seed-0")):
            shutil.rmtree(again.folder / "tiny" / cell)
        with monkeypatch.context() as patch:
            failing(patch, f"tiny/{CELL}", RuntimeError("out of memory\nand more"))
            finished = again.run()
        ((task, problem),) = finished.failures.items()
        assert task.id == f"tiny/{CELL}"
        assert problem == "unexpected RuntimeError: out of memory (--debug shows where)"
        assert again.trained == ["main, seed 0"]
        values = json.loads((again.folder / "study.json").read_text())
        assert values["unfinished"] == {task.id: problem}
        assert len(read_run(again.folder / "tiny").runs) == 2 + FTFT_CELLS - 1
        assert again.progress[-1].ended == ALL
        finished = again.run()
        assert finished.failures == {}
        assert again.trained == ["main, seed 1"]
        assert content(again.folder / "study.json") == content(grid[0].folder / "study.json")

    def test_what_builds_on_a_failed_reference_is_not_run(self, again, monkeypatch):
        for folder in ("reference/two/seed-0", f"{CELL}"):
            shutil.rmtree(again.folder / "tiny" / folder)
        failing(monkeypatch, "tiny/reference/two/seed-0", DataError("no room"))
        finished = again.run()
        problems = {task.id: problem for task, problem in finished.failures.items()}
        assert problems.pop("tiny/reference/two/seed-0") == "no room"
        assert len(problems) == 4
        assert set(problems.values()) == {"not run, since tiny/reference/two/seed-0 failed"}
        assert again.trained == ["main, seed 1"]

    def test_without_its_erm_a_cell_has_a_computed_cost(self, again, monkeypatch):
        for folder in ("erm/main/seed-1", "scores/erm/main/seed-1"):
            shutil.rmtree(again.folder / "tiny" / folder)
        failing(monkeypatch, "tiny/erm/main/seed-1", DataError("no room"))
        again.run()
        runs = read_run(again.folder / "tiny").runs
        assert {(one.seed, one.estimated) for one in runs} == {(0, False), (1, True)}

    def test_a_bad_reference_that_shall_stop(self, again):
        finished = again.run("grid.references.one.if_bad=stop", "base.map.ddof=1")
        bad = [task for task in finished.failures if task.method == "reference"]
        for task in bad:
            assert "the preflight check finds this reference bad" in finished.failures[task]
        assert {task.reference for task in finished.failures} <= {"one"}

    def test_two_studies_in_one_folder(self, again):
        with held(again.folder), pytest.raises(WorkspaceError, match="another run is using"):
            again.run()

    def test_a_cell_that_a_killed_study_left_running_is_waited_for(self, again):
        shutil.rmtree(again.folder / "tiny" / CELL)
        lock = again.folder / ".locks/tiny" / CELL
        with contextlib.ExitStack() as left_behind:
            left_behind.enter_context(held(lock))
            said = []

            def say(line):
                said.append(line)
                if "waiting for process" in line:
                    left_behind.close()

            finished = again.run(engine=lambda opened, _: ThisProcess(opened, say))
        assert finished.failures == {}
        (waited,) = [line for line in said if "waiting for" in line]
        assert f"tiny/{CELL} | waiting for process {os.getpid()} on" in waited

    def test_it_is_not_waited_for_without_end(self, again, monkeypatch):
        monkeypatch.setattr("ftft.workspace.lock.ORPHAN_SECONDS", 0.3)
        shutil.rmtree(again.folder / "tiny" / CELL)
        lock = again.folder / ".locks/tiny" / CELL
        with held(lock):
            finished = again.run()
        ((task, problem),) = finished.failures.items()
        assert task.id == f"tiny/{CELL}"
        assert "another run is using this folder (process" in problem


class TestChecks:
    def test_everything_is_checked_before_anything_is_written(self, grid, tmp_path):
        runner = grid[0]
        study = load_study(
            runner.file,
            [
                "grid.references.gone={model: ./gone}",
                "grid.mains.large={max_length: 5000}",
                "grid.fractions=[0.001]",
                "grid.data.tiny={}",
                "grid.data.lost={data: {test_ood: {ood: {path: lost.csv}}}}",
            ],
        )
        with pytest.raises(ConfigError) as caught:
            open_study(study, tmp_path / "new", lambda line: None)
        message = str(caught.value)
        assert message.startswith("study grid: 4 problems:")
        for word in (
            "gone",
            "max_length is 5000",
            "selects none",
            "  - data set lost: test_ood set",
        ):
            assert word in message
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize(
        "name",
        [
            "study.yaml",
            "study.json",
            "study.csv",
            "study.tex",
            "tiny/results.json",
            "experiment.yaml",
        ],
    )
    def test_files_of_others_are_kept(self, grid, tmp_path, name):
        place = tmp_path / "new" / name
        place.parent.mkdir(parents=True)
        place.write_text("mine")
        with pytest.raises(WorkspaceError, match="was not written by a study"):
            open_study(load_study(grid[0].file), tmp_path / "new", lambda line: None)
        assert place.read_text() == "mine"

    def test_an_ordinary_run_keeps_out_of_a_study(self, grid):
        runner = grid[0]
        experiment = load_experiment(runner.file.parent / "experiment.yaml")
        before = sorted(runner.folder.rglob("*"))
        for folder, how in (("", "is"), ("tiny", "lies in"), ("new", "lies in")):
            with pytest.raises(WorkspaceError, match=f"this {how} a study's folder, as "):
                run_experiment(experiment, str(runner.folder / folder), lambda line: None)
        assert sorted(runner.folder.rglob("*")) == before

    def test_the_plan(self, grid, tmp_path):
        study = load_study(grid[0].file)
        planned = plan(open_study(study, tmp_path / "new", lambda line: None))
        assert not (tmp_path / "new").exists()
        assert [one.task for one in planned] == list(tasks(study))
        by_id = {one.task.id: one for one in planned}
        assert not any(one.finished for one in planned)
        assert by_id["tiny/reference/one/seed-0"].readers == 4
        assert by_id["tiny/erm/main/seed-0"].readers == 0
        erm, cell = by_id["tiny/erm/main/seed-1"], by_id[f"tiny/{CELL}"]
        assert (erm.steps, cell.steps) == (8, 3)
        assert erm.flops == pytest.approx(8 / 3 * cell.flops, rel=0.1)
        opened = open_study(study, grid[0].folder, lambda line: None)
        done = plan(opened)
        assert all(one.finished for one in done)
        assert time_left(opened, done) == 0
        assert time_left(open_study(study, tmp_path / "new", lambda line: None), planned) is None

    def test_the_time_that_is_left(self, grid):
        """That of what is finished, by its own speed: as if one of two equal ones were to do."""
        opened = open_study(load_study(grid[0].file), grid[0].folder, lambda line: None)
        done = plan(opened)
        again = next(one for one in done if one.task.id == "tiny/erm/main/seed-1")
        left = time_left(opened, [*done, replace(again, finished=False)])
        twice = time_left(opened, [*done, *[replace(again, finished=False)] * 2])
        assert left is not None
        assert left > 0
        assert twice == pytest.approx(2 * left)

    def test_what_is_missing(self, grid, again):
        study = load_study(grid[0].file, ["grid.seeds=[0, 1, 2]", "grid.references={one: {}}"])
        found = missing(study, tasks(study), read_summary(again.folder, study))
        assert found == [task.id for task in tasks(study) if task.seed == 2 and task.main]

    def test_a_data_file_that_changes_meanwhile_trains_no_reference_in_a_cell(self, again):
        """A cell reads its reference, and says so where that is no longer what it needs."""
        opened = open_study(load_study(again.file), again.folder, lambda line: None)
        cell = next(task for task in tasks(opened.study) if task.id == f"tiny/{CELL}")
        (again.folder / "tiny/reference/two/seed-1/stage.json").unlink()
        stages = opened.stages(cell, lambda line: None)
        with pytest.raises(WorkspaceError, match="reference/two/seed-1 is not finished"):
            ftft.study.run_task.perform(stages, cell)


def outcome(method, seconds, problem=None):
    return Outcome(Task(method, "x", 0), problem, seconds)


def test_tasks_side_by_side_wait_for_what_they_need():
    reference = Task("reference", "x", 0, "small")
    erm, cell = Task("erm", "x", 0, main="big"), Task("ftft", "x", 0, "small", "big")
    found = [(reference, 4.0), (erm, 10.0), (cell, 3.0)]
    assert [makespan(found, jobs) for jobs in (1, 2, 9)] == [17.0, 10.0, 10.0]
    assert makespan([found[0], found[2]], 2) == 7.0
    assert makespan([found[2]], 2) == 3.0, "its reference is finished"
    assert makespan([], 2) == 0.0


def test_time_left_goes_by_method():
    done = [outcome("erm", 10.0), outcome("erm", 20.0), outcome("ftft", 3.0)]
    done += [outcome("ftft", 1000.0, "failed at once")]
    waiting = [Task("erm", "x", 1), Task("ftft", "x", 1), Task("dm", "x", 1)]
    # A method that has not been seen takes the mean of those that have.
    assert seconds_left(done, waiting, 1) == pytest.approx(15 + 3 + 9)
    assert seconds_left(done, waiting, 2) == pytest.approx(27 / 2)
    assert seconds_left(done, waiting, 100) == pytest.approx(27 / 3)
    assert seconds_left(done, (), 2) == 0
    assert seconds_left([], waiting, 2) is None
    assert seconds_left(done, waiting, None) is None


def test_a_study_is_one_process(grid, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="without torchrun"):
        grid[0].run()
