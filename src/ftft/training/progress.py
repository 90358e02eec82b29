"""Progress: the Trainer's bars in a terminal, and a line a minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from transformers import ProgressCallback, TrainerCallback

SECONDS = 60.0


def progress(say: Callable[[str], None]) -> TrainerCallback:
    """What shows the progress of a training or a scoring, where it runs.

    Args:
        say: Receives the lines, where standard error is no terminal.
    """
    return Bars() if sys.stderr.isatty() else Lines(say)


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
    """Says once a minute where a training is."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say it, if it is time."""
        if state.is_world_process_zero and time.monotonic() - self._said >= SECONDS:
            self._say(f"  step {state.global_step:,} of at most {state.max_steps:,}")
            self._said = time.monotonic()
