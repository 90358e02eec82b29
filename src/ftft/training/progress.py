"""Progress: the Trainer's bars in a terminal, and a line a minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transformers import ProgressCallback, TrainerCallback

from ftft.utils.line import Line
from ftft.utils.plural import duration
from ftft.utils.terminal import shows_bars

SECONDS = 60.0
_NONE: Mapping[str, float] = {}


@dataclass(frozen=True)
class OfRun:
    """Where a training stands in the run that it is part of.

    Attributes:
        place: Its place among the run's trainings, from 1.
        total: How many there are, those that were finished before counted in.
        left: Given the seconds that this training has left and those that a step of it takes, the
            seconds to the end of the last one; None where they are not known.
        left_before: The same, before this one begins.
    """

    place: int
    total: int
    left: Callable[[float, float], float | None]
    left_before: float | None = None

    @property
    def in_words(self) -> str:
        """Such as ``training 2 of 5``."""
        return f"training {self.place} of {self.total}"

    def said(
        self, before: str, after: str, seconds: float | None, figures: Mapping[str, float] = _NONE
    ) -> Line:
        """A line with the place and, where it is known, the time that is left of all trainings."""
        left = "" if seconds is None else f"; about {duration(seconds)} of training left in all"
        found = {"training": self.place, "of": self.total, "seconds_left": seconds, **figures}
        return Line(f"{before}{self.in_words}{after}{left}", **found)


def progress(say: Callable[[str], None], of_run: OfRun | None = None) -> TrainerCallback:
    """What shows the progress of a training or a scoring, where it runs.

    Args:
        say: Receives the lines, where standard error is no terminal.
        of_run: Where the training stands in a run; None where it is on its own.
    """
    return Bars(of_run) if shows_bars() else Lines(say, of_run)


class Bars(ProgressCallback):
    """The Trainer's, with the last development score in place of a line at every log."""

    def __init__(self, of_run: OfRun | None = None) -> None:
        super().__init__()
        self._of_run = of_run
        self._shown: dict[str, str] = {}
        self._said = self._begun = time.monotonic()
        self._first = 0

    def on_train_begin(self, args: Any, state: Any, *rest: Any, **kwargs: Any) -> None:
        """Make the bar, and say which training it is of."""
        super().on_train_begin(args, state, *rest, **kwargs)
        if self.training_bar is not None and self._of_run is not None:
            self.training_bar.set_description(self._of_run.in_words)
        self._said = self._begun = time.monotonic()
        self._first = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Once a minute, show how long all trainings take that are left."""
        super().on_step_end(args, state, control, **kwargs)
        now = time.monotonic()
        if self.training_bar is None or self._of_run is None or now - self._said < SECONDS:
            return
        self._said = now
        per_step = (now - self._begun) / (state.global_step - self._first)
        left = self._of_run.left(per_step * (state.max_steps - state.global_step), per_step)
        if left is not None:
            self._show(all_left=f"about {duration(left)}")

    def _show(self, **figures: str) -> None:
        self._shown |= figures
        self.training_bar.set_postfix(self._shown)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Show the watched score."""
        if self.training_bar is not None and "eval_watched" in logs:
            self._show(dev=f"{logs['eval_watched']:.3f}")

    def on_prediction_step(self, args: Any, state: Any, *rest: Any, **kwargs: Any) -> None:
        """Move the bar on; the last batch of a set takes it away."""
        super().on_prediction_step(args, state, *rest, **kwargs)
        bar = self.prediction_bar
        if bar is not None and bar.n >= bar.total:
            bar.leave = False
            self.on_predict(args, state, *rest)


class Lines(TrainerCallback):
    """Says once a minute where a training is: step, loss, examples a second and time left."""

    def __init__(self, say: Callable[[str], None], of_run: OfRun | None = None) -> None:
        self._say, self._of_run = say, of_run
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
        where = (
            f"step {state.global_step:,} of at most {state.max_steps:,}{loss}, "
            f"{taken * at_once / passed:,.1f} examples/s, at most {duration(left)} left"
        )
        figures = {"step": state.global_step, "steps": state.max_steps}
        if self._of_run is None:
            self._say(Line(f"  {where}", seconds_left=left, **figures))
        else:
            in_all = self._of_run.left(left, passed / taken)
            self._say(self._of_run.said("  ", f": {where}", in_all, figures))
