"""Stages run once, resumed or run again; files whole or absent; one process at a time."""

import contextlib
import json
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import ftft.workspace.workspace
from ftft.errors import WorkspaceError
from ftft.workspace.changes import Again
from ftft.workspace.layout import check_writable
from ftft.workspace.preview import Preview
from ftft.workspace.stage_record import digest_of, write_json
from ftft.workspace.workspace import NotFinishedError, Workspace, check_artifact


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "run")


class Build:
    """Builds a stage, and remembers what it found in the folder."""

    def __init__(self, result=None, *, fail=None, leave="out.txt"):
        self.result = {"n": 1} if result is None else result
        self.fail = fail
        self.leave = leave
        self.found = []

    def __call__(self, folder):
        self.found.append(sorted(path.name for path in folder.iterdir()))
        (folder / self.leave).write_text("content")
        if self.fail is not None:
            raise self.fail
        return self.result


class TestStage:
    def test_runs_once(self, workspace):
        build = Build()
        first = workspace.stage("main/seed-0", {"a": 1}, build)
        second = workspace.stage("main/seed-0", {"a": 1}, build)
        assert len(build.found) == 1
        assert (first.reused, second.reused) == (False, True)
        assert first.folder == second.folder == workspace.folder / "main/seed-0"
        assert (first.digest, first.result) == (second.digest, second.result)

    def test_a_later_process_finds_it_too(self, workspace):
        workspace.stage("a", {"x": [1, 2]}, Build({"score": 0.1}))
        again = Workspace(workspace.folder).stage("a", {"x": [1, 2]}, Build(fail=AssertionError()))
        assert again.reused
        assert again.result == {"score": 0.1}

    def test_order_of_keys_does_not_matter(self, workspace):
        workspace.stage("a", {"x": 1, "y": {"p": 1, "q": 2}}, Build())
        assert workspace.stage("a", {"y": {"q": 2, "p": 1}, "x": 1}, Build()).reused

    def test_tuples_and_lists_are_the_same(self, workspace):
        workspace.stage("a", {"x": (1, 2)}, Build())
        assert workspace.stage("a", {"x": [1, 2]}, Build()).reused

    def test_an_idle_key_is_not_compared(self, workspace):
        before = {"selection": {"fraction": 0.3, "easy_share": 0.1}}
        now = {"selection": {"fraction": 0.3, "easy_share": 0.5}}
        first = workspace.stage("a", before, Build())  # as older versions recorded it
        idle = ["selection.easy_share", "settings.head"]
        again = Workspace(workspace.folder).stage("a", now, Build(), idle=idle)
        assert again.reused
        assert again.digest == first.digest  # what reads it is not made again either
        why = []
        now["selection"]["fraction"] = 0.2
        assert not workspace.stage("a", now, Build(), idle=idle, again=why.append).reused
        assert why == [Again(changes={"selection.fraction": (0.3, 0.2)})]
        # Where it has an effect, it is compared.
        now["selection"]["easy_share"] = 0.7
        assert not workspace.stage("a", now, Build()).reused

    def test_changed_runs_again_in_an_empty_folder(self, workspace):
        workspace.stage("a", {"x": 1}, Build(leave="old.txt"))
        build = Build({"n": 2})
        stage = workspace.stage("a", {"x": 2}, build)
        assert not stage.reused
        assert stage.result == {"n": 2}
        assert build.found == [["stage.json"]]
        assert not (stage.folder / "old.txt").exists()

    def test_changed_back_runs_again_too(self, workspace):
        for value in (1, 2, 1):
            assert not workspace.stage("a", {"x": value}, Build()).reused

    def test_the_name_is_part_of_the_digest(self, workspace):
        first = workspace.stage("a", {"x": 1}, Build())
        assert first.digest != workspace.stage("b", {"x": 1}, Build()).digest

    def test_others_are_left_alone(self, workspace):
        workspace.stage("erm/seed-0", {"x": 1}, Build())
        workspace.stage("erm/seed-1", {"x": 1}, Build())
        workspace.stage("erm/seed-0", {"x": 2}, Build())
        assert workspace.stage("erm/seed-1", {"x": 1}, Build()).reused

    @pytest.mark.parametrize(
        "interruption", [RuntimeError("x"), KeyboardInterrupt(), SystemExit(1)]
    )
    def test_interrupted_goes_on_with_what_is_there(self, workspace, interruption):
        with pytest.raises(type(interruption)):
            workspace.stage("a", {"x": 1}, Build(fail=interruption, leave="checkpoint"))
        build = Build()
        assert not workspace.stage("a", {"x": 1}, build).reused
        assert build.found == [["checkpoint", "stage.json"]]
        assert workspace.stage("a", {"x": 1}, build).reused

    def test_interrupted_and_changed_starts_afresh(self, workspace):
        with pytest.raises(RuntimeError):
            workspace.stage("a", {"x": 1}, Build(fail=RuntimeError(), leave="checkpoint"))
        build = Build()
        workspace.stage("a", {"x": 2}, build)
        assert build.found == [["stage.json"]]

    def test_a_folder_without_a_record_is_not_trusted(self, workspace):
        folder = workspace.folder / "a"
        folder.mkdir()
        (folder / "leftover").write_text("?")
        build = Build()
        workspace.stage("a", {"x": 1}, build)
        assert build.found == [["stage.json"]]

    def test_nor_is_it_lost(self, workspace):
        for number in (1, 2):
            shutil.rmtree(workspace.folder / "a", ignore_errors=True)
            (workspace.folder / "a").mkdir()
            (workspace.folder / "a" / "mine").write_text(f"{number}")
            workspace.stage("a", {"x": 1}, Build())
            assert (workspace.folder / f"a.unknown-{number}" / "mine").read_text() == f"{number}"

    def test_the_record_says_what_it_was_made_from(self, workspace):
        build = Build({"n": 3})
        stage = workspace.stage("a", {"x": 1, "path": Path("/p")}, build, {"python": "3"})
        assert stage.environment == {"python": "3"}
        record = json.loads((stage.folder / "stage.json").read_text())
        assert record == {
            "schema": 2,
            "digest": stage.digest,
            "made_from": {"x": 1, "path": "/p"},
            "read": {},
            "environment": {"python": "3"},
            "status": "finished",
            "outputs": {"out.txt": {"bytes": 7, "sha256": sha256(b"content").hexdigest()}},
            "result": {"n": 3},
            "sha256": record["sha256"],
        }

    @pytest.mark.parametrize(
        "record",
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"[]",
            b'{"digest": "x"}',
            b'{"status": "finished"}',
            b'{"digest": "x", "status": "finished"}',
            b'{"digest": "x", "status": "finished", "result": 7}',
        ],
    )
    def test_a_damaged_record_names_the_file_and_the_remedy(self, workspace, record):
        stage = workspace.stage("main/seed-0", {"x": 1}, Build())
        (stage.folder / "stage.json").write_bytes(record)
        with pytest.raises(WorkspaceError) as caught:
            workspace.stage("main/seed-0", {"x": 1}, Build())
        assert str(stage.folder / "stage.json") in str(caught.value)
        assert "--force-stage main/seed-0" in str(caught.value)
        assert f"remove the folder {stage.folder}" in str(caught.value)
        assert (stage.folder / "out.txt").exists()

    def test_a_file_where_the_folder_belongs(self, workspace):
        (workspace.folder / "a").write_text("in the way")
        with pytest.raises(WorkspaceError, match=r"a/stage\.json"):
            workspace.stage("a", {}, Build())
        assert (workspace.folder / "a").read_text() == "in the way"

    def test_values_that_are_no_json_are_refused_before_anything_is_written(self, workspace):
        with pytest.raises(ValueError, match="not JSON compliant"):
            workspace.stage("a", {"x": float("nan")}, Build())
        assert not (workspace.folder / "a").exists()


