"""Progress bars: one for a training, one for the scoring of a finished model."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback


class Progress(TrainerCallback):
    """Shows steps done, time left and the last development score on standard error.

    Args:
        title: What is being trained, such as ``reference, seed 0``.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the bar at the step a resumed training starts from."""
        if state.is_world_process_zero:
            self._bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                desc=self.title,
                unit="step",
                dynamic_ncols=True,
                leave=False,
                file=sys.stderr,
                disable=None,
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any
    ) -> None:
        """Show the watched score."""
        if self._bar is not None:
            self._bar.set_postfix(dev=f"{metrics['eval_watched']:.3f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()


class ScoringProgress(TrainerCallback):
    """Shows batches done while a finished model is scored, set after set."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_prediction_step(
        self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Move the bar on; the last batch of a set closes it."""
        if not state.is_world_process_zero:
            return
        if self._bar is None:
            self._bar = tqdm(
                total=len(eval_dataloader),
                desc="scoring",
                unit="batch",
                dynamic_ncols=True,
                leave=False,
                file=sys.stderr,
                disable=None,
            )
        self._bar.update(1)
        if self._bar.n >= self._bar.total:
            self._bar.close()
            self._bar = None
