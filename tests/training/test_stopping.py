"""Asked to stop, a training saves a checkpoint after its step; resumed, it ends the same."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from typing import Any

import pytest
from transformers import TrainerCallback

from ftft.config.schema import Recording
from ftft.training.checkpoints import seal
from ftft.utils import signals
from ftft.utils.signals import Stopped, stoppable
from killing import EVALUATION, check_same, scores
from tiny_task import plan


class Signal(TrainerCallback):
    """Signals this process at the beginning of one step, once or more often."""

    def __init__(self, step: int, *signums: int) -> None:
        self.step, self.signums = step, signums

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step - 1:
            for signum in self.signums:
                os.kill(os.getpid(), signum)


class CtrlC(Signal):
    """Signals the processes that load batches as well, as a terminal does."""

    def __init__(self, step: int) -> None:
        super().__init__(step, signal.SIGINT)
        self.workers = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step - 1:
            workers = multiprocessing.active_children()
            self.workers = len(workers)
            for worker in workers:
                os.kill(worker.pid, signal.SIGINT)
        super().on_step_begin(args, state, control, **kwargs)


def stop(tune: Any, schedule: Any, step: int, *signums: int, **options: Any) -> Stopped:
    with stoppable(), pytest.raises(Stopped) as caught:
        tune("again", schedule, spies=(Signal(step, *signums),), **options)
    return caught.value


@pytest.mark.parametrize("recording", [Recording(), EVALUATION, None])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopped_at_any_step_it_loses_nothing(tune, tmp_path, recording, signum):
    schedule = plan(8, 3, keep="best", patience=9)
    whole = tune("whole", schedule, recording=recording)
    for step in (1, 2, 3, 5, 7, 8):
        said: list[str] = []
        stopped = stop(tune, schedule, step, signum, recording=recording, say=said.append)
        assert stopped.signum == signum
        assert stopped.saved == f"is saved at step {step} of at most 8"
        assert (tmp_path / f"again/checkpoints/checkpoint-{step}").is_dir()
        assert len(said) == (step > 1)
    check_same(tune("again", schedule, recording=recording), whole)


@pytest.mark.parametrize(
    ("by_step", "ended", "interrupted"),
    [
        ({2: 0.8, 4: 0.7, 6: 0.7, 8: 0.9}, (6, 2), (3, 5)),
        # Of equal scores the later weights are kept, and patience runs out.
        ({2: 0.8, 4: 0.8, 6: 0.8, 8: 0.9}, (6, 6), (3, 5)),
        # What learnt nothing yet is not stopped; interrupted before and after it begins to learn.
        ({2: 0.5, 4: 0.5, 6: 0.9, 8: 0.8, 10: 0.8, 12: 0.9}, (10, 6), (5, 9)),
    ],
    ids=["worse", "equal", "late"],
)
def test_patience_and_best_weights_are_kept(tune, monkeypatch, by_step, ended, interrupted):
    scores(monkeypatch, by_step)
    schedule = plan(max(by_step), 2, keep="best", patience=2)
    whole = tune("whole", schedule)
    assert (whole.steps, whole.kept_step) == ended
    for step in interrupted:
        stop(tune, schedule, step, signal.SIGTERM)
    check_same(tune("again", schedule), whole)


def test_a_checkpoint_of_before_early_stopping_had_a_floor(tune, monkeypatch, tmp_path):
    """It keeps the count under the name of transformers' own callback."""
    scores(monkeypatch, {2: 0.8, 4: 0.7, 6: 0.7, 8: 0.9})
    schedule = plan(8, 2, keep="best", patience=2)
    stop(tune, schedule, 4, signal.SIGTERM)
    checkpoint = tmp_path / "again/checkpoints/checkpoint-4"
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    kept = state["stateful_callbacks"].pop("StopWhenStalled")
    kept["args"] = {"early_stopping_patience": 2, "early_stopping_threshold": 0.0}
    state["stateful_callbacks"]["EarlyStoppingCallback"] = kept
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    seal(checkpoint, None)
    stop(tune, schedule, 5, signal.SIGTERM)
    again = tune("again", schedule)
    assert (again.steps, again.kept_step) == (6, 2)


def test_a_second_ctrl_c_does_not_wait(tune, tmp_path):
    stopped = stop(tune, plan(8, 8), 3, signal.SIGINT, signal.SIGINT)
    assert stopped.saved == ""
    assert not list(tmp_path.glob("again/checkpoints/checkpoint-*"))


def test_a_second_sigterm_waits_for_the_checkpoint(tune):
    stopped = stop(tune, plan(8, 8), 3, signal.SIGTERM, signal.SIGTERM)
    assert stopped.saved == "is saved at step 3 of at most 8"


def test_processes_that_load_batches_leave_ctrl_c_to_the_training(tune, settings, capfd):
    chosen = settings(training_arguments={"dataloader_num_workers": 2})
    terminal = CtrlC(2)
    with stoppable(), pytest.raises(Stopped) as caught:
        tune("again", plan(8, 8), settings=chosen, spies=(terminal,))
    assert terminal.workers == 2
    assert caught.value.saved == "is saved at step 2 of at most 8"
    assert capfd.readouterr().err.count("stopping after this step") == 1


def test_a_forked_process_survives_ctrl_c_and_ends_when_it_is_terminated(capfd):
    context = multiprocessing.get_context("fork")
    forked = context.Process(target=time.sleep, args=(60,), daemon=True)
    with stoppable(), signals.deferred():
        forked.start()
        for signum, seconds in ((signal.SIGINT, 0.2), (signal.SIGINT, 0.2), (signal.SIGTERM, 30)):
            assert forked.is_alive()
            os.kill(forked.pid, signum)
            forked.join(seconds)
    assert forked.exitcode == -signal.SIGTERM
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_outside_of_a_training_it_stops_at_once(signum):
    before = signal.getsignal(signum)
    with pytest.raises(Stopped), stoppable():
        os.kill(os.getpid(), signum)
    assert signal.getsignal(signum) is before
    assert not signals.requested()


def test_a_stop_that_found_no_step_is_not_forgotten():
    noted = []

    def within():
        with stoppable(), signals.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            noted.append(signals.requested())

    with pytest.raises(Stopped):
        within()
    assert noted == [True]