def test_digest_tells_values_apart():
    values = [
        {"a": 1},
        {"a": 1.5},
        {"a": "1"},
        {"a": True},
        {"a": None},
        {"b": 1},
        {},
        [],
        "é",
        "e",
    ]
    assert len({digest_of(value) for value in values}) == len(values)


def writing(text, *, fails=False):
    """A build that writes a model, and may fail afterwards."""

    def build(folder):
        (folder / "model.txt").write_text(text)
        if fails:
            raise RuntimeError("out of memory")
        return {"text": text}

    return build


class TestWhatWasThereBefore:
    def test_stays_until_its_successor_has_finished(self, workspace):
        stage = workspace.stage("main/seed-0", {"x": 1}, writing("old"))
        with pytest.raises(RuntimeError):
            workspace.stage("main/seed-0", {"x": 2}, writing("new", fails=True))
        aside = stage.folder.with_name(".seed-0.previous")
        assert (aside / "model.txt").read_text() == "old"
        again = workspace.stage("main/seed-0", {"x": 1}, writing("unused"))
        assert again.reused
        assert (again.folder / "model.txt").read_text() == "old"
        assert not aside.exists()

    def test_goes_when_its_successor_has_finished(self, workspace):
        workspace.stage("main/seed-0", {"x": 1}, writing("old"))
        stage = workspace.stage("main/seed-0", {"x": 2}, writing("new"))
        assert (stage.folder / "model.txt").read_text() == "new"
        assert os.listdir(stage.folder.parent) == ["seed-0"]

    def test_a_damaged_one_is_in_nobodys_way(self, workspace):
        stage = workspace.stage("a", {"x": 1}, writing("old"))
        with pytest.raises(RuntimeError):
            workspace.stage("a", {"x": 2}, writing("new", fails=True))
        (stage.folder.with_name(".a.previous") / "stage.json").write_text("{")
        assert workspace.stage("a", {"x": 2}, writing("new")).result == {"text": "new"}
        assert sorted(os.listdir(workspace.folder)) == ["a"]


