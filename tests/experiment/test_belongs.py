"""A run folder belongs to one experiment: what another one may not do to it."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest

from ftft import load_experiment
from ftft import run as run_pipeline
from ftft.errors import WorkspaceError
from ftft.experiment.belongs import check_study_belongs, trained_on
from ftft.experiment.validate import check
from ftft.workspace.stage_record import write_record

ALONE = ("baselines=[]",)


@pytest.fixture(scope="module")
def first(tmp_path_factory, make_experiment):
    """A folder with two experiments of one name on different data, the first of them run."""
    home = tmp_path_factory.mktemp("belongs")
    for name in ("a", "b"):
        make_experiment(home / name)
    lines = (home / "b/train.csv").read_text().splitlines(keepends=True)
    (home / "b/train.csv").write_text("".join(lines[:-1]))
    run_pipeline(load_experiment(home / "a/experiment.yaml", ALONE), str(home / "run"), print)
    return home


@pytest.fixture
def home(first, tmp_path):
    """A copy to change."""
    return shutil.copytree(first, tmp_path / "home")


def files(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def run(home, which, *overrides, **options):
    said = []
    experiment = load_experiment(home / which / "experiment.yaml", (*ALONE, *overrides))
    results = run_pipeline(experiment, str(home / "run"), said.append, **options)
    return results, said


class TestIsRefused:
    def refused(self, home, which, *overrides):
        before = files(home / "run")
        with pytest.raises(WorkspaceError) as error:
            run(home, which, *overrides)
        assert files(home / "run") == before, "nothing is written"
        assert "--output" in str(error.value)
        assert "--replace" in str(error.value)
        return str(error.value)

    def test_other_data_of_the_same_name(self, home):
        message = self.refused(home, "b")
        assert "a/train.csv) are not those of this one" in message
        assert message.count("b/train.csv") == 1

    def test_another_name(self, home):
        assert "it is called tiny, this one other" in self.refused(home, "a", "name=other")

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            (["data.train.limit=50"], "data.train.limit was not set, is 50. "),
            (["data.dev=null"], "data.dev was dev, is not set. "),
            (["data.classes=[pos, neg]"], "data.classes was not set, is pos, neg. "),
        ],
    )
    def test_the_same_file_read_in_another_way(self, first, changes, said):
        message = self.refused(first, "a", *changes)
        assert f"it was run on other training data ({first / 'a/train.csv'}): {said}" in message

    def test_another_share_held_out(self, first, home):
        """Of what was run without a development set of its own."""
        path = home / "run/experiment.yaml"
        text = path.read_text().replace(str(first), str(home))
        path.write_text(re.sub(r"  dev:\n(    .*\n)+", "  dev: {}\n", text))
        message = self.refused(home, "a", "data.dev=null", "data.holdout=0.25")
        assert ": data.holdout was 0.1, is 0.25. " in message

    @pytest.mark.parametrize("holdout", [0.1, 7])  # as it was, and no share
    def test_a_changed_file(self, first, home, holdout):
        path = home / "run/experiment.yaml"
        text = path.read_text().replace(str(first), str(home))
        path.write_text(text.replace("holdout: 0.1", f"holdout: {holdout}"))
        path = home / "a/train.csv"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
        message = self.refused(home, "a")
        assert f"training data ({path}): the file or how it is read has changed. " in message

    def test_where_it_was_interrupted_too(self, home):
        """What has a checkpoint is hours of work."""
        folder = home / "run/reference/seed-0"
        record = json.loads((folder / "stage.json").read_text())
        for path in (home / "run").iterdir():
            if path.name not in ("reference", "experiment.yaml"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        del record["sha256"]
        write_record(folder, {**record, "status": "running"})
        assert trained_on(home / "run") == set()
        (folder / "checkpoints/checkpoint-1").mkdir(parents=True)
        self.refused(home, "b")

    def test_by_validate(self, home):
        with pytest.raises(WorkspaceError, match="another experiment"):
            check(load_experiment(home / "b/experiment.yaml"), str(home / "run"))


class TestStudy:
    """A study's folder has models and selections between the kind of a stage and its seed."""

    @pytest.mark.parametrize("stage", ["reference/small/seed-0", "main/a/b/ambiguous-0.33/seed-1"])
    def test_other_data_are_refused(self, tmp_path, stage):
        record = {"digest": "d", "status": "finished", "result": {}, "made_from": {"train": "x"}}
        (tmp_path / "nli" / stage).mkdir(parents=True)
        write_record(tmp_path / "nli" / stage, record)
        same, other = (SimpleNamespace(train=SimpleNamespace(fingerprint=one)) for one in "xy")
        check_study_belongs({"nli": same, "new": other}, tmp_path)
        with pytest.raises(
            WorkspaceError, match="on other training data: the file of the data set"
        ):
            check_study_belongs({"nli": other}, tmp_path)


class TestIsNoOther:
    def test_with_other_settings_seeds_and_tests(self, home):
        overrides = ("selection.fraction=0.5", "data.test_ood=null")
        _, said = run(home, "a", *overrides)
        assert any(line.startswith("main/seed-0: again") for line in said)

    def test_the_same_data_at_another_place(self, home):
        (home / "a").rename(home / "moved")
        _, said = run(home, "moved")
        assert "reference/seed-0: done before" in said

    def test_where_nothing_was_trained(self, home):
        shutil.rmtree(home / "run/reference")
        shutil.rmtree(home / "run/main")
        run(home, "b")


class TestReplacing:
    def test_moves_what_is_of_other_data_beside_it(self, home):
        before = {path.name for path in (home / "run").iterdir()}
        results, said = run(home, "b", replacing=True)
        moved = home / "run.replaced-1"
        assert {path.name for path in moved.iterdir()} == before - {".lock"}
        assert any(str(moved) in line for line in said)
        assert not any("again" in line for line in said)
        assert [one.seed for one in results.runs] == [0]
        # As good as new: the first experiment goes on in it.
        (home / "run").rename(home / "b-run")
        moved.rename(home / "run")
        _, said = run(home, "a")
        assert "main/seed-0: done before" in said

    def test_goes_on_with_what_is_of_the_same_data(self, home):
        results, said = run(home, "a", "name=other", replacing=True)
        assert results.name == "other"
        assert "main/seed-0: done before" in said
        assert not (home / "run.replaced-1").exists()

    def test_on_the_command_line(self, ftft, home):
        command = ("run", home / "b/experiment.yaml", "-o", home / "run", "--set", "baselines=[]")
        refused = ftft(*command)
        assert refused.code == 2
        assert "--replace" in refused.err
        assert ftft(*command, "--replace").code == 0
        assert (home / "run.replaced-1/results.json").is_file()
