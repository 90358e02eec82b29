"""What the command says when it is stopped or the disk is full."""

import errno
import signal

import pytest

from ftft.cli import _stopped_in_words
from ftft.utils.signals import Stopped


@pytest.fixture
def failing(ftft, experiment_file, monkeypatch):
    """Run an experiment whose first training ends with an error."""

    def run(error, *arguments):
        def fail(*args, **options):
            raise error

        monkeypatch.setattr("ftft.experiment.trainings.finetune", fail)
        return ftft("run", "experiment.yaml", *arguments)

    return run


def refused_with(error, before=lambda: None):
    def fail(*args, **options):
        before()
        raise error

    return fail


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_stopped(failing, signum, status):
    forced = ("--force-stage", "map", "--force-stage=main/seed-0")
    outcome = failing(Stopped(signum), "--set", "seeds=[0, 1]", *forced)
    assert outcome.code == status
    assert outcome.err.splitlines()[-1] == (
        "interrupted: nothing that was finished is lost; reference/seed-0 starts over; start "
        "again with: ftft run experiment.yaml --set 'seeds=[0, 1]'"
    )


def test_what_was_finished_is_named_whole():
    stop = Stopped(signal.SIGINT)
    stop.finished = ("reviews/main/main/reference/hard-to-learn-0.33-0.25/seed-0",)
    assert f"finished are {stop.finished[0]}; " in _stopped_in_words(stop, ["study"])


def test_stopped_with_a_checkpoint(ftft, experiment_file, monkeypatch, tmp_path):
    def save():
        (tmp_path / "runs/tiny/reference/seed-0/checkpoints/checkpoint-3").mkdir(parents=True)

    fail = refused_with(Stopped(signal.SIGINT), save)
    monkeypatch.setattr("ftft.experiment.trainings.finetune", fail)
    assert ftft("run", "experiment.yaml").err.splitlines()[-1] == (
        "interrupted: nothing that was finished is lost; reference/seed-0 resumes from its last "
        "checkpoint; resume with: ftft run experiment.yaml"
    )


def test_stopped_where_all_was_finished(ftft, experiment_file, monkeypatch):
    assert ftft("record", "experiment.yaml").code == 0
    fail = refused_with(Stopped(signal.SIGINT))
    monkeypatch.setattr("ftft.workspace.workspace.Workspace.stage", fail)
    assert ftft("record", "experiment.yaml").err.splitlines()[-1] == (
        "interrupted: nothing that was finished is lost; finished are reference/seed-0; "
        "resume with: ftft record experiment.yaml"
    )


def test_stopped_before_anything_was_begun(ftft, experiment_file, monkeypatch):
    monkeypatch.setattr("ftft.experiment.pipeline.check", refused_with(Stopped(signal.SIGINT)))
    outcome = ftft("run", "experiment.yaml", "--force-stage", "main")
    assert outcome.err.splitlines()[-1] == (
        "interrupted: nothing that was finished is lost; give the command again: "
        "ftft run experiment.yaml --force-stage main"
    )


def test_stopped_with_several_at_work(ftft, experiment_file, monkeypatch):
    stop = Stopped(signal.SIGINT)
    stop.saved = "ERM has a checkpoint"
    monkeypatch.setattr("ftft.experiment.pipeline.check", refused_with(stop))
    # Forced again, what is saved would be removed.
    outcome = ftft("run", "experiment.yaml", "--jobs", "2", "--force-stage", "main")
    assert outcome.err.splitlines()[-1].endswith("; resume with: ftft run experiment.yaml --jobs 2")


@pytest.mark.parametrize(("resumes", "how"), [(True, "resume"), (False, "start again")])
def test_stopped_with_others_under_way(ftft, experiment_file, monkeypatch, resumes, how):
    stop = Stopped(signal.SIGINT)
    stop.others, stop.resumes = (
        ("a/erm is saved at step 1 of at most 9", "a/main starts over"),
        resumes,
    )
    monkeypatch.setattr("ftft.experiment.pipeline.check", refused_with(stop))
    assert (
        ftft("run", "experiment.yaml")
        .err.splitlines()[-1]
        .endswith(
            f"; a/erm is saved at step 1 of at most 9; a/main starts over; {how} with: "
            "ftft run experiment.yaml"
        )
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_no_room(failing, number):
    outcome = failing(OSError(number, "No room", "/cache/file"))
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(
        "error: /cache/file: cannot be written: No room. Make room on the disk"
    )


def test_other_errors_of_the_system_are_defects(failing):
    outcome = failing(OSError(errno.EBADF, "Bad file descriptor"))
    assert outcome.code == 1
    assert "error: unexpected OSError: [Errno 9] Bad file descriptor" in outcome.err
    assert "Traceback" not in outcome.err