def flip(path, position=0):
    """Change one bit, and neither size nor time."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class TestDamage:
    """A finished stage is used only where every file is as it was written."""

    @pytest.mark.parametrize(
        ("damage", "problem"),
        [
            (flip, "does not match its checksum"),
            (lambda path: path.write_text("cut"), "has 3 bytes instead of 5"),
            (lambda path: path.unlink(), "is missing"),
        ],
    )
    def test_is_refused_with_file_stage_and_remedy(self, workspace, damage, problem):
        stage = workspace.stage("main/seed-0", {}, writing("whole"))
        damage(stage.folder / "model.txt")
        again = Workspace(workspace.folder)
        with pytest.raises(WorkspaceError) as caught:
            again.stage("main/seed-0", {}, writing("unused"))
        said = str(caught.value)
        assert said.startswith(f"{stage.folder / 'model.txt'}: this file of the finished stage")
        assert f"main/seed-0 {problem}" in said
        assert "give --force-stage main/seed-0" in said

    def test_any_flipped_byte_of_the_record_is_noticed(self, workspace):
        stage = workspace.stage("a", {"x": 1}, writing("whole"))
        path = stage.folder / "stage.json"
        whole = path.read_bytes()
        noticed = 0
        for position in range(len(whole)):
            if whole[position : position + 1].isspace():
                continue  # white space between tokens says nothing
            flip(path, position)
            with pytest.raises(WorkspaceError, match=r"stage\.json"):
                Workspace(workspace.folder).stage("a", {"x": 1}, writing("unused"))
            path.write_bytes(whole)
            noticed += 1
        assert noticed > 300
        assert Workspace(workspace.folder).stage("a", {"x": 1}, writing("unused")).reused

    def test_what_is_read_is_checked_when_it_is_read(self, workspace):
        first = workspace.stage("a", {}, writing("whole"))
        flip(first.folder / "model.txt")
        with pytest.raises(WorkspaceError, match="--force-stage a to build"):
            workspace.stage("b", {}, writing("from it"), upstream=(first,))
        assert not (workspace.folder / "b").exists()

    def test_a_single_artifact_is_checked_too(self, workspace):
        stage = workspace.stage("main/seed-0", {}, writing("whole"))
        check_artifact(stage.folder / "model.txt")
        flip(stage.folder / "model.txt")
        with pytest.raises(WorkspaceError, match="--force-stage main/seed-0"):
            check_artifact(stage.folder / "model.txt")
        check_artifact(workspace.folder / "elsewhere.txt")


class TestForced:
    def test_runs_again_and_keeps_the_old_one_until_then(self, workspace):
        stage = workspace.stage("main/seed-0", {}, writing("old"))
        workspace.force("main/seed-0")
        assert (stage.folder.with_name(".seed-0.previous") / "model.txt").read_text() == "old"
        again = workspace.stage("main/seed-0", {}, writing("new"))
        assert (again.reused, again.result) == (False, {"text": "new"})
        assert os.listdir(stage.folder.parent) == ["seed-0"]

    @pytest.mark.parametrize("file", ["model.txt", "stage.json"])
    def test_replaces_a_damaged_one(self, workspace, file):
        stage = workspace.stage("a", {}, writing("old"))
        (stage.folder / file).write_text("{")
        workspace.force("a")
        assert not stage.folder.with_name(".a.previous").exists()
        assert workspace.stage("a", {}, writing("new")).result == {"text": "new"}

    def test_interrupted_it_goes_on_without_being_forced_again(self, workspace):
        workspace.stage("a", {}, writing("old"))
        workspace.force("a")
        with pytest.raises(RuntimeError):
            workspace.stage("a", {}, writing("half", fails=True))
        found = []

        def build(folder):
            found.append((folder / "model.txt").read_text())
            return writing("new")(folder)

        assert Workspace(workspace.folder).stage("a", {}, build).result == {"text": "new"}
        assert found == ["half"]

    def test_forced_while_unfinished_it_starts_afresh(self, workspace):
        workspace.stage("a", {}, writing("old"))
        workspace.force("a")
        with pytest.raises(RuntimeError):
            workspace.stage("a", {}, writing("half", fails=True))
        workspace.force("a")
        assert not (workspace.folder / "a/model.txt").exists()
        assert (workspace.folder / ".a.previous/model.txt").read_text() == "old"

    def test_what_was_never_run_is_run(self, workspace):
        workspace.force("a")
        assert not workspace.stage("a", {}, writing("new")).reused

    @pytest.mark.parametrize(("content", "reused"), [("old", True), ("new", False)])
    def test_what_reads_it_is_run_again_where_it_came_out_differently(
        self, workspace, content, reused
    ):
        first = workspace.stage("a", {}, writing("old"))
        workspace.stage("b", {}, writing("from it"), upstream=(first,))
        workspace.force("a")
        again = workspace.stage("a", {}, writing(content))
        assert workspace.stage("b", {}, writing("from it"), upstream=(again,)).reused == reused


class TestWhyAgain:
    def why(self, workspace, inputs, *upstream, name="b", fails=False):
        """What is said of a stage before it is built; None for nothing."""
        said = []
        build = writing("new", fails=fails)
        with contextlib.suppress(RuntimeError):
            workspace.stage(name, inputs, build, None, upstream, again=said.append)
        return said[0] if said else None

    def test_the_first_time_and_the_same_say_nothing(self, workspace):
        assert self.why(workspace, {"x": 1}) is None
        assert self.why(workspace, {"x": 1}) is None

    def test_what_is_not_the_same_by_its_key(self, workspace):
        self.why(workspace, {"a": {"b": 1, "c": [1]}, "d": None, "e": Path("/p"), "gone": 2})
        now = {"a": {"b": 2, "c": (1,)}, "d": {"new": 1}, "e": Path("/p")}
        assert self.why(workspace, now).changes == {
            "a.b": (1, 2),
            "d": (None, {"new": 1}),
            "gone": (2, None),
        }

    def test_a_stage_that_it_is_made_from_is_named(self, workspace):
        for value in (1, 2):
            first = workspace.stage("a/seed-0", {"x": value}, writing("same"))
            found = self.why(workspace, {"map": first.digest, "y": 1}, first)
        assert found == Again(upstream=("a/seed-0",))

    def test_so_is_one_that_came_out_differently(self, workspace):
        for text in ("old", "new"):
            first = workspace.stage("a", {}, writing(text))
            found = self.why(workspace, {"map": first.digest}, first)
            workspace.force("a")
        assert found == Again(upstream=("a",))

    @pytest.mark.parametrize("damaged", [False, True])
    def test_forced(self, workspace, damaged):
        self.why(workspace, {"x": 1})
        if damaged:
            (workspace.folder / "b/stage.json").write_text("{")
        workspace.force("b")
        assert self.why(workspace, {"x": 2}, fails=True) == Again(forced=True)
        # Gone on with after an interruption, it is not run again.
        assert self.why(workspace, {"x": 2}) is None

    def test_a_record_of_the_first_schema(self, workspace):
        self.why(workspace, {"x": 1})
        old = {
            "schema": 1,
            "digest": "0",
            "made_from": {"x": 1},
            "status": "finished",
            "result": {},
        }
        (workspace.folder / "b/stage.json").write_text(json.dumps(old))
        assert self.why(workspace, {"x": 1}) == Again(changes={"schema": (1, 2)})

    def test_one_that_was_set_aside_counts_where_nothing_is_left(self, workspace):
        self.why(workspace, {"x": 1})
        self.why(workspace, {"x": 2}, fails=True)
        shutil.rmtree(workspace.folder / "b")
        assert self.why(workspace, {"x": 3}).changes == {"x": (1, 3)}


class TestScratch:
    """Checkpoints stay until the record says that the stage is finished."""

    def build(self, folder):
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints/state").write_text("x")
        return writing("whole")(folder)

    def test_is_removed_at_the_end(self, workspace):
        stage = workspace.stage("a", {}, self.build)
        assert sorted(os.listdir(stage.folder)) == ["model.txt", "stage.json"]
        assert list(stage.outputs) == ["model.txt"]

    def test_is_there_until_the_record_is_written(self, workspace, monkeypatch):
        seen = []

        def record(folder, values):
            seen.append((values["status"], sorted(os.listdir(folder))))
            given(folder, values)

        given = ftft.workspace.workspace.write_record
        monkeypatch.setattr("ftft.workspace.workspace.write_record", record)
        workspace.stage("a", {}, self.build)
        assert seen[1] == ("finished", ["checkpoints", "model.txt", "stage.json"])

    def test_a_rest_of_it_is_removed_later(self, workspace):
        stage = workspace.stage("a", {}, writing("whole"))
        (stage.folder / "checkpoints").mkdir()
        assert Workspace(workspace.folder).stage("a", {}, writing("unused")).reused
        assert not (stage.folder / "checkpoints").exists()


def test_left_over_temporary_files_are_removed(workspace):
    stage = workspace.stage("a", {}, writing("whole"))
    left = [workspace.folder / ".results.json.1f.tmp", stage.folder / ".map.parquet.2e.tmp"]
    for path in left:
        path.write_text("half")
    with workspace.locked():
        assert not any(path.exists() for path in left)
        assert Workspace(workspace.folder).stage("a", {}, writing("unused")).reused


class TestAtomicWriting:
    def test_replaces_whole(self, tmp_path):
        path = tmp_path / "a.json"
        write_json(path, {"long": "x" * 10_000})
        write_json(path, {"é": 1})
        assert path.read_text(encoding="utf-8") == '{\n  "é": 1\n}\n'

    def test_survives_a_power_cut(self, tmp_path, monkeypatch):
        """The content is on the disk before it has the name, and then the name too."""
        done = []
        replace = os.replace

        def sync(descriptor):
            done.append(os.fstat(descriptor).st_ino)

        def rename(old, new):
            done.append("renamed")
            replace(old, new)

        monkeypatch.setattr(os, "fsync", sync)
        monkeypatch.setattr(os, "replace", rename)
        path = tmp_path / "a.json"
        write_json(path, 1)
        assert done == [path.stat().st_ino, "renamed", tmp_path.stat().st_ino]

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch):
        path = tmp_path / "a.json"
        write_json(path, "old")

        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(WorkspaceError, match=r"a\.json cannot be written: No space left"):
            write_json(path, "new")
        assert json.loads(path.read_text()) == "old"
        assert os.listdir(tmp_path) == ["a.json"]

    def test_an_interruption_too(self, tmp_path, monkeypatch):
        def interrupted(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_json(tmp_path / "a.json", "new")
        assert os.listdir(tmp_path) == []

    def test_what_is_no_json_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "a.json"
        write_json(path, {"old": 1})
        with pytest.raises(TypeError):
            write_json(path, {("a", "tuple"): 1})
        assert json.loads(path.read_text()) == {"old": 1}

    def test_others_may_read_the_file_as_far_as_the_umask_says(self, tmp_path):
        before = os.umask(0o027)
        try:
            write_json(tmp_path / "a.txt", "x")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640

    def test_no_folder(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(WorkspaceError, match=r"file/a\.txt cannot be written"):
            write_json(tmp_path / "file" / "a.txt", "x")


class TestUnwritable:
    # Tests may run as root, whom permissions do not stop: a file stands in the way instead.
    @pytest.fixture(params=["file", "file/run", "file/deep/er", "/proc/ftft", "/dev/null"])
    def folder(self, request, tmp_path):
        (tmp_path / "file").write_text("in the way")
        return tmp_path / request.param

    def test_is_said_with_the_remedy(self, folder):
        for attempt in (check_writable, Workspace):
            with pytest.raises(WorkspaceError) as caught:
                attempt(folder)
            assert str(folder) in str(caught.value)
            assert "choose another with --output" in str(caught.value)

    def test_checking_leaves_no_trace(self, tmp_path):
        check_writable(tmp_path / "a" / "b" / "c")
        check_writable(tmp_path)
        assert os.listdir(tmp_path) == []


HOLD = """
import sys
from ftft.workspace.workspace import Workspace
with Workspace(sys.argv[1]).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


