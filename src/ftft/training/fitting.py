"""Whether a model fits its tokenizer and the data's classes, found out without its weights."""

from __future__ import annotations

from collections.abc import Sequence

from ftft.config.schema import FineTuning
from ftft.training.head import output_order
from ftft.training.models import load_config


def check_head(settings: FineTuning, class_names: Sequence[str]) -> None:
    """Check that the head that a model comes with is one for these classes.

    Raises:
        ModelError: It is for others.
    """
    output_order(load_config(settings), class_names, settings.model)
