"""Progress: the Trainer's bars in a terminal, and a line a minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import ProgressCallback, TrainerCallback

from ftft.utils.plural import duration
from ftft.utils.terminal import shows_bars

SECONDS = 60.0


def progress(say: Callable[[str], None]) -> TrainerCallback:
    """What shows the progress of a training or a scoring, where it runs.

    Args:
        say: Receives the lines, where standard error is no terminal.
    """
    return Bars() if shows_bars() else Lines(say)


class Bars(ProgressCallback):
    """The Trainer's, with the last development score in place of a line at every log."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Show the watched score."""
        if self.training_bar is not None and "eval_watched" in logs:
            self.training_bar.set_postfix(dev=f"{logs['eval_watched']:.3f}")

    def on_prediction_step(self, args: Any, state: Any, *rest: Any, **kwargs: Any) -> None:
        """Move the bar on; the last batch of a set takes it away."""
        super().on_prediction_step(args, state, *rest, **kwargs)
        bar = self.prediction_bar
        if bar is not None and bar.n >= bar.total:
            bar.leave = False
            self.on_predict(args, state, *rest)


class Lines(TrainerCallback):
    """Says once a minute where a training is: step, loss, examples a second and time left."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = self._begun = time.monotonic()
        self._first = 0
        self._loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note where it begins: a resumed training has steps behind it."""
        self._said = self._begun = time.monotonic()
        self._first = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Note the loss, the mean over the steps since it was logged last."""
        self._loss = (logs or {}).get("loss", self._loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say it, if it is time."""
        now = time.monotonic()
        if not state.is_world_process_zero or now - self._said < SECONDS:
            return
        self._said = now
        taken, passed = state.global_step - self._first, max(now - self._begun, 1e-9)
        at_once = args.train_batch_size * args.world_size * args.gradient_accumulation_steps
        left = passed / taken * (state.max_steps - state.global_step)
        loss = "" if self._loss is None else f", loss {float(self._loss):.3f}"
        self._say(
            f"  step {state.global_step:,} of at most {state.max_steps:,}{loss}, "
            f"{taken * at_once / passed:,.1f} examples/s, at most {duration(left)} left"
        )