class TestLock:
    @pytest.fixture
    def holder(self, workspace):
        """A real second process that holds the folder."""
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(workspace.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()
        process.communicate()

    def test_a_second_process_is_refused_with_the_first_ones_number(self, workspace, holder):
        with pytest.raises(WorkspaceError) as caught, workspace.locked():
            pytest.fail("two processes in one folder")
        assert str(workspace.folder) in str(caught.value)
        assert f"(process {holder.pid} on {platform.node()}, since 2" in str(caught.value)
        assert f"-c {workspace.folder})" in str(caught.value)  # the command
        assert "--output" in str(caught.value)

    def test_a_killed_process_holds_nothing(self, workspace, holder):
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with workspace.locked():
            mine = (workspace.folder / ".lock").read_text()
        assert mine.startswith(f"process {os.getpid()} on {platform.node()}, since 2")

    def test_free_again_after_an_error(self, workspace):
        with pytest.raises(RuntimeError), workspace.locked():
            raise RuntimeError
        with workspace.locked():
            pass


class TestPreview:
    """A folder that is only looked at."""

    def test_nothing_is_built_and_the_reason_is_given(self, workspace):
        workspace.stage("a", {"x": 1}, Build())
        said, build = [], Build()
        assert Preview(workspace.folder).stage("a", {"x": 1}, build, again=said.append).reused
        with pytest.raises(NotFinishedError):
            Preview(workspace.folder).stage("a", {"x": 2}, build, again=said.append)
        assert said == [Again(changes={"x": (1, 2)})]
        with pytest.raises(NotFinishedError):
            Preview(workspace.folder).stage("b", {"x": 2}, build, again=said.append)
        assert (len(said), build.found) == (1, [])

    def test_what_a_run_would_put_back_is_reused(self, workspace):
        workspace.stage("a", {"x": 1}, Build({"n": 7}))
        with pytest.raises(KeyboardInterrupt):
            workspace.stage("a", {"x": 2}, Build(fail=KeyboardInterrupt()))
        before = sorted(workspace.folder.rglob("*"))
        found = Preview(workspace.folder).stage("a", {"x": 1}, Build())
        assert (found.reused, found.result) == (True, {"n": 7})
        assert (found.folder / "out.txt").read_text() == "content"
        assert sorted(workspace.folder.rglob("*")) == before
        with pytest.raises(NotFinishedError):
            Preview(workspace.folder).stage("a", {"x": 2}, Build())
        workspace.force("a")
        with pytest.raises(NotFinishedError):
            Preview(workspace.folder).stage("a", {"x": 2}, Build())
